"""Locks by the names that gevent's programs import: `RLock`, `Condition`, `Barrier`, and the semaphores.

They work between greenlets and between the threads of several hubs, whether or not anything is patched. (After
`monkey_patch`, `threading`'s own do the same.) Each is FIFO-fair; a waiter that is killed or timed out takes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

from ._originals import monotonic_ns
from .green.rlock import RLock as RLock
from .hubs.deadline import deadline_after
from .hubs.waiting import Waiters, retake
from .semaphore import BoundedSemaphore as BoundedSemaphore
from .semaphore import CappedSemaphore as CappedSemaphore
from .semaphore import Semaphore as Semaphore

__all__ = ["Barrier", "BoundedSemaphore", "BrokenBarrierError", "CappedSemaphore", "Condition", "RLock", "Semaphore"]

BrokenBarrierError = threading.BrokenBarrierError


class Lock(Protocol):
    """What a `Condition` needs of a lock."""

    def acquire(self) -> Any: ...

    def release(self) -> Any: ...


class Condition:
    """The interface of `threading.Condition`: wait until somebody who holds the same lock says that a state changed.

    `lock` is an `RLock` if it is not given; a `Semaphore(1)` will do as well.
    """

    def __init__(self, lock: Lock | None = None) -> None:
        self._lock: Any = RLock() if lock is None else lock
        self.acquire = self._lock.acquire
        self.release = self._lock.release
        self._waiters = Waiters()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self._lock!r}, {len(self._waiters)})>"

    def __enter__(self) -> Any:
        return self._lock.__enter__()

    def __exit__(self, *exc_info: Any) -> None:
        self._lock.__exit__(*exc_info)

    def _check_owned(self) -> None:
        lock = self._lock
        owned = lock._is_owned() if hasattr(lock, "_is_owned") else lock.locked()
        if not owned:
            raise RuntimeError("the lock of a condition must be held by who waits or notifies")

    def wait(self, timeout: float | None = None) -> bool:
        """Release the lock, yield until notified, for at most `timeout` seconds, take the lock again (which may
        yield longer); whether it was notified.

        The lock is taken again also if the wait ends by an exception. Raises RuntimeError if it isn't held.
        """
        self._check_owned()
        lock = self._lock
        state = lock._release_save() if hasattr(lock, "_release_save") else lock.release()
        notified = False
        try:
            notified = self._waiters.wait(self, timeout, None, self._waiters.wake_one)
        finally:
            self._retake(state, notified)
        return notified

    def _retake(self, state: Any, notified: bool) -> None:
        """Take the lock again. Who is killed meanwhile has it all the same, but hands a notification on."""
        lock = self._lock
        try:
            if hasattr(lock, "_acquire_restore"):
                retake(lock._acquire_restore, state)
            else:
                retake(lock.acquire)
        except BaseException:
            if notified:
                self._waiters.wake_one()
            raise

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        """`wait` until `predicate()` is true, for at most `timeout` seconds; its last value."""
        deadline = None if timeout is None else deadline_after(timeout)
        while not (result := predicate()):
            left = None
            if deadline is not None:
                left = (deadline - monotonic_ns()) / 1e9
                if left <= 0:
                    return result
            self.wait(left)
        return result

    def notify(self, n: int = 1) -> None:
        """Wake the `n` that have waited longest; they go on when the lock is released. Never yields."""
        self._check_owned()
        for _ in range(n):
            if not self._waiters.wake_one():
                return

    def notify_all(self) -> None:
        """Wake all who wait. Never yields."""
        self._check_owned()
        self._waiters.wake_all()

    notifyAll = notify_all


class Barrier(threading.Barrier):
    """`threading.Barrier` between greenlets: the same code, on a condition of ours.

    `wait` yields until `parties` greenlets wait; a greenlet that is killed there leaves the others waiting for another.
    """

    def __init__(self, parties: int, action: Callable[[], None] | None = None, timeout: float | None = None) -> None:
        super().__init__(parties, action, timeout)
        self._cond: Any = Condition()
