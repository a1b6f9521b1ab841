"""Cooperative :mod:`queue`: `SimpleQueue`, the one class there that is written in C.

`Queue`, `LifoQueue` and `PriorityQueue` are Python on top of `threading` and need nothing.
"""

from __future__ import annotations

import _queue
from collections import deque
from queue import Empty
from types import GenericAlias
from typing import Any, NoReturn

from greenlet import getcurrent

from .._originals import allocate_lock as native_lock
from .._originals import monotonic_ns
from ..hubs.ident import waiting_hub
from ..hubs.switch import unpark
from . import names_of, primitives
from ._notes import Note, park, withdraw
from ._readiness import be_fair
from .lock import check_timeout, resume


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
            self._pick()

    def _pick(self) -> None:
        """Have the one who has waited longest look for an item."""
        waiters = self._waiters
        while waiters:
            try:
                note = waiters.popleft()
            except IndexError:  # it has given up meanwhile
                return
            if resume(note):
                return

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
        while True:
            try:
                item = self._items.popleft()
                if block:
                    be_fair()  # a worker that always finds work must not keep the others from running
                return item
            except IndexError:
                if not block:
                    raise Empty from None
            if not self._await_item(deadline):
                raise Empty

    def _await_item(self, deadline: int) -> bool:
        """Wait until an item may be there, for ever or until `deadline`; whether it may."""
        if deadline and monotonic_ns() >= deadline:
            return False
        current = getcurrent()
        hub = waiting_hub(current)
        waiters = self._waiters
        if hub is None:
            bell = native_lock()
            bell.acquire()
            note: Note = [bell]
        else:
            note = [current]
        waiters.append(note)
        if self._items:  # put by another thread meanwhile
            withdraw(waiters, note)
            return True
        try:
            if hub is not None:
                return park(hub, current, note, waiters, deadline)
            left = (deadline - monotonic_ns()) / 1e9 if deadline else -1
            return bell.acquire(True, max(left, 0) if deadline else -1) or not withdraw(waiters, note)
        except BaseException:
            if hub is not None:
                unpark(hub, current)
            if not withdraw(waiters, note):
                self._pick()
            raise

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
PATCHES = [
    ("_queue", "Empty", Empty),
    ("_queue", "SimpleQueue", SimpleQueue),
    ("queue", "SimpleQueue", SimpleQueue),
    *primitives.QUEUE,
]

__getattr__ = names_of("queue")
