"""Unpatched functions of the standard library, captured when guv is first imported.

guv's own machinery uses these, so that it keeps working on real time, real threads and real
descriptors whatever `monkey_patch` replaces. Nothing here imports the rest of the package.
"""

from __future__ import annotations

import _socket
import _thread
import posix
import select as _select
import time as _time

monotonic = _time.monotonic
monotonic_ns = _time.monotonic_ns
perf_counter_ns = _time.perf_counter_ns
time_sleep = _time.sleep

get_ident = _thread.get_ident
allocate_lock = _thread.allocate_lock
start_new_thread = _thread.start_new_thread
thread_count = _thread._count
thread_local = _thread._local

os_read = posix.read
os_write = posix.write
os_close = posix.close

epoll = _select.epoll
poll = _select.poll
select = _select.select

RawSocket = _socket.socket
