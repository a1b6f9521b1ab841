"""Pools: a bounded number of greenthreads that work off any number of calls.

`GreenPool` is eventlet's, with the calls of gevent's `Pool` (`map`, `apply`, `join`, ...), which it has from `Group`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar

from greenlet import getcurrent

from .greenthread import _DONE, GreenThread, looked_at, spawn
from .group import Group
from .hubs.waiting import NOTHING, Note, Waiters, current_and_hub, park, remove, serve
from .queue import LightQueue

P = ParamSpec("P")
T = TypeVar("T")


class GreenPool(Group):
    """At most `size` greenthreads at a time; who calls `spawn` beyond that waits its turn."""

    def __init__(self, size: int = 1000) -> None:
        super().__init__()
        self.size = _checked(size)
        self._taken = 0  # places: of those who run, and of woken callers who are about to spawn
        self._callers: deque[Note] = deque()  # who waits for a place
        self._idle = Waiters()

    @property
    def coroutines_running(self) -> set[GreenThread[Any]]:
        """The greenthreads of the pool that have not ended; eventlet's name."""
        return self.greenlets

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {id(self):#x} {len(self.greenlets)} of {self.size}, {self.waiting()} waiting>"

    def resize(self, new_size: int) -> None:
        """Change the size. If it shrinks, the surplus ends as its calls end; if it grows, waiting callers go on."""
        self.size = _checked(new_size)
        while self._taken < self.size and self._pass_on():
            self._taken += 1

    def running(self) -> int:
        """How many greenthreads run."""
        return len(self.greenlets)

    def free(self) -> int:
        """How many more could start at once."""
        return max(0, self.size - self._taken)

    free_count = free

    def full(self) -> bool:
        """Whether `spawn` would wait."""
        return self._taken >= self.size

    def waiting(self) -> int:
        """How many callers of `spawn` wait for a place."""
        return len(self._callers)

    def wait_available(self, timeout: float | None = None) -> bool:
        """Yield until there is a place, for at most `timeout` seconds; whether there was. It is not taken."""
        if self._taken < self.size:
            return True
        if not self._take_place(timeout):
            return False
        self._give_place()
        return True

    def spawn(self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> GreenThread[T]:
        """Run `func(*args, **kwargs)` in the pool; yields until there is a place, first come, first served.

        From inside a full pool's own greenthread the call is made right there, since waiting for a place could
        wait for ever: it has ended when this returns.
        """
        if self._taken < self.size:
            self._taken += 1
        elif getcurrent() in self.greenlets:
            return _called_in_line(func, args, kwargs)
        else:
            self._take_place(None)
        try:
            thread = spawn(func, *args, **kwargs)
        except BaseException:
            self._give_place()
            raise
        self.greenlets.add(thread)
        thread.rawlink(self._ended)
        return thread

    def spawn_n(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """As `spawn`, without a result."""
        self.spawn(function, *args, **kwargs)

    def add(self, thread: GreenThread[Any]) -> None:
        """Take in a greenthread that runs; yields until there is a place."""
        if self._taken < self.size:
            self._taken += 1
        else:
            self._take_place(None)
        self.greenlets.add(thread)
        thread.rawlink(self._ended)

    def discard(self, thread: GreenThread[Any]) -> None:
        """Forget a greenthread, which goes on; its place is free."""
        if thread in self.greenlets:
            thread.unlink(self._ended)
            self._ended(thread)

    def _take_place(self, timeout: float | None) -> bool:
        """Wait for a place, behind all who wait already."""
        current, hub = current_and_hub()
        note: Note = [current, NOTHING]
        self._callers.append(note)
        try:
            return park(hub, current, note, timeout, self)
        except BaseException:
            if note[1] is not NOTHING:
                self._give_place()
            raise
        finally:
            if note[1] is NOTHING:
                remove(self._callers, note)

    def _give_place(self) -> None:
        """A place is not needed any more."""
        if self._taken > self.size or not self._pass_on():
            self._taken -= 1
            if not self._taken:
                self._idle.wake_all()

    def _pass_on(self) -> bool:
        """Hand a place to the caller that has waited longest; False if none waits."""
        while self._callers:
            if serve(self._callers.popleft(), True):
                return True
        return False

    def _ended(self, thread: GreenThread[Any]) -> None:
        self.greenlets.discard(thread)
        self._give_place()

    def waitall(self) -> None:
        """Yield until nothing runs in the pool, and nobody waits for a place in it."""
        if getcurrent() in self.greenlets:
            raise AssertionError("waitall() from inside the pool would wait for itself")
        while self._taken:
            self._idle.wait(self)

    def _ahead(self) -> int | None:
        return self.size


def _checked(size: int) -> int:
    """`size`, if a pool may have it."""
    if not isinstance(size, int) or size < 0:
        raise ValueError(f"a pool's size must be a number of greenthreads from 0 on, not {size!r}")
    return size


def _called_in_line(func: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> GreenThread[T]:
    """A greenthread that has ended: `func` was called in the current one, which may be killed meanwhile."""
    _, hub = current_and_hub()
    done: GreenThread[T] = GreenThread(None, hub)
    done.hub = hub
    done._links = None
    done._call = None
    done._error = None
    try:
        done._value = copy_context().run(func, *args, **kwargs)
    except Exception as error:
        done._error = error
    done._call = _DONE
    return done


class GreenPile:
    """Calls whose results are had in the order of the calls, by iterating over the pile."""

    def __init__(self, size_or_pool: int | GreenPool = 1000) -> None:
        self.pool = size_or_pool if isinstance(size_or_pool, GreenPool) else GreenPool(size_or_pool)
        self.waiters: LightQueue[GreenThread[Any]] = LightQueue()
        self.counter = 0

    def spawn(self, func: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Run `func(*args, **kwargs)` in the pool; yields until there is a place."""
        self.counter += 1
        try:
            thread = self.pool.spawn(func, *args, **kwargs)
            thread.link(looked_at)
            self.waiters.put(thread)
        except BaseException:
            self.counter -= 1
            raise

    def __iter__(self) -> GreenPile:
        return self

    def __next__(self) -> Any:
        """The next result; yields until it is there. Raises what that call raised; the next one goes on."""
        if not self.counter:
            raise StopIteration
        self.counter -= 1
        return self.waiters.get().wait()

    next = __next__


class GreenMap(GreenPile):
    """`starmap` by hand: calls are made only as far ahead of the results taken as the pool is large.

    `spawn` yields while that many results wait to be taken; `done_spawning` ends the iteration after the last one.
    """

    def __init__(self, size_or_pool: int | GreenPool = 1000) -> None:
        super().__init__(size_or_pool)
        self.waiters = LightQueue(max(1, self.pool.size))

    def done_spawning(self) -> None:
        """No more calls will be made. Never yields."""
        self.waiters.shutdown()

    def __next__(self) -> Any:
        """The next result; yields until it is there."""
        return next(self.waiters).wait()

    next = __next__
