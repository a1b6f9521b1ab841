"""A Python console inside a running program, on a Unix socket that its own user alone may connect to.

``guv.spawn(guv.backdoor.backdoor_server, guv.backdoor.listen("/run/app/console"))`` in the program, and
``python -m guv.backdoor /run/app/console`` (or ``nc -U``) beside it. Each connection is a greenlet of the program's:
what is typed there runs in it and sees everything, and blocks everything if it does not yield.
"""

from __future__ import annotations

import code
import contextvars
import io
import os
import select
import socket
import struct
import sys
from types import CodeType
from typing import Any, TextIO

from greenlet import GreenletExit

from . import server
from .fileobject import FileObjectPosix

_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid of the peer

#: Where the prints of a console's greenlet go, and of those that it spawns.
_output: contextvars.ContextVar[TextIO] = contextvars.ContextVar("guv.backdoor output")
_consoles = 0  # open now


def listen(path: str) -> socket.socket:
    """A listening Unix socket at `path` that only this user may connect to. One that is left over is replaced.

    Never yields. Raises OSError, if somebody listens there for instance.
    """
    before = os.umask(0o177)
    try:
        return server.listen(path, backlog=5)
    finally:
        os.umask(before)


def backdoor_server(sock: socket.socket, locals: dict[str, Any] | None = None) -> None:
    """Serve consoles on the listening Unix socket `sock`, each in a greenlet, until it is closed or this one killed.

    `locals` are the names that consoles have to begin with; they share the dict. Connections of other users than this
    one and root are refused, whatever the mode of the socket's file. Raises ValueError for a socket that is not a Unix
    socket: anybody who can connect runs code here. Yields.
    """
    if sock.family != socket.AF_UNIX:
        raise ValueError(f"a backdoor needs a Unix socket, not {sock!r}: whoever connects can run any code")
    server.serve(sock, lambda connection, address: backdoor((connection, address), locals))


def backdoor(conn_info: tuple[socket.socket, Any], locals: dict[str, Any] | None = None) -> None:
    """Run one console on the connected Unix socket ``conn_info[0]``, and close that when its user leaves. Yields."""
    connection = conn_info[0]
    with connection:
        user = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))[1]
        if user not in (0, os.geteuid()):
            connection.sendall(b"this console is for another user\n")
            return
        with FileObjectPosix(connection, "r+", close=False, encoding="utf-8", errors="replace") as stream:
            try:
                contextvars.copy_context().run(_run, stream, {} if locals is None else locals)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the user has gone


def _run(stream: Any, names: dict[str, Any]) -> None:
    """A read-eval-print loop on `stream`."""
    names.setdefault("__name__", "__console__")
    names.setdefault("__doc__", None)
    _output.set(stream)
    console = _Console(names, stream)
    _route(1)
    try:
        console.write(f"Python {sys.version.split()[0]} in process {os.getpid()}\n")
        more = False
        while True:
            console.write("... " if more else ">>> ")
            line = stream.readline()
            if not line:
                return
            more = console.push(line.rstrip("\r\n"))
    except SystemExit:
        return  # exit() leaves the console, not the program
    finally:
        _route(-1)


class _Console(code.InteractiveConsole):
    """Compiles lines, runs them, and tells of errors on its stream."""

    def __init__(self, names: dict[str, Any], stream: Any) -> None:
        super().__init__(names, "<backdoor>")
        self.stream = stream

    def runcode(self, code: CodeType) -> None:
        """As the one of the standard library, which also keeps a greenlet from being killed."""
        try:
            exec(code, self.locals)  # type: ignore[arg-type]
        except (SystemExit, GreenletExit):
            raise
        except BaseException:
            self.showtraceback()

    def write(self, data: str) -> None:
        self.stream.write(data)
        self.stream.flush()


class _Router(io.TextIOBase):
    """`sys.stdout` while there are consoles: what their greenlets print goes to them."""

    def __init__(self, program: TextIO) -> None:
        self.program = program

    def _stream(self) -> TextIO:
        stream = _output.get(self.program)
        return self.program if stream.closed else stream  # what a console has spawned may outlive it

    def write(self, text: str) -> int:
        stream = self._stream()
        written = stream.write(text)
        if stream is not self.program and "\n" in text:
            stream.flush()
        return written

    def flush(self) -> None:
        self._stream().flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.program, name)


def _route(change: int) -> None:
    """Count consoles, and replace `sys.stdout` while there are any."""
    global _consoles
    _consoles += change
    routed = isinstance(sys.stdout, _Router)
    if _consoles and not routed:  # the first console, or the program has replaced it meanwhile
        sys.stdout = _Router(sys.stdout)
    elif not _consoles and routed:
        sys.stdout = sys.stdout.program  # type: ignore[union-attr]


def main(path: str) -> None:
    """Connect the terminal to the console at `path` until either side ends. Blocks; for a process of its own."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        sources: list[Any] = [connection, 0]
        while connection in sources:
            ready = select.select(sources, [], [])[0]
            if 0 in ready:
                typed = os.read(0, 65536)
                connection.sendall(typed)
                if not typed:
                    connection.shutdown(socket.SHUT_WR)
                    sources.remove(0)
            if connection in ready:
                data = connection.recv(65536)
                os.write(1, data)
                if not data:
                    sources.remove(connection)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m guv.backdoor PATH")
    main(sys.argv[1])
