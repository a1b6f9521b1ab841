"""Cooperative :mod:`os`: reading and writing pipes, terminals and sockets, waiting for children.

Calls on regular files are direct. On anything else the greenlet parks until the call would not block
the thread; `O_NONBLOCK` is left as it is. Children are waited for by pidfd (`guv.green._children`);
`system`, and `open` of a FIFO whose other end is missing, block in a native thread.

Closing a descriptor wakes the greenlets that wait on it with OSError(EBADF).
"""

from __future__ import annotations

import errno
import os as _os
import select
import stat
from collections.abc import Sequence
from typing import Any

from .._originals import fstat, get_blocking, os_close, os_open, os_read
from ..hubs.current import all_hubs
from ..hubs.native import run_native
from . import names_of
from ._blocking import ATOMIC, await_input, await_output, would_block, write_all
from ._children import wait, wait3, wait4, waitid, waitpid

_readv = _os.readv
_writev = _os.writev
_sendfile = _os.sendfile
_splice = getattr(_os, "splice", None)
_dup2 = _os.dup2
_closerange = _os.closerange
_stat = _os.stat
_system = _os.system
_lockf = _os.lockf
_eventfd_read = _os.eventfd_read
_eventfd_write = _os.eventfd_write
_set_blocking = _os.set_blocking


def read(fd: int, length: int, /) -> bytes:
    """As `os.read`; yields while there is nothing to read."""
    if length:
        await_input(fd)
    return os_read(fd, length)


def readv(fd: int, buffers: Sequence[Any], /) -> int:
    """As `os.readv`; yields while there is nothing to read."""
    await_input(fd)
    return _readv(fd, buffers)


def write(fd: int, data: Any, /) -> int:
    """As `os.write`; yields while the other side does not read."""
    return write_all(fd, data)


def writev(fd: int, buffers: Sequence[Any], /) -> int:
    """As `os.writev`; yields while the other side does not read."""
    if sum(memoryview(piece).nbytes for piece in buffers) <= ATOMIC or stat.S_ISREG(fstat(fd).st_mode):
        await_output(fd)
        return _writev(fd, buffers)
    return write_all(fd, b"".join(buffers))


def sendfile(out_fd: int, in_fd: int, offset: int | None, count: int) -> int:
    """As `os.sendfile`; yields while the receiver does not read."""
    await_output(out_fd)
    if stat.S_ISREG(fstat(out_fd).st_mode) or not get_blocking(out_fd):
        return _sendfile(out_fd, in_fd, offset, count)
    while True:
        # Blocking, it would not come back before all is sent. Nobody else runs in between.
        _set_blocking(out_fd, False)
        try:
            return _sendfile(out_fd, in_fd, offset, count)
        except BlockingIOError:
            pass
        finally:
            _set_blocking(out_fd, True)
        await_output(out_fd)


def splice(
    src: int, dst: int, count: int, offset_src: int | None = None,
    offset_dst: int | None = None, flags: int = 0,
) -> int:  # fmt: skip
    """As `os.splice`; yields while the source is empty or the destination full."""
    assert _splice is not None
    if not flags & _os.SPLICE_F_NONBLOCK:
        while would_block(src, select.POLLIN) or would_block(dst, select.POLLOUT):
            await_input(src)
            await_output(dst)
    spliced: int = _splice(src, dst, count, offset_src, offset_dst, flags)
    return spliced


def eventfd_read(fd: int) -> int:
    """As `os.eventfd_read`; yields while the counter is 0."""
    await_input(fd)
    return _eventfd_read(fd)


def eventfd_write(fd: int, value: int) -> None:
    """As `os.eventfd_write`; yields while the counter is full."""
    await_output(fd)
    _eventfd_write(fd, value)


def open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    """As `os.open`; yields while the other end of a FIFO is missing."""
    if not flags & _os.O_NONBLOCK and flags & _os.O_ACCMODE != _os.O_RDWR and _is_fifo(path, dir_fd):
        return run_native(_open_native, path, flags, mode, dir_fd, undo=os_close)
    return os_open(path, flags, mode, dir_fd=dir_fd)


def _is_fifo(path: Any, dir_fd: int | None) -> bool:
    try:
        return stat.S_ISFIFO(_stat(path, dir_fd=dir_fd).st_mode)
    except (OSError, TypeError, ValueError):
        return False


def _open_native(path: Any, flags: int, mode: int, dir_fd: int | None) -> int:
    return os_open(path, flags, mode, dir_fd=dir_fd)


def close(fd: int) -> None:
    """As `os.close`; who waits on it is woken with OSError(EBADF)."""
    forget_everywhere(fd)
    os_close(fd)


def closerange(fd_low: int, fd_high: int, /) -> None:
    """As `os.closerange`."""
    for hub in all_hubs():
        for fd in [fd for fd in hub.fds if fd_low <= fd < fd_high]:
            forget_everywhere(fd)
    _closerange(fd_low, fd_high)


def dup2(fd: int, fd2: int, inheritable: bool = True) -> int:
    """As `os.dup2`; who waits on the old `fd2` is woken with OSError(EBADF)."""
    if fd != fd2:
        forget_everywhere(fd2)
    return _dup2(fd, fd2, inheritable)


def forget_everywhere(fd: int) -> None:
    """`fd` is about to be closed: wake whoever waits on it, in any thread."""
    for hub in all_hubs():
        descriptor = hub.fds.get(fd)
        if descriptor is not None:
            hub.release(descriptor)


def system(command: Any) -> int:
    """As `os.system`; yields until the command has ended."""
    command = _os.fsencode(command)  # raises the TypeError
    return run_native(_system, command)


def lockf(fd: int, command: int, length: int, /) -> None:
    """As `os.lockf`; yields while another process holds the lock."""
    if command == _os.F_LOCK:
        try:
            _lockf(fd, _os.F_TLOCK, length)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            run_native(_lockf, fd, command, length, undo=lambda _: _lockf(fd, _os.F_ULOCK, length))
        return
    _lockf(fd, command, length)


_FUNCTIONS = (
    read, readv, write, writev, sendfile, eventfd_read, eventfd_write, open, close, closerange, dup2,
    system, lockf, waitpid, wait, wait3, wait4, waitid,
    *((splice,) if _splice is not None else ()),
)  # fmt: skip

_originals: dict[str, Any] = {}  # by name

for _function in _FUNCTIONS:
    _originals[_function.__name__] = _original = getattr(_os, _function.__name__)
    _function.__module__ = "os"  # not posix, whose functions stay: pickles have to find this one
    _function.__doc__ = _original.__doc__

PATCHES = [("os", _function.__name__, _function) for _function in _FUNCTIONS]


def after_patch() -> None:
    """`os` keeps sets of functions that have some ability; `shutil` asks them whether it can do its work safely."""
    for function in _FUNCTIONS:
        original = _originals[function.__name__]
        for able in _os.supports_dir_fd, _os.supports_fd, _os.supports_follow_symlinks, _os.supports_effective_ids:
            if original in able:
                able.add(getattr(_os, function.__name__))


__getattr__ = names_of("os")
