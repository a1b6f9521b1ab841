"""Waiting for child processes: through pidfds, without a SIGCHLD handler and without polling.

A wait for one child parks on its pidfd. A wait for any child, for a process group, or for a stop
has no descriptor: a native thread waits with WNOWAIT, which leaves the child to be collected here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

from greenlet import getcurrent

from .._originals import os_close, pidfd_open
from .._originals import waitpid as _waitpid
from ..const import READ
from ..hubs.current import hub_of
from ..hubs.fairness import be_fair
from ..hubs.native import run_native
from ..hubs.switch import trampoline

_wait3 = os.wait3
_wait4 = os.wait4
_waitid = os.waitid

T = TypeVar("T", bound=tuple[Any, ...])


def waitpid(pid: int, options: int, /) -> tuple[int, int]:
    """As `os.waitpid`; yields until a child has ended."""
    return _collect(lambda: _waitpid(pid, options | os.WNOHANG), pid, options)


def wait() -> tuple[int, int]:
    """As `os.wait`; yields until a child has ended."""
    return _collect(lambda: _waitpid(-1, os.WNOHANG), -1, 0)


def wait3(options: int) -> tuple[int, int, Any]:
    """As `os.wait3`; yields until a child has ended."""
    return _collect(lambda: _wait3(options | os.WNOHANG), -1, options)


def wait4(pid: int, options: int) -> tuple[int, int, Any]:
    """As `os.wait4`; yields until a child has ended."""
    return _collect(lambda: _wait4(pid, options | os.WNOHANG), pid, options)


def waitid(idtype: int, id: int, options: int, /) -> Any:
    """As `os.waitid`; yields until a child is in one of the states asked for."""
    if options & os.WNOHANG:
        be_fair()
        return _waitid(idtype, id, options)
    while True:
        found = _waitid(idtype, id, options | os.WNOHANG)
        if found is not None:
            return found
        if idtype == os.P_PID and not options & (os.WSTOPPED | os.WCONTINUED):
            await_end(id)
        elif idtype == os.P_PIDFD and not options & (os.WSTOPPED | os.WCONTINUED):
            trampoline(id, READ)
        else:
            run_native(_waitid, idtype, id, options | os.WNOWAIT)


def _collect(attempt: Callable[[], T], pid: int, options: int) -> T:
    """Repeat `attempt`, a call with WNOHANG, until it has found a child."""
    if options & os.WNOHANG:
        be_fair()
        return attempt()
    while True:
        result = attempt()
        if result[0] or hub_of(current := getcurrent()) is current:
            return result
        if pid > 0 and not options & (os.WUNTRACED | os.WCONTINUED):
            await_end(pid)
        else:
            states = os.WEXITED
            if options & os.WUNTRACED:
                states |= os.WSTOPPED
            if options & os.WCONTINUED:
                states |= os.WCONTINUED
            try:
                run_native(_waitid, *_as_waitid(pid), states | os.WNOWAIT)
            except ChildProcessError:
                pass  # collected by somebody else: the attempt will say so


def _as_waitid(pid: int) -> tuple[int, int]:
    """How `waitid` names what `waitpid` calls `pid`."""
    if pid > 0:
        return os.P_PID, pid
    if pid == -1:
        return os.P_ALL, 0
    return os.P_PGID, -pid or os.getpgrp()


def await_end(pid: int, timeout: float | None = None) -> bool:
    """Park until the child `pid` has ended; False if `timeout` seconds are over before."""
    try:
        fd = pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        trampoline(fd, READ, timeout, TimeoutError)
        return True
    except TimeoutError:
        return False
    finally:
        hub_of(getcurrent()).forget(fd)
        os_close(fd)
