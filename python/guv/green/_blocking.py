"""Readiness of descriptors that guv does not own: pipes, terminals, FIFOs, sockets of others.

They stay as they are: `O_NONBLOCK` belongs to the open file, which other processes may share (think of
a terminal), so it is never set here. Each call asks `poll(2)` first, parks while the answer
is no, and then makes the real call, which finds something to do. A regular file is always ready.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from fcntl import F_GETFL
from typing import Any, Final

from greenlet import getcurrent

from .._originals import fcntl, fstat, get_blocking, os_write, poll
from ..const import READ, WRITE
from ..hubs.current import hub_of
from ..hubs.fairness import be_fair
from ..hubs.switch import trampoline

_IN: Final = select.POLLIN
_OUT: Final = select.POLLOUT

#: What a pipe that reports POLLOUT takes without blocking; POSIX's PIPE_BUF on Linux.
ATOMIC: Final = 4096

#: The same for a terminal.
_TTY_CHUNK: Final = 256

_pwritev = os.pwritev
_NOWAIT: Final = os.RWF_NOWAIT


#: A poll object for each descriptor and event asked about. It holds two numbers and nothing of the file's, so it serves
#: whatever has that descriptor. Making one costs twice as much as asking.
_polls: dict[tuple[int, int], Any] = {}
_MOST_POLLS = 4096


def _is_ready(fd: Any, event: int) -> bool:
    asked = _polls.get((fd, event)) if fd.__class__ is int else None
    if asked is not None:
        try:
            return bool(asked.poll(0))
        except RuntimeError:  # another thread asks this very moment
            pass
    asked = poll()
    asked.register(fd, event)
    if fd.__class__ is int:
        if len(_polls) >= _MOST_POLLS:
            _polls.clear()
        _polls[fd, event] = asked
    return bool(asked.poll(0))


def would_block(fd: Any, event: int) -> bool:
    """Whether a call on `fd` for `event` (POLLIN, POLLOUT) would block the thread now.

    False too for what is no open descriptor: the real call has the right error for it.
    """
    try:
        if _is_ready(fd, event):
            return False
        flags = fcntl(fd, F_GETFL)
        # an end that is not open for this never gets ready, but fails at once
        wrong = os.O_WRONLY if event == _IN else os.O_RDONLY
        return not flags & os.O_NONBLOCK and flags & os.O_ACCMODE != wrong
    except (OSError, TypeError, ValueError, OverflowError):
        return False


def await_input(fd: int) -> None:
    """Park until reading from `fd` would not block the thread. Does nothing in the hub."""
    be_fair()
    while would_block(fd, _IN) and _may_wait():
        trampoline(fd, READ)


def await_output(fd: int) -> None:
    """Park until writing a little to `fd` would not block the thread. Does nothing in the hub."""
    while would_block(fd, _OUT) and _may_wait():
        trampoline(fd, WRITE)


def _may_wait() -> bool:
    current = getcurrent()
    return hub_of(current) is not current


def waits(mode: int, fd: int) -> bool:
    """Whether a file of this `st_mode` can keep a reader or writer waiting for long."""
    return (
        stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
        or (stat.S_ISCHR(mode) and os.isatty(fd))
    )  # fmt: skip


def write_all(fd: int, data: Any) -> int:
    """Write `data` as a blocking `os.write` does: all of it, to whatever `fd` is. Yields while
    the other side does not read. Returns how much was written."""
    if data.__class__ is bytes and len(data) <= ATOMIC:
        try:  # one call, where asking first takes four
            sent = _pwritev(fd, (data,), -1, _NOWAIT)
        except (OSError, TypeError, OverflowError):  # full, or no such file; what follows finds out
            pass
        else:
            if sent == len(data):
                return sent
            try:
                return sent + write_all(fd, data[sent:])
            except OSError:  # the next call reports it
                return sent
    with memoryview(data) as whole:
        size = whole.nbytes
        if size <= ATOMIC:
            await_output(fd)
            return os_write(fd, data)
        mode = fstat(fd).st_mode
        if not waits(mode, fd) or not get_blocking(fd):
            await_output(fd)
            return os_write(fd, data)
        with whole.cast("B") as view:
            return _write_in_pieces(fd, view, _TTY_CHUNK if stat.S_ISCHR(mode) else ATOMIC)


def _write_in_pieces(fd: int, view: memoryview, chunk: int) -> int:
    sent = 0
    nowait = True
    size = len(view)
    while sent < size:
        await_output(fd)
        try:
            with view[sent : sent + (size if nowait else chunk)] as piece:
                sent += _pwritev(fd, (piece,), -1, _NOWAIT) if nowait else os_write(fd, piece)
        except OSError as error:
            if error.errno == errno.EAGAIN:
                # not a page is free though poll() says so: leave it to the blocking call
                nowait = False
            elif nowait and error.errno in (errno.EOPNOTSUPP, errno.ENOSYS, errno.ESPIPE):
                nowait = False
            elif sent and error.errno == errno.EPIPE:
                return sent
            else:
                raise
    return sent
