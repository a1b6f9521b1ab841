"""`threading.Condition` without its detour: who waits leaves a note instead of a lock of its own.

The standard library makes a lock for each wait, takes it, and takes it again to block. In a greenlet that is a dozen
calls around one switch, and `Event`, `Semaphore`, `queue.Queue` and `concurrent.futures` pay it for each hand-over. The
methods here are put into the class in place. They do what the originals do, in the same order, and serve the same
queue: whoever waits there since before the patch, with a lock, is notified like the others.

Unlike the original, a notification that reaches a greenlet in the moment in which it times out counts as one, and if
the greenlet is killed in that moment the next waiter has it: nothing is lost.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from ..hubs.waiting import NOTHING, await_note, leave_note, retake, wake_one
from .lock import check_timeout, lock


def __enter__(self: Any) -> Any:
    """Take the lock; may yield."""
    mutex = self._lock
    if mutex.__class__ is lock and not mutex._held:
        mutex._held = True
        return True
    return mutex.__enter__()


def __exit__(
    self: Any, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
) -> Any:
    """Free the lock. Never yields."""
    mutex = self._lock
    if mutex.__class__ is not lock or mutex._waiters or not mutex._held:
        return mutex.__exit__(kind, value, traceback)
    mutex._held = False
    if mutex._waiters and mutex._try():  # came from another thread meanwhile
        mutex._hand_over()
    return None


def wait(self: Any, timeout: float | None = None) -> bool:
    """As `threading.Condition.wait`: free the lock, yield until notified or until `timeout` seconds have passed, take
    the lock again. False if nobody notified in time. Raises RuntimeError if the lock is not held."""
    mutex = self._lock
    plain = mutex.__class__ is lock
    if not (mutex._is_held() if plain else self._is_owned()):
        raise RuntimeError("cannot wait on un-acquired lock")
    if timeout is not None and timeout > 0:
        check_timeout(True, timeout)
    waiters = self._waiters
    note = leave_note(waiters)
    if plain:
        mutex.release()
    else:
        state = self._release_save()
    killed = True
    try:
        notified = await_note(waiters, note, timeout)
        killed = False
    finally:
        try:
            if not plain:
                retake(self._acquire_restore, state)
            elif not mutex._try():
                retake(mutex._wait, -1)
        except BaseException:
            killed = True
            raise
        finally:
            if killed and note[1] is not NOTHING:
                self.notify()
    return notified


def notify(self: Any, n: int = 1) -> None:
    """As `threading.Condition.notify`: wake the `n` that have waited longest. Never yields. Raises RuntimeError if the
    lock is not held."""
    mutex = self._lock
    if not (mutex._is_held() if mutex.__class__ is lock else self._is_owned()):
        raise RuntimeError("cannot notify on un-acquired lock")
    waiters = self._waiters
    while n > 0 and wake_one(waiters):
        n -= 1


PATCHES: list[tuple[str, str, Any]] = [
    ("threading", f"Condition.{method.__name__}", method) for method in (__enter__, __exit__, wait, notify)
]
