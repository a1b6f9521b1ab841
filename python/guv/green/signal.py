"""Cooperative :mod:`signal`: handlers beside a hub, and waits for signals that yield.

`signal.signal` keeps the program's handler inside a wrapper that sees to it that no handler runs within
guv's own code and that what one raises is raised in the main greenlet (`guv.hubs.signals`);
`getsignal` gives the program's own. `set_wakeup_fd` chains the program's descriptor behind guv's.

`sigwait`, `sigwaitinfo` and `sigtimedwait` wait through a signalfd, which needs `ctypes`; without it
they use a native thread, which misses signals sent to one thread by `pthread_kill`.
"""

from __future__ import annotations

import _signal
import signal as _stdlib
import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from greenlet import getcurrent, greenlet

from .._originals import get_ident, monotonic_ns, os_close
from ..const import READ
from ..hubs.current import hub_of
from ..hubs.fairness import be_fair
from ..hubs.native import run_native
from ..hubs.signals import plumbing, unwrap, wrap
from ..hubs.switch import trampoline, unpark
from . import _sigmask, names_of
from ._signalfd import signalfd
from .thread import is_thread

#: Greenlets that run code which takes them for the main thread, because it asks the operating system: their
#: `set_wakeup_fd` does nothing.
bystanders: set[greenlet] = set()

_HandlerType = Callable[[int, "FrameType | None"], Any] | int | None

_signal_signal = _stdlib.signal
_getsignal = _stdlib.getsignal
_set_wakeup_fd = _signal.set_wakeup_fd
_sigtimedwait = _signal.sigtimedwait
_pause = _signal.pause
_pthread_kill = _signal.pthread_kill


def signal(signalnum: int, handler: Any) -> Any:
    """As `signal.signal`; ValueError in a thread that is not the main one. Other greenlets may call it."""
    if is_thread(getcurrent()):
        raise ValueError("signal only works in main thread of the main interpreter")
    return unwrap(_signal_signal(signalnum, wrap(handler)))


def getsignal(signalnum: int) -> Any:
    """As `signal.getsignal`: what the program has set."""
    return unwrap(_getsignal(signalnum))


def set_wakeup_fd(fd: int, /, *, warn_on_full_buffer: bool = True) -> int:
    """As `signal.set_wakeup_fd`: signal numbers that guv's own pipe has received go on to `fd`.

    ValueError in a thread that is not the main one.
    """
    current = getcurrent()
    if bystanders and current in bystanders:
        return -1
    if is_thread(current):
        raise ValueError("set_wakeup_fd only works in main thread of the main interpreter")
    previous = _set_wakeup_fd(fd, warn_on_full_buffer=warn_on_full_buffer)
    installed = plumbing()
    if installed is None:
        return previous  # type: ignore[no-any-return]
    _set_wakeup_fd(installed.into, warn_on_full_buffer=False)
    if previous == installed.into:
        previous = installed.program_fd
    installed.program_fd = fd
    installed.program_warns = warn_on_full_buffer
    return previous  # type: ignore[no-any-return]


def pause() -> None:
    """As `signal.pause`; yields until a handler has run."""
    current = getcurrent()
    hub = hub_of(current)
    installed = plumbing()
    if installed is None or installed.hub is not hub:
        _pause()  # another thread: signals are not handled there
        return
    before = installed.delivered
    try:
        while installed.delivered == before:
            if current not in installed.pausing:
                installed.pausing.append(current)
            hub.ready.popleft().switch()
    except BaseException:
        if current in installed.pausing:
            installed.pausing.remove(current)
        unpark(hub, current)
        raise


def sigwait(sigset: Iterable[int]) -> _stdlib.Signals | int:
    """As `signal.sigwait`; yields."""
    number: int = _wait_for(sigset, None).si_signo
    try:
        return _stdlib.Signals(number)
    except ValueError:
        return number


def sigwaitinfo(sigset: Iterable[int], /) -> Any:
    """As `signal.sigwaitinfo`; yields."""
    return _wait_for(sigset, None)


def sigtimedwait(sigset: Iterable[int], timeout: float, /) -> Any:
    """As `signal.sigtimedwait`; yields, with a `timeout` of 0 as other looks do (`guv.hubs.fairness`). None when the
    time is over."""
    if not timeout:
        be_fair()
    info = _sigtimedwait(sigset, 0 if timeout > 0 else timeout)
    if info is not None or timeout <= 0:
        return info
    return _wait_for(sigset, timeout)


def _wait_for(sigset: Iterable[int], timeout: float | None) -> Any:
    signals = set(sigset)
    with _sigmask.blocked(signals):
        return _await_one(signals, timeout)


def _await_one(signals: set[int], timeout: float | None) -> Any:
    due = 0 if timeout is None else monotonic_ns() + int(timeout * 1e9)
    info = _sigtimedwait(signals, 0)
    if info is not None:
        return info
    fd = signalfd(signals)
    if fd < 0:
        if timeout is None:
            return run_native(_signal.sigwaitinfo, signals)
        return run_native(_sigtimedwait, signals, timeout)
    try:
        while info is None:
            if timeout is None:
                trampoline(fd, READ)
            else:
                left = (due - monotonic_ns()) / 1e9
                if left <= 0:
                    return None
                try:
                    trampoline(fd, READ, left, TimeoutError)
                except TimeoutError:
                    return _sigtimedwait(signals, 0)
            info = _sigtimedwait(signals, 0)
        return info
    finally:
        hub_of(getcurrent()).forget(fd)
        os_close(fd)


def pthread_kill(thread_id: int, signalnum: int, /) -> None:
    """As `signal.pthread_kill`; a greenlet-thread stands for the thread that it runs in."""
    if isinstance(thread_id, int) and thread_id not in sys._current_frames():
        thread_id = get_ident()
    _pthread_kill(thread_id, signalnum)


for _function, _original in (
    (signal, _signal_signal), (getsignal, _getsignal), (set_wakeup_fd, _set_wakeup_fd),
    (pause, _pause), (sigwait, _stdlib.sigwait), (sigwaitinfo, _signal.sigwaitinfo),
    (sigtimedwait, _sigtimedwait), (pthread_kill, _pthread_kill),
):  # fmt: skip
    _function.__module__ = _original.__module__
    _function.__doc__ = _original.__doc__

PATCHES = [
    ("signal", "signal", signal),
    ("signal", "getsignal", getsignal),
    ("signal", "set_wakeup_fd", set_wakeup_fd),
    ("signal", "pause", pause),
    ("signal", "sigwait", sigwait),
    ("signal", "sigwaitinfo", sigwaitinfo),
    ("signal", "sigtimedwait", sigtimedwait),
    ("signal", "pthread_kill", pthread_kill),
    *_sigmask.PATCHES,
]

__getattr__ = names_of("signal")
