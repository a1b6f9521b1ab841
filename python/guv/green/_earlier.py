"""Green twins for locks, queues and thread-local data that were made before `monkey_patch`.

A twin takes the native object's place wherever that is held. But a frame on the stack, a native thread or C code may
go on using the native one: the ``with`` statement that runs just now, the interpreter that frees a thread's sentinel.
So a `lock`'s twin has the native lock for its state: who takes either has taken both. What the twin can't
see is that somebody frees the native lock; as long as greenlets wait, a native thread waits for that beside them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .._originals import RLock as NativeRLock
from .._originals import allocate_lock as native_lock
from .._originals import getpid, start_new_thread, thread_local
from ..hubs.abc import AbstractHub
from ..hubs.current import all_hubs, current_hub
from ..local import local
from .lock import allocate_lock, lock
from .rlock import RLock

_HELD = re.compile(r"owner=(\d+) count=(\d+)")


#: Seconds between two looks at a native lock when no thread can be started to wait for it.
_INTERVAL = 0.01


class _Watched(list[Any]):
    """The waiters of a twin: while there are some, a native thread waits for the native lock with them.

    `freed` is called by that thread when it has got it. True even if there are none, so that no release is over before
    it has come to the native lock.
    """

    __slots__ = ("_freed", "_native", "_pid")

    def __init__(self, native: Any, freed: Callable[[], None]) -> None:
        self._native = native
        self._freed = freed
        self._pid = 0  # of the process where the thread is

    def __bool__(self) -> bool:
        return True

    def append(self, waiter: Any) -> None:
        super().append(waiter)
        hub = current_hub()
        if hub is None:
            self._start()
        else:  # whoever comes looks once more after this, and may not have to wait
            hub.calls.append(self._start)

    def _start(self) -> None:
        if not len(self) or self._pid == getpid():
            return
        self._pid = getpid()
        try:
            start_new_thread(self._wait, ())
        except RuntimeError:  # the interpreter is about to end
            hub = current_hub()
            if hub is None:
                self._wait()
            else:
                self._look(hub)

    def _wait(self) -> None:
        self._native.acquire()
        self._pid = 0
        self._freed()

    def _look(self, hub: AbstractHub) -> None:
        if not self._native.acquire(False):
            hub.schedule_call_global(_INTERVAL, self._look, hub)
            return
        self._pid = 0
        self._freed()


def adopt_lock(native: Any) -> lock:
    """The twin of a native lock, held if that is."""
    twin: Any = allocate_lock()
    twin._held = True
    twin._native = native
    twin._waiters = _Watched(native, twin._hand_over)
    return twin  # type: ignore[no-any-return]


def adopt_rlock(native: Any) -> RLock:
    """The twin of a native RLock, held as often, by the same thread's main greenlet."""
    twin: Any = RLock()
    found = _HELD.search(repr(native))
    owner, count = map(int, found.groups()) if found else (0, 0)
    if not owner or not count:
        return twin  # type: ignore[no-any-return]
    twin._count = count
    twin._owner = owner

    def settle() -> None:
        if twin._owner == owner and twin._count >= count:
            twin._count -= count
            if not twin._count:
                twin._pass_on()

    def freed() -> None:
        native.release()
        for hub in all_hubs():
            if hub.thread == owner:
                hub.call_soon_threadsafe(settle)
                return
        settle()

    twin._waiters = _Watched(native, freed)
    return twin  # type: ignore[no-any-return]


def adopt_local(native: Any) -> local:
    """The twin of a native `threading.local`, with the values that it has for the caller."""
    twin: Any = local()
    vars(twin).update(vars(native))
    return twin  # type: ignore[no-any-return]


LOCKS = {type(native_lock()): adopt_lock, type(NativeRLock()): adopt_rlock, thread_local: adopt_local}
