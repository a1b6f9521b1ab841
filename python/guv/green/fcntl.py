"""Cooperative :mod:`fcntl`: a file lock that somebody else holds is waited for in a native thread.

A lock that is free is taken at once. If the waiting greenlet is killed or times out, the lock is
given back when the thread gets it after all.
"""

from __future__ import annotations

import errno
import fcntl as _stdlib
from typing import Any

from .._originals import fcntl as _fcntl
from .._originals import flock as _flock
from .._originals import lockf as _lockf
from ..hubs.fairness import be_fair
from ..hubs.native import run_native
from . import names_of

_BUSY = (errno.EACCES, errno.EAGAIN)
_WITHOUT_WAITING = {
    _stdlib.F_SETLKW: _stdlib.F_SETLK,
    **({_stdlib.F_OFD_SETLKW: _stdlib.F_OFD_SETLK} if hasattr(_stdlib, "F_OFD_SETLKW") else {}),
}


def flock(fd: Any, operation: int, /) -> None:
    """As `fcntl.flock`; yields while somebody else holds the lock."""
    if operation & _stdlib.LOCK_NB or operation & _stdlib.LOCK_UN:
        if not operation & _stdlib.LOCK_UN:
            be_fair()
        _flock(fd, operation)
        return
    try:
        _flock(fd, operation | _stdlib.LOCK_NB)
    except OSError as error:
        if error.errno not in _BUSY:
            raise
        run_native(_flock, fd, operation, undo=lambda _: _flock(fd, _stdlib.LOCK_UN))


def lockf(fd: Any, cmd: int, len: int = 0, start: int = 0, whence: int = 0, /) -> None:
    """As `fcntl.lockf`; yields while another process holds the lock."""
    if cmd & _stdlib.LOCK_NB or cmd & _stdlib.LOCK_UN:
        if not cmd & _stdlib.LOCK_UN:
            be_fair()
        _lockf(fd, cmd, len, start, whence)
        return
    try:
        _lockf(fd, cmd | _stdlib.LOCK_NB, len, start, whence)
    except OSError as error:
        if error.errno not in _BUSY:
            raise
        run_native(
            _lockf, fd, cmd, len, start, whence,
            undo=lambda _: _lockf(fd, _stdlib.LOCK_UN, len, start, whence),
        )  # fmt: skip


def fcntl(fd: Any, cmd: int, arg: Any = 0, /) -> Any:
    """As `fcntl.fcntl`; F_SETLKW and F_OFD_SETLKW yield while somebody else holds the lock."""
    attempt = _WITHOUT_WAITING.get(cmd)
    if attempt is None:
        return _fcntl(fd, cmd, arg)
    try:
        return _fcntl(fd, attempt, arg)
    except OSError as error:
        if error.errno not in _BUSY:
            raise
        return run_native(_fcntl, fd, cmd, arg)


for _function in (flock, lockf, fcntl):
    _original = getattr(_stdlib, _function.__name__)
    _function.__module__ = _original.__module__
    _function.__doc__ = _original.__doc__

PATCHES = [
    ("fcntl", "flock", flock),
    ("fcntl", "lockf", lockf),
    ("fcntl", "fcntl", fcntl),
]

__getattr__ = names_of("fcntl")
