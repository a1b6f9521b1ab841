"""Semaphores: FIFO-fair, and correct across the threads of several hubs.

A permit goes straight to the greenlet that has waited longest; one that is killed or timed out at
that moment hands it on.
"""

from __future__ import annotations

from .hubs.waiting import Waiters


class Semaphore:
    """At most `value` holders at a time. A context manager."""

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError(f"a semaphore's value can't be negative, as {value} is")
        self.counter = value
        self._waiters = Waiters(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {id(self):#x} c={self.counter} w={len(self._waiters)}>"

    @property
    def balance(self) -> int:
        """The permits left, or minus the number of greenlets that wait."""
        return self.counter - len(self._waiters)

    def locked(self) -> bool:
        """Whether `acquire` would wait."""
        return self.counter <= 0

    def bounded(self) -> bool:
        """Whether `release` is limited. Always False here."""
        return False

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take a permit; yields until there is one, for at most `timeout` seconds.

        False if there was none in time. Without `blocking` it never yields.
        """
        if timeout == -1:
            timeout = None
        if not blocking and timeout is not None:
            raise ValueError("acquire() takes no timeout without blocking")
        if self.counter > 0:
            self.counter -= 1
            return True
        return blocking and self._waiters.wait(timeout, self._take, self.release)

    def _take(self) -> bool:
        if self.counter > 0:
            self.counter -= 1
            return True
        return False

    def release(self, blocking: bool = True) -> bool:
        """Give a permit back, to whoever has waited longest. Never yields here."""
        if not self._waiters.wake_one():
            self.counter += 1
        return True

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self.release()


class BoundedSemaphore(Semaphore):
    """A semaphore that can't have more permits than it began with."""

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self.original_counter = value

    def bounded(self) -> bool:
        """Whether `release` is limited. Always True here."""
        return True

    def release(self, blocking: bool = True) -> bool:
        """As `Semaphore.release`. Raises ValueError if nobody holds a permit."""
        if self.counter >= self.original_counter:
            raise ValueError("the semaphore was released more often than acquired")
        return super().release(blocking)


class CappedSemaphore(Semaphore):
    """A semaphore of `count` permits whose `release` waits while there are `limit`."""

    def __init__(self, count: int, limit: int) -> None:
        if not 0 <= count <= limit:
            raise ValueError(f"the count must be from 0 to the limit, {limit}, not {count}")
        super().__init__(count)
        self.limit = limit
        self._full = Waiters(self)

    def bounded(self) -> bool:
        """Whether `release` is limited: whether it would wait."""
        return self.counter >= self.limit

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """As `Semaphore.acquire`; lets a waiting `release` go on."""
        taken = super().acquire(blocking, timeout)
        if taken:
            self._full.wake_one()
        return taken

    def release(self, blocking: bool = True) -> bool:
        """Give a permit; yields while there are `limit`. False without `blocking` in that case."""
        while self.counter >= self.limit:
            if not blocking:
                return False
            self._full.wait(None, lambda: self.counter < self.limit, self._full.wake_one)
        return super().release()
