"""File objects that yield where others block: pipes and terminals by the hub, regular files by native threads.

For programs that don't patch, and for regular files, which block in any case: a disk gives no readiness to wait for.
The names are those of the original guv and of gevent. What they did wrong is put right: a descriptor stays in the mode
that it was in, since every process that has the file shares `O_NONBLOCK`, and a `close` wakes those who wait.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from . import tpool
from ._originals import allocate_lock, get_blocking, os_close, os_read
from .exceptions import FileObjectClosed
from .green import _blocking
from .green import io as green_io
from .green._files import DuplexFile, DuplexText, may_wait_on
from .hubs.current import current_hub
from .hubs.native import run_native
from .semaphore import Semaphore

__all__ = ["FileObject", "FileObjectPosix", "FileObjectThread", "SocketAdapter", "set_nonblocking"]


def set_nonblocking(fd: Any) -> bool:
    """Put a descriptor, or an object with `fileno()`, into non-blocking mode. True if it was not before.

    Nothing in guv needs this. Every process that shares the open file is affected: of a terminal, the shell too.
    """
    number = fd if isinstance(fd, int) else fd.fileno()
    if not get_blocking(number):
        return False
    os.set_blocking(number, False)
    return True


class FileObject:
    """A file object over `fobj`: a descriptor, an object with `fileno()`, or a path.

    On a pipe, a terminal or a socket it is a `FileObjectPosix`, else a `FileObjectThread`. It has the methods and
    attributes that `open` in the same mode would give, and those that read or write yield. It can be used by several
    greenlets; each call is made whole before the next.

    `mode` as for `open`, by default that of `fobj`, else ``"rb"``; sockets and terminals can be read and written in
    one (``"r+b"``, ``"r+"``). `bufsize` as `buffering` of `open`, in bytes. With `close` the descriptor (or `fobj`) is
    closed by `close`; otherwise it stays open. Paths are opened in a native thread, which yields.

    A buffered read that is killed or times out after it got a part loses that part, as one does that a signal
    handler's exception ends; with `bufsize` 0 nothing is ever lost.
    """

    _io: Any

    def __new__(cls, fobj: Any, *args: Any, **kwargs: Any) -> FileObject:
        if cls is FileObject:
            if isinstance(fobj, (str, bytes, os.PathLike)):
                return super().__new__(_Opened)
            fd = fobj if isinstance(fobj, int) else fobj.fileno()
            return super().__new__(FileObjectPosix if may_wait_on(fd) else FileObjectThread)
        return super().__new__(cls)

    def __init__(
        self, fobj: Any, mode: str | None = None, bufsize: int = -1, close: bool = True, *,
        encoding: str | None = None, errors: str | None = None, newline: str | None = None,
    ) -> None:  # fmt: skip
        if mode is None:
            mode = getattr(fobj, "mode", "rb")
            mode = mode if isinstance(mode, str) else "rb"
        self._fobj = None if isinstance(fobj, int) else fobj
        self._close = close
        fd = fobj if isinstance(fobj, int) else fobj.fileno()
        self._io = self._open(fd, mode, bufsize, encoding, errors, newline, close and self._fobj is None)

    def _open(self, fd: int, mode: str, bufsize: int, encoding: Any, errors: Any, newline: Any, closefd: bool) -> Any:
        raise io.UnsupportedOperation(f"{type(self).__name__} is not made by itself")

    def __getattr__(self, name: str) -> Any:
        if name == "_io":  # __init__ has failed
            raise AttributeError(name)
        return getattr(self._io, name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._io!r}>"

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return bool(self._io.closed)

    def close(self) -> None:
        """Write what is buffered, then close; may be repeated. Whoever waits in a read gets OSError(EBADF)."""
        if not self.closed:
            self._io.close()
            if self._fobj is not None and self._close:
                self._fobj.close()

    def __enter__(self) -> FileObject:
        self._io.__enter__()  # raises ValueError if it is closed
        return self

    def __exit__(self, typ: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        line = self.readline()
        if not line:
            raise StopIteration
        return line


class FileObjectPosix(FileObject):
    """As `FileObject`; waits in the hub. On a regular file, which is always ready, it blocks the thread."""

    def _open(self, fd: int, mode: str, bufsize: int, encoding: Any, errors: Any, newline: Any, closefd: bool) -> Any:
        if "+" in mode and may_wait_on(fd):
            duplex = DuplexFile(fd, bufsize, closefd)
            if "b" in mode:
                return duplex
            return DuplexText(duplex, encoding, errors, newline, line_buffering=bufsize == 1)
        return green_io.open(fd, mode, bufsize, encoding, errors, newline, closefd)


#: What works on the file itself, and so goes to a thread.
_SLOW = frozenset(
    {"flush", "peek", "read", "read1", "readall", "readinto", "readinto1", "readline", "readlines", "seek", "tell",
     "truncate", "write", "writelines"}
)  # fmt: skip


class FileObjectThread(FileObject):
    """As `FileObject`; each call is made in a native thread of `guv.tpool`, and yields until it has been made.

    If the calling greenlet is killed meanwhile the call goes on to its end, and the next one waits for that.
    """

    def _open(self, fd: int, mode: str, bufsize: int, encoding: Any, errors: Any, newline: Any, closefd: bool) -> Any:
        self._turn = Semaphore()  # for greenlets: one call at a time, in order
        self._busy = allocate_lock()  # for threads: against a call whose greenlet is gone
        return self._call(io.open, fd, mode, bufsize, encoding, errors, newline, closefd)

    def _call(self, function: Any, *args: Any) -> Any:
        def call() -> Any:
            with self._busy:
                return function(*args)

        with self._turn:
            return tpool.execute(call)

    def __getattr__(self, name: str) -> Any:
        value = super().__getattr__(name)
        if name not in _SLOW:
            return value

        def call(*args: Any) -> Any:
            return self._call(value, *args)

        call.__name__ = name
        call.__doc__ = value.__doc__
        return call

    def close(self) -> None:
        """Write what is buffered, then close; may be repeated. Yields, and waits for a call under way."""
        if not self.closed:
            self._call(self._io.close)
            if self._fobj is not None and self._close:
                self._call(self._fobj.close)


class _Opened(FileObject):
    """A `FileObject` of a path: what it is stands in `_io`."""

    def __init__(
        self, fobj: Any, mode: str | None = None, bufsize: int = -1, close: bool = True, *,
        encoding: str | None = None, errors: str | None = None, newline: str | None = None,
    ) -> None:  # fmt: skip
        if not close:
            raise ValueError("Cannot use close=False with a path: nobody else could close it")
        mode = mode or "rb"
        raw = run_native(io.open, fobj, mode.replace("t", "").replace("b", "") + "b", 0, undo=io.RawIOBase.close)
        self._fobj = None
        self._close = True
        self._io = FileObject(raw, mode, bufsize, True, encoding=encoding, errors=errors, newline=newline)


class SocketAdapter:
    """The methods of a socket over any descriptor: `recv` and `sendall` of a pipe, for instance. They yield.

    `mode` is ``"rb"``, ``"wb"`` or None for both; the other direction is refused by ValueError. With `close` the
    descriptor is closed by `close`, which wakes whoever waits with OSError(EBADF). After that every call raises
    `guv.exceptions.FileObjectClosed`.
    """

    def __init__(self, fileno: int, mode: str | None = None, close: bool = True) -> None:
        if not isinstance(fileno, int) or fileno < 0:
            raise TypeError(f"fileno must be an open descriptor, not {fileno!r}")
        if mode not in (None, "rb", "wb"):
            raise ValueError(f"mode must be 'rb', 'wb' or None, not {mode!r}")
        self._fileno = fileno
        self._mode = mode or "rb/wb"
        self._close = close

    def __repr__(self) -> str:
        return f"<SocketAdapter of descriptor {self._fileno}, {self._mode}>"

    @property
    def closed(self) -> bool:
        """Whether it was closed or detached."""
        return self._fileno < 0

    def fileno(self) -> int:
        """The descriptor."""
        return self._fd("")

    def _fd(self, direction: str) -> int:
        if self._fileno < 0:
            raise FileObjectClosed(errno.EBADF, "Bad file descriptor (the SocketAdapter was closed)")
        if direction not in self._mode:
            raise ValueError(f"{self!r} can't be used for {direction!r}")
        return self._fileno

    def recv(self, size: int) -> bytes:
        """At most `size` bytes, b"" at the end. Yields until there are some."""
        fd = self._fd("rb")
        _blocking.await_input(fd)
        return os_read(fd, size)

    def recv_into(self, buffer: Any, nbytes: int = 0) -> int:
        """As `recv`, into `buffer`; returns how many bytes."""
        with memoryview(buffer).cast("B") as view:
            data = self.recv(nbytes or len(view))
            view[: len(data)] = data
            return len(data)

    def send(self, data: Any) -> int:
        """Write `data`, all of it; yields while the other side does not read. Returns how many bytes."""
        return _blocking.write_all(self._fd("wb"), data)

    def sendall(self, data: Any) -> None:
        """As `send`."""
        with memoryview(data).cast("B") as view:
            sent = 0
            while sent < len(view):
                sent += self.send(view[sent:])

    def makefile(self, mode: str | None = None, bufsize: int = -1, **options: Any) -> FileObject:
        """A `FileObject` on the same descriptor, which stays open when that is closed."""
        return FileObject(self._fd(""), mode or ("wb" if self._mode == "wb" else "rb"), bufsize, False, **options)

    def detach(self) -> int:
        """Give the descriptor away; this object counts as closed."""
        fd = self._fd("")
        self._fileno = -1
        return fd

    def close(self) -> None:
        """Close; may be repeated."""
        if self._fileno >= 0:
            fd = self.detach()
            if self._close:
                hub = current_hub()
                if hub is not None:
                    hub.forget(fd)
                os_close(fd)

    def __enter__(self) -> SocketAdapter:
        return self

    def __exit__(self, typ: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
