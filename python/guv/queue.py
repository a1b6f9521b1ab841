"""Queues between greenlets: FIFO-fair, bounded, and correct across the threads of several hubs.

`maxsize=None` or a negative number is unbounded; with ``maxsize=0`` a queue is a channel: `put` waits until somebody
takes the item. An item goes straight to the greenlet that has waited longest in `get`; when a place becomes free,
the item of the greenlet that has waited longest in `put` takes it. A `get` that is killed or timed out takes no item;
one that was handed an item in the same moment puts it back at the front (for that moment the queue may hold one more
than `maxsize`). A `put` that is killed or timed out has put nothing, unless its item was taken in the same moment.

Of those who wait one at a time is woken, who wakes the next one when it runs, if there is something left for it then
(`guv.hubs.line`). Meanwhile whoever runs may take and put without waiting.

`put` and `get` yield only where they have to wait. Without `block` they never yield, so signal handlers and finalizers
may call them. No lock is used: how the steps work side by side stands in `guv.hubs.waiting`. Each step that changes
`_free` or a note tests and stores without a call in between; whoever has added an item, a place or a note then looks
whether it meets a counterpart that is to be served now (`_settle`), so nothing is left lying when two threads add at
once.

The classes share those steps, which is why they share a file.
"""

from __future__ import annotations

import heapq
import queue as _stdlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from math import inf
from queue import Empty, Full
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from greenlet import getcurrent, greenlet

from ._originals import RLock as native_rlock
from ._originals import get_ident
from .hubs.abc import AbstractHub
from .hubs.current import hub_of
from .hubs.line import FEW, NOBODY, Line, stand_at_end
from .hubs.switch import unpark
from .hubs.turn import Turn
from .hubs.waiting import NOTHING, Note, Waiters, park, remove, resume, serve

if TYPE_CHECKING:

    class ShutDown(Exception):
        """The queue was shut down."""

elif hasattr(_stdlib, "ShutDown"):
    ShutDown = _stdlib.ShutDown
else:

    class ShutDown(Exception):
        """The queue was shut down: raised by `put`, and by `get` when no item is left."""


__all__ = [
    "Channel", "Empty", "Full", "JoinableQueue", "LifoQueue", "LightQueue", "PriorityQueue", "Queue", "ShutDown",
    "SimpleQueue",
]  # fmt: skip

T = TypeVar("T")

#: What a note is served with when the queue is shut down.
_SHUT: Any = object()


class LightQueue(Generic[T]):
    """A FIFO queue without `task_done` and `join`. `items` are put into it at first."""

    def __init__(self, maxsize: int | None = None, items: Iterable[T] = ()) -> None:
        self.maxsize = maxsize = None if maxsize is None or maxsize < 0 else maxsize
        self.unfinished_tasks = 0
        self.is_shutdown = False
        self.items: Any = self._store()
        # getters leave [greenlet, item handed over, whether it only peeks]; putters [greenlet, whether put, item]
        self._getters = self._putters = NOBODY
        #: places left: below 0 while an item that was handed back is over the limit; -inf after `shutdown`
        self._free: float = inf if maxsize is None else maxsize
        self._bounded = maxsize is not None
        self._roomy = maxsize is None or maxsize > FEW
        for item in items:
            self.put(item, block=False)

    # ---- how items are kept: a kind of queue defines these

    def _store(self) -> Any:
        """The collection of items; also sets `_add` and `_take` to what works on it (IndexError if empty)."""
        items: deque[T] = deque()
        self._add: Callable[[T], object] = items.append
        self._take: Callable[[], T] = items.popleft
        self._restore: Callable[[T], object] = items.appendleft
        return items

    def _first(self) -> T:
        """The item that `get` would return; IndexError if there is none."""
        return self.items[0]  # type: ignore[no-any-return]

    # ---- what anybody may ask

    def __repr__(self) -> str:
        state = " shut down" if self.is_shutdown else ""
        return f"<{type(self).__name__} {id(self):#x} maxsize={self.maxsize} items={len(self.items)}{state}>"

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        return len(self.items)

    def qsize(self) -> int:
        """The number of items."""
        return len(self.items)

    def empty(self) -> bool:
        """Whether there is nothing that `get` could have at once."""
        return not self.items and not self._putters

    def full(self) -> bool:
        """Whether `put` would wait."""
        return self._free <= 0 and not (self._getters.idle and self._getters)

    def putting(self) -> int:
        """How many greenlets wait in `put`."""
        return len(self._putters)

    def getting(self) -> int:
        """How many greenlets wait in `get` or `peek`."""
        return len(self._getters)

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """Add `item`; yields while the queue is full.

        Raises `Full` after `timeout` seconds, or at once without `block`; `ShutDown` after `shutdown`.
        """
        getters = self._getters
        if getters.idle:
            while getters:
                try:
                    note = getters.popleft()
                except IndexError:
                    break
                if note[2]:
                    serve(note, item)
                    continue
                waiter = note[0]
                if waiter is not None:  # `serve`, in place
                    note[1] = item
                    self.unfinished_tasks += 1
                    if getters.home is not None:  # `served`, in place
                        getters.coming = True
                        getters.idle = False
                    hub = waiter.hub
                    if hub.thread == get_ident():
                        ready = hub.ready
                        note[0] = None
                        ready.append(waiter)
                        return
                    if resume(note):
                        return
                    self.unfinished_tasks -= 1
                    getters.ran()
            getters.emptied()
        bounded = self._bounded
        if not bounded or self._free > 0:
            if bounded:
                self._free -= 1
            self.unfinished_tasks += 1
            self._add(item)
            if self._getters.idle:  # entered in another thread meanwhile
                self._settle()
            return
        self._wait_to_put(item, block, timeout)

    def put_nowait(self, item: T) -> None:
        """`put` without waiting."""
        self.put(item, block=False)

    def _wait_to_put(self, item: T, block: bool, timeout: float | None) -> None:
        if self.is_shutdown:
            raise ShutDown
        if not block:
            raise Full
        current = getcurrent()
        hub: AbstractHub = getattr(current, "hub", None) or hub_of(current)
        note: Note = [current, NOTHING, item]
        putters = self._putters
        if putters is NOBODY:
            fresh = Line()
            if self._putters is NOBODY:
                self._putters = fresh
            putters = self._putters
        if self._roomy:
            putters.enter(note, hub)
        else:
            putters.append(note)
        if self._getters.idle or self._free > 0 or self.is_shutdown:
            self._settle()
        try:
            if not park(hub, current, note, timeout, self):
                raise Full
        finally:
            if note[1] is NOTHING:
                remove(putters, note)
            elif putters.coming and putters.ran():
                self._settle(soon=True)
        if note[1] is _SHUT:
            raise ShutDown

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Remove and return the next item; yields until there is one.

        Raises `Empty` after `timeout` seconds, or at once without `block`; `ShutDown` if there is none after
        `shutdown`.
        """
        if self.items:
            try:
                item = self._take()
            except IndexError:
                pass  # another thread took it
            else:
                if self._bounded:
                    if self._putters.idle:
                        self._vacate()
                    else:
                        self._free += 1
                return item
        if (
            not block
            or self.is_shutdown
            or (self._putters and (self._free <= 0 or (timeout is not None and timeout <= 0)))
        ):
            # else somebody may wait in `put` though there is room: then another `put` is on the way, which this awaits
            return self._get_late(block, timeout)
        current = getcurrent()
        try:
            hub: AbstractHub = current.hub  # type: ignore[attr-defined]
        except AttributeError:
            hub = hub_of(current)
        note: Note = [current, NOTHING, False]
        getters = self._getters
        if getters is NOBODY:
            getters = self._first_getters()
        if self._roomy:
            getters.enter(note, hub)
        else:
            stand_at_end(getters, note)  # `append`, in place
            getters.idle = True
        if timeout is not None or self.items or self._putters or current is hub.main or current is hub:
            return self._wait_to_get(hub, current, note, timeout)
        try:
            while note[1] is NOTHING:
                there = hub.ready.popleft()
                if there.__class__ is Turn:
                    there = there.next()  # type: ignore[attr-defined]
                there.switch()
        except BaseException:
            self._give_up(hub, current, note)
            raise
        note[0] = None
        item = note[1]
        if item is _SHUT:
            raise ShutDown
        if getters.coming and getters.ran():
            self._settle(soon=True)
        return item

    def get_nowait(self) -> T:
        """`get` without waiting."""
        return self.get(block=False)

    def peek(self, block: bool = True, timeout: float | None = None) -> T:
        """The item that `get` would return, which stays in the queue; yields until there is one.

        A waiting `peek` takes its turn among the waiting `get`: it is shown the item that the next of them gets.
        Raises what `get` does.
        """
        while True:
            try:
                return self._first()
            except IndexError:
                pass
            if self._putters and not self.is_shutdown and (self._free <= 0 or not block):  # a channel
                try:
                    return self._putters[0][2]  # type: ignore[no-any-return]
                except IndexError:
                    continue
            break
        if self.is_shutdown:
            raise ShutDown
        if not block:
            raise Empty
        current = getcurrent()
        hub: AbstractHub = getattr(current, "hub", None) or hub_of(current)
        note: Note = [current, NOTHING, True]
        getters = self._getters
        if getters is NOBODY:
            getters = self._first_getters()
        if self._roomy:
            getters.enter(note, hub)
        else:
            getters.append(note)
        return self._wait_to_get(hub, current, note, timeout)

    def peek_nowait(self) -> T:
        """`peek` without waiting."""
        return self.peek(block=False)

    def _get_late(self, block: bool, timeout: float | None) -> T:
        """`get` from an empty queue that may have waiting putters (a channel), or does not wait."""
        while self._putters:
            try:
                note = self._putters.popleft()
            except IndexError:
                break
            if serve(note, True):
                self.unfinished_tasks += 1
                return note[2]  # type: ignore[no-any-return]
        if self.is_shutdown:
            raise ShutDown
        if not block:
            raise Empty
        return self.get(block, timeout)

    def _first_getters(self) -> Line:
        fresh = Line()
        if self._getters is NOBODY:
            self._getters = fresh
        return self._getters

    def _wait_to_get(self, hub: AbstractHub, current: greenlet, note: Note, timeout: float | None) -> T:
        """`get` or `peek` with all that may be asked of it."""
        if self.items or self._putters or self.is_shutdown:
            self._settle()
        try:
            if not park(hub, current, note, timeout, self):
                raise Empty
        except BaseException:
            self._give_up(hub, current, note)
            raise
        item = note[1]
        if item is _SHUT:
            raise ShutDown
        if not note[2] and self._getters.ran():
            self._settle(soon=True)
        return item  # type: ignore[no-any-return]

    def _give_up(self, hub: AbstractHub, current: greenlet, note: Note) -> None:
        """An exception ends the wait; an item that was handed over goes back to the front."""
        note[0] = None
        unpark(hub, current)
        item = note[1]
        if item is NOTHING:
            remove(self._getters, note)
        elif item is not _SHUT and not note[2]:
            self._free -= 1
            self._restore(item)
            self._getters.ran()
            if self._getters.idle:
                self._settle()

    # ---- bringing items, places and waiters together

    def _vacate(self, soon: bool = False) -> None:
        """A place has become free: give it to whoever has waited longest in `put`. `soon` is as for `resume`."""
        putters = self._putters
        while True:
            if not putters or self._free < 0:
                self._free += 1
                putters.emptied()
                return
            try:
                note = putters.popleft()
            except IndexError:
                continue
            if putters.home is not None:  # `served`, in place
                putters.coming = True
                putters.idle = False
            if serve(note, True, soon):
                self.unfinished_tasks += 1
                self._add(note[2])
                if self._getters.idle:
                    self._settle()
                return
            putters.ran()

    def _settle(self, soon: bool = False) -> None:
        """Serve each waiter that is to be served now. Needed where one thread adds while another one looks, and when
        one that was served passes on."""
        getters, putters = self._getters, self._putters
        while True:
            if self.is_shutdown and not self.items:
                self._refuse(getters)
            if self.is_shutdown:
                self._refuse(putters)
            if getters.idle and self.items:
                self._serve_getter(soon)
            elif getters.idle and getters and putters and self._free <= 0:  # a channel
                try:
                    note = putters.popleft()
                except IndexError:
                    continue
                if serve(note, True):
                    self.unfinished_tasks += 1
                    self._free -= 1
                    self._restore(note[2])
            elif putters.idle and self._free > 0:
                taken = False
                if self._free > 0:
                    self._free -= 1
                    taken = True
                if taken:
                    self._vacate(soon)
            else:
                return

    def _serve_getter(self, soon: bool) -> None:
        getters = self._getters
        try:
            note = getters.popleft()
        except IndexError:
            getters.emptied()
            return
        if note[2]:
            try:
                serve(note, self._first(), soon)
            except IndexError:
                getters.appendleft(note)
            return
        try:
            item = self._take()
        except IndexError:
            getters.appendleft(note)
            return
        getters.served()
        if serve(note, item, soon):
            if self._putters.idle:
                self._vacate()
            else:
                self._free += 1
        else:
            self._restore(item)
            getters.ran()

    def _refuse(self, notes: Line) -> None:
        while notes:
            try:
                note = notes.popleft()
            except IndexError:
                return
            serve(note, _SHUT)

    def resize(self, size: int | None) -> None:
        """Change the limit. Greenlets that wait in `put` go on if there is room now; items are never dropped."""
        self.maxsize = None if size is None or size < 0 else size
        self._bounded = True  # while `_free` changes
        self._roomy = self.maxsize is None or self.maxsize > FEW
        if not self._roomy:
            for line in self._getters, self._putters:
                line.each_for_itself()
        if not self.is_shutdown:
            self._free = (inf if self.maxsize is None else self.maxsize) - len(self.items)
            self._bounded = self.maxsize is not None
        if self._getters or self._putters:
            self._settle()

    def shutdown(self, immediate: bool = False) -> None:
        """From now on `put` raises `ShutDown`, and so does `get` as soon as no item is left.

        `immediate` drops the items, as if each had been got and done. Whoever waits is woken with `ShutDown`.
        As in Python 3.13. Never yields.
        """
        self.is_shutdown = True
        self._bounded = True
        self._free = -inf
        if immediate:
            while self.items:
                try:
                    self._take()
                except IndexError:
                    break
                self._dropped()
        self._settle()

    def _dropped(self) -> None:
        """An item was dropped by `shutdown`."""

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        """The next item; `StopIteration` as an item, and the end of a queue that was shut down, end the iteration."""
        try:
            item = self.get()
        except ShutDown:
            raise StopIteration from None
        if item is StopIteration:
            raise StopIteration
        return item


class Queue(LightQueue[T]):
    """A FIFO queue whose `join` waits until each item was reported done."""

    def __init__(
        self, maxsize: int | None = None, items: Iterable[T] = (), unfinished_tasks: int | None = None
    ) -> None:
        super().__init__(maxsize, items)
        self._joiners = Waiters()
        if unfinished_tasks is not None:
            self.unfinished_tasks = unfinished_tasks

    def task_done(self) -> None:
        """Report that an item that was got has been dealt with. Never yields.

        Raises ValueError if that was said more often than items were put.
        """
        if self.unfinished_tasks <= 0:
            raise ValueError("task_done() was called more often than items were put")
        self.unfinished_tasks -= 1
        if not self.unfinished_tasks:
            self._joiners.wake_all()

    def _dropped(self) -> None:
        self.task_done()

    def join(self, timeout: float | None = None) -> bool:
        """Yield until all items are done, for at most `timeout` seconds; whether they are."""
        return not self.unfinished_tasks or self._joiners.wait(self, timeout, lambda: not self.unfinished_tasks)


JoinableQueue = Queue  # gevent's name


class PriorityQueue(Queue[T]):
    """A queue that gives the smallest item first. Comparing items must not yield."""

    def _store(self) -> Any:
        items: list[T] = []
        guard = native_rlock()  # comparisons may be Python code, so threads may change in the middle of a heap's step

        def add(item: T) -> None:
            with guard:
                heapq.heappush(items, item)  # type: ignore[type-var]

        def take() -> T:
            with guard:
                return heapq.heappop(items)  # type: ignore[type-var]

        self._add = self._restore = add
        self._take = take
        return items


class LifoQueue(Queue[T]):
    """A queue that gives the newest item first."""

    def _store(self) -> Any:
        items: list[T] = []
        self._add = self._restore = items.append
        self._take = items.pop
        return items

    def _first(self) -> T:
        return self.items[-1]  # type: ignore[no-any-return]


class SimpleQueue(LightQueue[T]):
    """An unbounded FIFO queue."""

    def __init__(self, items: Iterable[T] = ()) -> None:
        super().__init__(None, items)


class Channel(LightQueue[T]):
    """A queue without room: `put` waits until somebody takes the item."""

    def __init__(self) -> None:
        super().__init__(0)
