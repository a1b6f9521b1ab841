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
from ..hubs.fairness import be_fair
from ..hubs.waiting import NOTHING, Note, await_note, leave_note, wake_one, withdraw
from . import _bounded, names_of
from .lock import check_timeout


class SimpleQueue:
    """Simple, unbounded, reentrant FIFO queue.

    `put` never yields and may be called from signal handlers, finalizers and other threads.
    """

    __slots__ = (
        "__weakref__",
        "_items",    # any thread
        "_waiters",  # notes of those who found no item, in order of arrival; any thread
    )  # fmt: skip

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._waiters: deque[Note] = deque()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put the item on the queue. Never yields; `block` and `timeout` are ignored."""
        self._items.append(item)
        if self._waiters:
            wake_one(self._waiters)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Remove and return an item; yields until there is one.

        Raises `Empty` after `timeout` seconds, with `block=False` at once.
        """
        deadline = 0
        if timeout is not None and block:
            if isinstance(timeout, (int, float)) and timeout < 0:
                raise ValueError("'timeout' must be a non-negative number")
            check_timeout(True, timeout)
            deadline = monotonic_ns() + int(timeout * 1e9)
        be_fair()  # a worker that always finds work must not keep the others from running
        while True:
            try:
                return self._items.popleft()
            except IndexError:
                if not block:
                    raise Empty from None
            if not self._await_item(deadline):
                raise Empty

    def _await_item(self, deadline: int) -> bool:
        """Wait until an item may be there, for ever or until `deadline`; whether it may."""
        if deadline and monotonic_ns() >= deadline:
            return False
        left = (deadline - monotonic_ns()) / 1e9 if deadline else None
        waiters = self._waiters
        note = leave_note(waiters)
        if self._items:  # put by another thread meanwhile
            withdraw(waiters, note)
            return True
        try:
            return await_note(waiters, note, left)
        except BaseException:
            if note[1] is not NOTHING:
                wake_one(waiters)
            raise

    def put_nowait(self, item: Any) -> None:
        """As `put`."""
        self.put(item)

    def get_nowait(self) -> Any:
        """Remove and return an item, or raise `Empty`. Yields as other looks do (`guv.hubs.fairness`)."""
        return self.get(False)

    def empty(self) -> bool:
        """Whether there are no items now. Yields as `get_nowait`."""
        be_fair()
        return not self._items

    def qsize(self) -> int:
        """How many items there are now. Yields as `get_nowait`."""
        be_fair()
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
PATCHES = [
    ("_queue", "Empty", Empty),
    ("_queue", "SimpleQueue", SimpleQueue),
    ("queue", "SimpleQueue", SimpleQueue),
    *_bounded.PATCHES,
]

__getattr__ = names_of("queue")
