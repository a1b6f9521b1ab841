"""File objects on pipes, terminals and sockets whose reading and writing yields.

The C classes do their system calls themselves, but `io.BufferedReader` and `io.BufferedWriter`
call the methods of the raw file below them, so a subclass of `io.FileIO` is enough to wait. Two
greenlets in one buffer would be taken for re-entrance, since to C they are one thread: the
buffers here have a lock.
"""

from __future__ import annotations

import io
import os
from collections import deque
from stat import S_IFCHR, S_IFIFO, S_IFMT
from typing import Any

from greenlet import getcurrent, greenlet

from .._originals import fstat, stat
from ..hubs.current import current_hub, hub_of
from ..hubs.switch import unpark, wake
from ._blocking import await_input, waits, write_all

_CHUNK = 65536


class GreenFileIO(io.FileIO):
    """`io.FileIO` that parks the greenlet where it would block the thread."""

    def readinto(self, buffer: Any, /) -> int | None:  # type: ignore[override]
        if not self.closed and self.readable():
            await_input(self.fileno())
        return super().readinto(buffer)

    def read(self, size: int | None = -1, /) -> bytes | None:  # type: ignore[override]
        if size is None or size < 0:
            return self.readall()
        if size and not self.closed and self.readable():
            await_input(self.fileno())
        return super().read(size)

    def readall(self) -> bytes | None:  # type: ignore[override]
        pieces: list[bytes] = []
        while True:
            piece = self.read(_CHUNK)
            if piece is None:
                return b"".join(pieces) if pieces else None
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)

    def write(self, data: Any, /) -> int | None:  # type: ignore[override]
        if self.closed or not self.writable():
            return super().write(data)  # raises the ValueError or UnsupportedOperation
        try:
            return write_all(self.fileno(), data)
        except BlockingIOError:
            return None

    def close(self) -> None:
        """As `io.FileIO.close`; whoever waits on the descriptor gets OSError(EBADF)."""
        rouse(self)
        super().close()


def rouse(raw: io.FileIO) -> None:
    """Wake those who wait on the descriptor of `raw`, if it is about to be closed with it."""
    if not raw.closed and raw.closefd:
        hub = current_hub()
        if hub is not None:
            hub.forget(raw.fileno())


class _Turnstile:
    """A lock for the greenlets that use one buffer; its holder may pass again."""

    __slots__ = ("depth", "holder", "waiting")

    def __init__(self) -> None:
        self.holder: greenlet | None = None
        self.depth = 0
        self.waiting: deque[greenlet] = deque()

    def __enter__(self) -> None:
        current = getcurrent()
        if self.holder is not None and self.holder is not current and not self.holder.dead:
            self._wait(current)
        self.holder = current
        self.depth += 1

    def _wait(self, current: greenlet) -> None:
        hub = hub_of(current)
        if current is hub:
            return  # a finalizer: let C say what it thinks of it
        while self.holder is not None:
            self.waiting.append(current)
            try:
                hub.ready.popleft().switch()
            except BaseException:
                if current in self.waiting:
                    self.waiting.remove(current)
                else:
                    unpark(hub, current)
                    self._pass_on()
                raise
            if current in self.waiting:
                self.waiting.remove(current)

    def __exit__(self, *exc_info: object) -> None:
        self.depth -= 1
        if self.depth <= 0:
            self.depth = 0
            self.holder = None
            self._pass_on()

    def _pass_on(self) -> None:
        while self.waiting:
            following = self.waiting.popleft()
            if wake(following.hub, following):  # type: ignore[attr-defined]
                return


def _locked(name: str, base: type) -> Any:
    method = getattr(base, name)

    def call(self: Any, *args: Any) -> Any:
        with self._turnstile:
            return method(self, *args)

    call.__name__ = name
    call.__qualname__ = f"{base.__name__}.{name}"
    call.__doc__ = method.__doc__
    return call


class GreenBufferedReader(io.BufferedReader):
    """`io.BufferedReader` that several greenlets may use."""

    def __init__(self, raw: Any, buffer_size: int = io.DEFAULT_BUFFER_SIZE) -> None:
        self._turnstile = _Turnstile()
        super().__init__(raw, buffer_size)

    def close(self) -> None:
        """As `io.BufferedReader.close`; whoever reads gets OSError(EBADF)."""
        raw: Any = self.raw
        if isinstance(raw, GreenFileIO):
            rouse(raw)
        with self._turnstile:
            super().close()


for _name in ("read", "read1", "readinto", "readinto1", "readline", "peek", "__next__"):
    setattr(GreenBufferedReader, _name, _locked(_name, io.BufferedReader))


class GreenBufferedWriter(io.BufferedWriter):
    """`io.BufferedWriter` that several greenlets may use."""

    def __init__(self, raw: Any, buffer_size: int = io.DEFAULT_BUFFER_SIZE) -> None:
        self._turnstile = _Turnstile()
        super().__init__(raw, buffer_size)


for _name in ("write", "flush", "close"):
    setattr(GreenBufferedWriter, _name, _locked(_name, io.BufferedWriter))


class DuplexFile(io.BufferedIOBase):
    """A buffered file on a terminal or a socket, for both directions; reader and writer don't disturb each other."""

    def __init__(self, fd: int, buffer_size: int, closefd: bool) -> None:
        size = buffer_size if buffer_size > 1 else io.DEFAULT_BUFFER_SIZE
        self.reader = GreenBufferedReader(GreenFileIO(fd, "r", closefd), size)
        self.writer = GreenBufferedWriter(GreenFileIO(fd, "w", closefd=False), size)
        self._unbuffered = buffer_size == 0

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.reader.fileno()

    def isatty(self) -> bool:
        return self.reader.isatty()

    def read(self, size: int | None = -1, /) -> bytes:
        return self.reader.read(size)

    def read1(self, size: int = -1, /) -> bytes:
        return self.reader.read1(size)

    def readinto(self, buffer: Any, /) -> int:
        return self.reader.readinto(buffer)

    def readline(self, size: int | None = -1, /) -> bytes:
        return self.reader.readline(size)

    def peek(self, size: int = 0, /) -> bytes:
        return self.reader.peek(size)

    def write(self, data: Any, /) -> int:
        written = self.writer.write(data)
        if self._unbuffered:
            self.writer.flush()
        return written

    def flush(self) -> None:
        self.writer.flush()

    def close(self) -> None:
        if not self.closed:
            try:
                super().close()  # flushes
            finally:
                try:
                    self.writer.close()
                finally:
                    self.reader.close()


class DuplexText(io.TextIOBase):
    """A text file over a `DuplexFile`. `io.TextIOWrapper` drops what it has read ahead when something is written."""

    def __init__(
        self, duplex: DuplexFile, encoding: str | None, errors: str | None, newline: str | None, line_buffering: bool
    ) -> None:
        self.buffer = duplex
        self._in = io.TextIOWrapper(duplex.reader, encoding, errors, newline)
        self._out = io.TextIOWrapper(duplex.writer, encoding, errors, newline, line_buffering)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._in.encoding

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.buffer.fileno()

    def isatty(self) -> bool:
        return self.buffer.isatty()

    def read(self, size: int | None = -1, /) -> str:
        return self._in.read(size)

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        return self._in.readline(size)

    def write(self, text: str, /) -> int:
        return self._out.write(text)

    def flush(self) -> None:
        self._out.flush()

    def close(self) -> None:
        if not self.closed:
            try:
                super().close()  # flushes
            finally:
                self.buffer.close()


def rebuild(made: Any, newline: str | None, buffering: int, fd: int, closefd: bool) -> Any:
    """A file object like `made`, the work of `io.open`, that yields. It is on `fd`, and `made` is closed."""
    text = buffered = None
    raw = made
    if isinstance(made, io.TextIOWrapper):
        text = made
        encoding, errors = text.encoding, text.errors
        lines, through = text.line_buffering, text.write_through
        raw = buffered = text.detach()
    if isinstance(raw, (io.BufferedReader, io.BufferedWriter)):
        buffered = raw
        raw = buffered.detach()
    size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
    mode = raw.mode.replace("b", "")
    green: Any = GreenFileIO(fd, mode, closefd)
    green.name = raw.name
    raw.close()
    if isinstance(buffered, io.BufferedReader):
        green = GreenBufferedReader(green, size)
    elif isinstance(buffered, io.BufferedWriter):
        green = GreenBufferedWriter(green, size)
    if text is not None:
        green = io.TextIOWrapper(green, encoding, errors, newline, lines, through)
        green.mode = mode
    return green


def may_wait_on(fd: Any) -> bool:
    """Whether `fd` is an open descriptor on which reading or writing can take long."""
    try:
        return waits(fstat(fd).st_mode, fd)
    except (OSError, TypeError, ValueError, OverflowError):
        return False


def may_wait_at(path: Any) -> bool:
    """Whether opening the file of this name, or reading or writing it then, can take long; a device is told by more."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        return False
    try:
        kind = S_IFMT(stat(path).st_mode)
    except (OSError, ValueError):
        return False  # not there yet, or the original raises it
    return kind in (S_IFIFO, S_IFCHR)
