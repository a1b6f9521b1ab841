"""Pools: a bounded number of greenthreads that work off any number of calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import starmap as call_with
from typing import Any, TypeVar

from greenlet import getcurrent

from .event import Event
from .greenthread import GreenThread, spawn
from .queue import LightQueue
from .semaphore import Semaphore

T = TypeVar("T")


class GreenPool:
    """At most `size` greenthreads at a time."""

    def __init__(self, size: int = 1000) -> None:
        if not isinstance(size, int) or size < 0:
            raise ValueError(f"a pool's size is a number of greenthreads, not {size!r}")
        self.size = size
        self.coroutines_running: set[GreenThread[Any]] = set()
        self._permits = Semaphore(size)
        self._idle: Event[None] = Event()
        self._idle.send(None)

    def resize(self, new_size: int) -> None:
        """Change the size. If it shrinks, the surplus ends as its calls end."""
        for _ in range(new_size - self.size):
            self._permits.release()
        if new_size < self.size:
            self._permits.counter -= self.size - new_size
        self.size = new_size

    def running(self) -> int:
        """How many greenthreads run."""
        return len(self.coroutines_running)

    def free(self) -> int:
        """How many more could start at once."""
        return self._permits.counter

    def waiting(self) -> int:
        """How many callers of `spawn` wait for a place."""
        return max(0, -self._permits.balance) if self._permits.counter <= 0 else 0

    def spawn(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> GreenThread[T]:
        """Run `function(*args, **kwargs)` in the pool; yields until there is a place.

        From inside a full pool's own greenthread the call runs at once, without a place, since waiting
        for one could wait for ever.
        """
        if not self._permits.acquire(blocking=False):
            if getcurrent() in self.coroutines_running:
                done: GreenThread[T] = spawn(function, *args, **kwargs)
                return done
            self._permits.acquire()
        thread = spawn(function, *args, **kwargs)
        if not self.coroutines_running and self._idle.ready():
            self._idle.reset()
        self.coroutines_running.add(thread)
        thread.link(self._ended)
        return thread

    def spawn_n(self, function: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """As `spawn`, without a result."""
        self.spawn(function, *args, **kwargs)

    def _ended(self, thread: GreenThread[Any]) -> None:
        self.coroutines_running.discard(thread)
        self._permits.release()
        if thread._error is not None:
            thread.hub.handle_error(thread, thread._error)
        if not self.coroutines_running and not self._idle.ready():
            self._idle.send(None)

    def waitall(self) -> None:
        """Yield until nothing runs in the pool."""
        if getcurrent() in self.coroutines_running:
            raise AssertionError("waitall() from inside the pool would wait for itself")
        while self.coroutines_running:
            self._idle.wait()

    def starmap(self, function: Callable[..., T], iterable: Iterable[Iterable[Any]]) -> Iterator[T]:
        """The results of `function(*args)` for each `args`, in order, `size` calls at a time."""
        pending: LightQueue[Any] = LightQueue(max(1, self.size))

        def feed() -> None:
            try:
                for thread in call_with(lambda *args: self.spawn(function, *args), iterable):
                    pending.put(thread)
            finally:
                pending.put(None)

        feeder = spawn(feed)
        while True:
            thread = pending.get()
            if thread is None:
                feeder.wait()
                return
            yield thread.wait()

    def imap(self, function: Callable[..., T], *iterables: Iterable[Any]) -> Iterator[T]:
        """The results of `function` over the iterables side by side, in order."""
        return self.starmap(function, zip(*iterables, strict=False))


class GreenPile:
    """Calls whose results are had in the order of the calls, by iterating over the pile."""

    def __init__(self, size_or_pool: int | GreenPool = 1000) -> None:
        self.pool = size_or_pool if isinstance(size_or_pool, GreenPool) else GreenPool(size_or_pool)
        self.waiters: LightQueue[GreenThread[Any]] = LightQueue()
        self.counter = 0

    def spawn(self, func: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Run `func(*args, **kwargs)` in the pool; yields until there is a place."""
        self.counter += 1
        self.waiters.put(self.pool.spawn(func, *args, **kwargs))

    def __iter__(self) -> GreenPile:
        return self

    def __next__(self) -> Any:
        """The next result; yields until it is there."""
        if not self.counter:
            raise StopIteration
        self.counter -= 1
        return self.waiters.get().wait()

    next = __next__
