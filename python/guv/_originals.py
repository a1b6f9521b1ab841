"""Unpatched functions of the standard library, captured when guv is first imported.

guv's own machinery uses these, so that it keeps working on real time, real threads and real
descriptors whatever `monkey_patch` replaces. Nothing here imports the rest of the package.
"""

from __future__ import annotations

import _signal
import _socket
import _thread
import fcntl as _fcntl
import posix
import select as _select
import sys as _sys
import time as _time
from collections.abc import Callable as _Callable
from types import ModuleType as _ModuleType
from typing import Any as _Any


def _own_clock() -> _ModuleType:
    """A second instance of the C module `time`, with functions of its own.

    freezegun and others like it stop the clocks wherever a module of the process holds a function of `time`; guv's
    timers would stand still with them, and every greenlet would sleep for ever.
    """
    spec = _time.__spec__
    clock = spec.loader.create_module(spec)  # type: ignore[union-attr]
    spec.loader.exec_module(clock)  # type: ignore[union-attr, arg-type]
    return clock  # type: ignore[return-value]


_clock: _Any = _own_clock()
monotonic: _Callable[[], float] = _clock.monotonic
monotonic_ns: _Callable[[], int] = _clock.monotonic_ns
perf_counter_ns: _Callable[[], int] = _clock.perf_counter_ns
time: _Callable[[], float] = _clock.time
time_sleep = _time.sleep

get_ident = _thread.get_ident
allocate_lock = _thread.allocate_lock
current_frames = _sys._current_frames
RLock = _thread.RLock
start_new_thread = _thread.start_new_thread
thread_count = _thread._count
thread_local = _thread._local

interrupt_main = _thread.interrupt_main

os_read = posix.read
os_write = posix.write
os_close = posix.close
get_blocking = posix.get_blocking
getpid = posix.getpid
sendfile = posix.sendfile
pidfd_open = posix.pidfd_open
waitpid = posix.waitpid

os_open = posix.open
fstat = posix.fstat
stat = posix.stat
fcntl = _fcntl.fcntl
flock = _fcntl.flock
lockf = _fcntl.lockf

getsignal = _signal.getsignal
set_signal = _signal.signal
set_wakeup_fd = _signal.set_wakeup_fd
valid_signals = _signal.valid_signals

epoll = _select.epoll
poll = _select.poll
select = _select.select

RawSocket = _socket.socket
SHUT_RD = _socket.SHUT_RD

raw_getaddrinfo = _socket.getaddrinfo
raw_gethostbyname = _socket.gethostbyname
raw_gethostbyname_ex = _socket.gethostbyname_ex
raw_gethostbyaddr = _socket.gethostbyaddr
raw_getnameinfo = _socket.getnameinfo
