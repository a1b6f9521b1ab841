"""Queues between greenlets: FIFO-fair, bounded, and correct across the threads of several hubs.

`maxsize=None` or a negative number is unbounded. A `LightQueue` or `Queue` of ``maxsize=0`` is a
channel: `put` waits until somebody takes the item. Greenlets killed or timed out while
they wait lose no item.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from queue import Empty, Full
from typing import Any, Generic, TypeVar

from ._originals import monotonic_ns
from .hubs.waiting import Waiters

__all__ = ["Channel", "Empty", "Full", "LifoQueue", "LightQueue", "PriorityQueue", "Queue", "SimpleQueue"]

T = TypeVar("T")


class LightQueue(Generic[T]):
    """A FIFO queue without `task_done` and `join`."""

    def __init__(self, maxsize: int | None = None) -> None:
        self.maxsize = None if maxsize is None or maxsize < 0 else maxsize
        self._getters = Waiters(self)
        self._putters = Waiters(self)
        self._init()

    def _init(self) -> None:
        self.items: Any = deque()

    def _take(self) -> T:
        return self.items.popleft()  # type: ignore[no-any-return]

    def _add(self, item: T) -> None:
        self.items.append(item)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {id(self):#x} maxsize={self.maxsize} items={len(self.items)}>"

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        return len(self.items)

    def qsize(self) -> int:
        """The number of items."""
        return len(self.items)

    def empty(self) -> bool:
        """Whether `get` would wait."""
        return not self.items

    def full(self) -> bool:
        """Whether `put` would wait."""
        if self.maxsize is None:
            return False
        return len(self.items) >= (self.maxsize or (1 if len(self._getters) else 0))

    def putting(self) -> int:
        """How many greenlets wait in `put`."""
        return len(self._putters)

    def getting(self) -> int:
        """How many greenlets wait in `get`."""
        return len(self._getters)

    def resize(self, size: int | None) -> None:
        """Change the bound; waiting putters go on if there is room now."""
        self.maxsize = None if size is None or size < 0 else size
        self._putters.wake_all()

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """Add `item`; yields while the queue is full.

        Raises `Full` after `timeout` seconds, or at once without `block`.
        """
        if self.full():
            self._await(self._putters, self._has_room, block, timeout, Full)
        self._add(item)
        self._getters.wake_one()

    def _has_room(self) -> bool:
        return not self.full()

    def put_nowait(self, item: T) -> None:
        """`put` without waiting."""
        self.put(item, block=False)

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Remove and return the next item; yields until there is one.

        Raises `Empty` after `timeout` seconds, or at once without `block`.
        """
        if not self.items:
            self._await(self._getters, self._has_items, block, timeout, Empty)
        item = self._take()
        self._putters.wake_one()
        return item

    def _has_items(self) -> bool:
        return bool(self.items)

    def _await(
        self,
        waiters: Waiters,
        settled: Callable[[], bool],
        block: bool,
        timeout: float | None,
        failure: type[Exception],
    ) -> None:
        """Park among `waiters` until `settled()`; raise `failure` once `timeout` seconds are over."""
        due = None
        while not settled():
            left = None
            if timeout is not None:
                now = monotonic_ns()
                due = now + int(timeout * 1e9) if due is None else due
                left = (due - now) / 1e9
            if not block or (left is not None and left <= 0):
                raise failure
            if self.maxsize == 0 and waiters is self._getters:
                self._putters.wake_one()  # a channel: a putter may hand its item over
            waiters.wait(left, settled, waiters.wake_one)

    def get_nowait(self) -> T:
        """`get` without waiting."""
        return self.get(block=False)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        """The next item; `StopIteration` as an item ends the iteration."""
        item = self.get()
        if item is StopIteration:
            raise StopIteration
        return item


class Queue(LightQueue[T]):
    """A FIFO queue whose `join` waits until each item was reported done."""

    def __init__(self, maxsize: int | None = None) -> None:
        super().__init__(maxsize)
        self.unfinished_tasks = 0
        self._joiners = Waiters(self)

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:
        """See `LightQueue.put`."""
        super().put(item, block, timeout)
        self.unfinished_tasks += 1

    def task_done(self) -> None:
        """Report that an item that was got has been dealt with.

        Raises ValueError if that was said more often than items were put.
        """
        if self.unfinished_tasks <= 0:
            raise ValueError("task_done() was called more often than items were put")
        self.unfinished_tasks -= 1
        if not self.unfinished_tasks:
            self._joiners.wake_all()

    def join(self, timeout: float | None = None) -> bool:
        """Yield until all items are done, for at most `timeout` seconds; whether they are."""
        return not self.unfinished_tasks or self._joiners.wait(timeout, lambda: not self.unfinished_tasks)


class PriorityQueue(Queue[T]):
    """A queue that gives the smallest item first."""

    def _init(self) -> None:
        self.items = []

    def _take(self) -> T:
        return heapq.heappop(self.items)  # type: ignore[no-any-return]

    def _add(self, item: T) -> None:
        heapq.heappush(self.items, item)


class LifoQueue(Queue[T]):
    """A queue that gives the newest item first."""

    def _init(self) -> None:
        self.items = []

    def _take(self) -> T:
        return self.items.pop()  # type: ignore[no-any-return]


class SimpleQueue(LightQueue[T]):
    """An unbounded FIFO queue."""

    def __init__(self) -> None:
        super().__init__()


class Channel(LightQueue[T]):
    """A queue without room: `put` waits until somebody takes the item."""

    def __init__(self) -> None:
        super().__init__(0)
