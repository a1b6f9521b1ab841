"""Cooperative :mod:`queue`: `SimpleQueue`, the one class there that is written in C.

`Queue`, `LifoQueue` and `PriorityQueue` are Python on top of `threading` and need nothing.
"""

from __future__ import annotations

import _queue
from collections import deque
from queue import Empty
from types import GenericAlias
from typing import Any, NoReturn

from .._originals import monotonic_ns
from . import names_of
from .lock import allocate_lock, check_timeout


class SimpleQueue:
    """Simple, unbounded, reentrant FIFO queue.

    `put` never yields and may be called from signal handlers, finalizers and other threads.
    """

    __slots__ = (
        "__weakref__",
        "_bell",      # those who find no item wait for it; whoever holds it has seen none
        "_items",     # any thread
        "_rung_for",  # `_bell` is held and has not been released for an item; any thread
    )  # fmt: skip

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._bell = allocate_lock()
        self._rung_for = False

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put the item on the queue. Never yields; `block` and `timeout` are ignored."""
        self._items.append(item)
        if self._rung_for:
            self._rung_for = False
            self._bell.release()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Remove and return an item; yields until there is one.

        Raises `Empty` after `timeout` seconds, with `block=False` at once.
        """
        if timeout is None or not block:
            deadline = None
        elif isinstance(timeout, (int, float)) and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        else:
            check_timeout(True, timeout)
            deadline = monotonic_ns() + int(timeout * 1e9)
        while True:
            try:
                item = self._items.popleft()
                break
            except IndexError:
                if not block:
                    raise Empty from None
            left: float = -1
            if deadline is not None:
                left = max(0, deadline - monotonic_ns()) / 1e9
            if not self._bell.acquire(True, left):
                raise Empty
            self._rung_for = True
        if self._rung_for:
            self._rung_for = False
            self._bell.release()
        return item

    def put_nowait(self, item: Any) -> None:
        """As `put`."""
        self.put(item)

    def get_nowait(self) -> Any:
        """Remove and return an item, or raise `Empty`. Never yields."""
        return self.get(False)

    def empty(self) -> bool:
        """Whether there are no items now."""
        return not self._items

    def qsize(self) -> int:
        """How many items there are now."""
        return len(self._items)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("cannot pickle '_queue.SimpleQueue' object")

    __class_getitem__ = classmethod(GenericAlias)  # type: ignore[var-annotated]


SimpleQueue.__module__ = "_queue"


class _Shared:
    """The items of a queue made before the patch, in the native one: native threads may be waiting there."""

    __slots__ = ("_native", "append")

    def __init__(self, native: Any) -> None:
        self._native = native
        self.append = native.put

    def popleft(self) -> Any:
        try:
            return self._native.get_nowait()
        except Empty:
            raise IndexError from None

    def __len__(self) -> int:
        return self._native.qsize()  # type: ignore[no-any-return]


def adopt(native: Any) -> SimpleQueue:
    """The twin of a native queue, with its items."""
    twin = SimpleQueue()
    twin._items = _Shared(native)  # type: ignore[assignment]
    return twin


_NativeQueue = _queue.SimpleQueue  # type: ignore[attr-defined]
TWINS = {_NativeQueue: adopt}
# `Empty` stays what it is when `_queue` is imported anew.
PATCHES = [("_queue", "Empty", Empty), ("_queue", "SimpleQueue", SimpleQueue), ("queue", "SimpleQueue", SimpleQueue)]

__getattr__ = names_of("queue")
