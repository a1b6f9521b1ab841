"""`Pool`: a bounded number of things that are costly to make (connections, say), lent to one greenlet at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from .queue import LifoQueue, LightQueue

T = TypeVar("T")

#: Stands among the items for one that nobody has made yet; it counts as existing. Whoever gets it makes one.
_PLACE: Any = object()


class Pool(Generic[T]):
    """Up to `max_size` items, made by `create()` when they are needed.

    `create` is an argument, or a method that a subclass defines. `min_size` items are made at once. With
    `order_as_stack` the item that was used last is lent first, otherwise the one that has rested longest.
    """

    def __init__(
        self,
        min_size: int = 0,
        max_size: int = 4,
        order_as_stack: bool = False,
        create: Callable[[], T] | None = None,
    ) -> None:
        if not 0 <= min_size <= max_size:
            raise ValueError(f"min_size must be from 0 to max_size, {max_size}, not {min_size}")
        self.min_size = min_size
        self.max_size = max_size
        self.order_as_stack = order_as_stack
        #: how many items exist, lent or not
        self.current_size = 0
        if create is not None:
            self.create = create  # type: ignore[method-assign]
        self._idle: LightQueue[Any] = LifoQueue() if order_as_stack else LightQueue()
        for _ in range(min_size):
            self.current_size += 1
            self._idle.put(self.create())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {id(self):#x} {self.current_size} of {self.max_size}, {self.waiting()} waiting>"

    def create(self) -> T:
        """Make an item; may yield."""
        raise TypeError("a Pool needs a function: give it as create=, or define the method in a subclass")

    @property
    def free_items(self) -> list[T]:
        """The items that are not lent."""
        return [item for item in self._idle.items if item is not _PLACE]

    def get(self, timeout: float | None = None) -> T:
        """Borrow an item; yields while all are lent and there are `max_size`, and where `create` does.

        Raises `queue.Empty` after `timeout` seconds of waiting for one, and what `create` raises.
        """
        if not self._idle.items and self.current_size < self.max_size:
            self.current_size += 1
            item = _PLACE
        else:
            item = self._idle.get(timeout=timeout)
        if item is not _PLACE:
            return item  # type: ignore[no-any-return]
        try:
            return self.create()
        except BaseException:
            self.discard()
            raise

    def put(self, item: T) -> None:
        """Give an item back; whoever has waited longest gets it. Never yields.

        It is dropped if there are more than `max_size`. An item that is broken should not come back: give `create()`
        in its place, or let the pool make another with `discard`.
        """
        if self.current_size > self.max_size:
            self.current_size -= 1
        else:
            self._idle.put(item)

    def discard(self) -> None:
        """A borrowed item will not come back: whoever has waited longest may make another. Never yields."""
        if self._idle.getting() and self.current_size <= self.max_size:
            self._idle.put(_PLACE)
        else:
            self.current_size -= 1

    @contextmanager
    def item(self, timeout: float | None = None) -> Iterator[T]:
        """``with pool.item() as x``: borrow for a block."""
        borrowed = self.get(timeout)
        try:
            yield borrowed
        finally:
            self.put(borrowed)

    def resize(self, new_size: int) -> None:
        """Change `max_size`. If it shrinks, the surplus is dropped as items come back. Never yields."""
        self.max_size = new_size
        for _ in range(min(self._idle.getting(), new_size - self.current_size)):
            self.current_size += 1
            self._idle.put(_PLACE)

    def free(self) -> int:
        """How many more could be lent at once."""
        return len(self._idle.items) + max(0, self.max_size - self.current_size)

    def waiting(self) -> int:
        """How many greenlets wait in `get`."""
        return self._idle.getting()


class TokenPool(Pool[object]):
    """A pool of tokens that mean nothing: whoever has one may do something."""

    def create(self) -> object:
        return object()
