"""Semaphores: FIFO-fair, and correct across the threads of several hubs.

A permit goes straight to the greenlet that has waited longest; one that is killed or timed out at that moment
hands it on. `release` never yields (but for `CappedSemaphore`) and may be called from any thread, from signal
handlers and finalizers. How that works without a lock stands in `guv.hubs.waiting`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet

from ._originals import get_ident
from .event import TEvent
from .hubs.abc import AbstractHub
from .hubs.current import hub_of
from .hubs.switch import unpark
from .hubs.turn import Turn
from .hubs.waiting import NOTHING, Note, current_and_hub, park, remove, resume, serve


class Semaphore:
    """At most `value` holders at a time. A context manager."""

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError(f"a semaphore's value can't be negative, as {value} is")
        self.counter = value
        self._waiters: deque[Note] = deque()
        self._links: list[Callable[[Semaphore], object]] = []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {id(self):#x} c={self.counter} w={len(self._waiters)}>"

    @property
    def balance(self) -> int:
        """The permits left, or minus the number of greenlets that wait."""
        return self.counter - len(self._waiters)

    def locked(self) -> bool:
        """Whether `acquire` would wait."""
        return self.counter <= 0

    def ready(self) -> bool:
        """Whether `acquire` would not wait."""
        return self.counter > 0

    def bounded(self) -> bool:
        """Whether `release` is limited. Always False here."""
        return False

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """Take a permit; yields until there is one, for at most `timeout` seconds (None and -1: for ever).

        False if there was none in time. Without `blocking` it never yields.
        """
        if timeout is not None:
            if not blocking:
                raise ValueError("acquire() takes no timeout without blocking")
            if timeout == -1:
                timeout = None
        if self.counter > 0:
            self.counter -= 1
            return True
        if not blocking:
            return False
        current = getcurrent()
        try:
            hub: AbstractHub = current.hub  # type: ignore[attr-defined]
        except AttributeError:
            hub = hub_of(current)
        note: Note = [current, NOTHING]
        self._waiters.append(note)
        if self.counter > 0:  # released by another thread meanwhile
            self.counter -= 1
            return self._taken_at_last(note, hub, current)
        try:
            if timeout is None and current is not hub.main and current is not hub:
                while note[1] is NOTHING:
                    there = hub.ready.popleft()
                    if there.__class__ is Turn:
                        there = there.next()  # type: ignore[attr-defined]
                    there.switch()
                note[0] = None
                return True
            if park(hub, current, note, timeout, self):
                return True
        except BaseException:
            self._give_up(note, hub, current)
            raise
        remove(self._waiters, note)
        return False

    def _taken_at_last(self, note: Note, hub: AbstractHub, current: greenlet) -> bool:
        """A permit was taken while `note` was in the queue; give back another one that came by the note."""
        served = True
        if note[1] is NOTHING:
            note[0] = None
            served = False
        if served:
            note[0] = None
            unpark(hub, current)
            self._take_back()
        else:
            remove(self._waiters, note)
        return True

    def _give_up(self, note: Note, hub: AbstractHub, current: greenlet) -> None:
        """An exception ends the wait."""
        note[0] = None
        unpark(hub, current)
        if note[1] is NOTHING:
            remove(self._waiters, note)
        else:
            self._take_back()

    def _take_back(self) -> None:
        """A permit comes back from one whom it had been handed to, and who has no use for it."""
        Semaphore.release(self)

    def wait(self, timeout: float | None = None) -> int:
        """Yield until a permit is left over, for at most `timeout` seconds; how many are left. None is taken."""
        if self.counter <= 0:
            happened = TEvent()

            def tell(_: object) -> None:
                happened.set()

            self.rawlink(tell)
            try:
                happened.wait(timeout)
            finally:
                self.unlink(tell)
        return self.counter

    def release(self, blocking: bool = True) -> bool:
        """Give a permit back, to whoever has waited longest. Never yields here."""
        waiters = self._waiters
        while True:
            if not waiters:
                self.counter += 1
                if self._links:
                    self._notify()
                return True
            try:
                note = waiters.popleft()
            except IndexError:
                continue
            waiter = note[0]
            if waiter is not None:
                note[1] = True
                hub = waiter.hub
                if hub.thread == get_ident():
                    ready = hub.ready
                    note[0] = None
                    ready.append(waiter)
                    return True
                if resume(note):
                    return True

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self.release()

    def rawlink(self, callback: Callable[[Any], object]) -> None:
        """Call `callback(self)` whenever a permit is left over, and at once if there is one. It must not block."""
        self._links.append(callback)
        if self.counter > 0:
            callback(self)

    def unlink(self, callback: Callable[[Any], object]) -> None:
        """Undo `rawlink`."""
        if callback in self._links:
            self._links.remove(callback)

    def _notify(self) -> None:
        for link in list(self._links):
            link(self)


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
    """A semaphore of `count` permits whose `release` waits while there are `limit`, which is at least 1.

    A permit that comes back from a greenlet which was killed before it could use it may find no room. It is kept aside
    then, and takes effect before those who wait in `release`: it is not lost, and there are never more than `limit`.
    """

    def __init__(self, count: int, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"nobody could ever release a semaphore capped at {limit}; the limit must be 1 or more")
        if not 0 <= count <= limit:
            raise ValueError(f"the count must be from 0 to the limit, {limit}, not {count}")
        super().__init__(count)
        self.limit = limit
        self._aside = 0  # permits that belong to nobody and have no room
        self._releasers: deque[Note] = deque()  # who waits in `release`

    @property
    def balance(self) -> int:
        """The permits left, plus those that wait for room, less the greenlets that wait to acquire."""
        return self.counter + self._aside + len(self._releasers) - len(self._waiters)

    def bounded(self) -> bool:
        """Whether `release` is limited: whether it would wait."""
        return self.counter >= self.limit

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        """As `Semaphore.acquire`; the `release` that has waited longest takes effect if there is room now."""
        taken = super().acquire(blocking, timeout)
        if taken:
            self._settle()
        return taken

    def release(self, blocking: bool = True) -> bool:
        """Give a permit; yields while there are `limit`. False without `blocking` in that case.

        One that is killed while it waits has not given its permit, unless its turn came in the same moment.
        """
        given = False
        if self.counter < self.limit:
            self.counter += 1
            given = True
        if given:
            self._settle()
            if self.counter > 0 and self._links:
                self._notify()
            return True
        if not blocking:
            return False
        current, hub = current_and_hub()
        note: Note = [current, NOTHING]
        self._releasers.append(note)
        if self.counter < self.limit:  # acquired by another thread meanwhile
            self._settle()
        try:
            return park(hub, current, note, None, self)
        finally:
            if note[1] is NOTHING:
                remove(self._releasers, note)

    def _take_back(self) -> None:
        self._aside += 1
        self._settle()

    def _settle(self) -> None:
        """Bring permits, room for them, and those who wait for either together, after one of these has changed.

        Where counters change, tests and stores have no call in between: see `guv.hubs.waiting`.
        """
        added = False
        while True:
            if self.counter > 0 and self._waiters:
                self._serve_waiter()
            elif self._aside > 0 and self.counter < self.limit:
                self._aside -= 1
                self.counter += 1
                added = True
            elif self._releasers and self.counter < self.limit:
                added = self._admit() or added
            else:
                break
        if added and self.counter > 0 and self._links:
            self._notify()

    def _serve_waiter(self) -> None:
        """Hand a permit that is there to who has waited longest in `acquire`."""
        taken = False
        if self.counter > 0:
            self.counter -= 1
            taken = True
        if not taken:
            return
        try:
            served = serve(self._waiters.popleft(), True)
        except IndexError:
            served = False
        if not served:
            self._aside += 1

    def _admit(self) -> bool:
        """Let the `release` that has waited longest take effect, if there is room."""
        try:
            note = self._releasers.popleft()
        except IndexError:
            return False
        admitted = False
        if note[0] is not None and self.counter < self.limit:
            self.counter += 1
            note[1] = True
            admitted = True
        if admitted:
            resume(note)
        elif note[0] is not None:
            self._releasers.appendleft(note)
        return admitted
