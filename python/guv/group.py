"""`Group`: greenthreads that are waited for, killed and mapped over together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from greenlet import GreenletExit

from .greenthread import GreenThread, looked_at, spawn, throw
from .joining import joinall, killall
from .queue import LightQueue
from .semaphore import Semaphore

if TYPE_CHECKING:
    from .greenlet import Greenlet

P = ParamSpec("P")
T = TypeVar("T")


class Group:
    """Any number of greenthreads. They leave it when they end."""

    def __init__(self, greenlets: Iterable[GreenThread[Any]] = ()) -> None:
        self.greenlets: set[GreenThread[Any]] = set()
        for thread in greenlets:
            self.add(thread)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {id(self):#x} of {len(self.greenlets)}>"

    def __len__(self) -> int:
        return len(self.greenlets)

    def __bool__(self) -> bool:
        return True

    def __contains__(self, thread: object) -> bool:
        return thread in self.greenlets

    def __iter__(self) -> Iterator[GreenThread[Any]]:
        return iter(list(self.greenlets))

    def add(self, thread: GreenThread[Any]) -> None:
        """Take a greenthread in, until it ends."""
        self.greenlets.add(thread)
        thread.rawlink(self.discard)

    def discard(self, thread: GreenThread[Any]) -> None:
        """Forget a greenthread, which goes on."""
        self.greenlets.discard(thread)

    def spawn(self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> GreenThread[T]:
        """Run `func(*args, **kwargs)` in a greenthread of the group. Yields only in a pool that is full."""
        thread = spawn(func, *args, **kwargs)
        self.add(thread)
        return thread

    def start(self, thread: Greenlet) -> None:
        """Take in a `guv.Greenlet` that was not started, and start it. Yields only in a pool that is full."""
        self.add(thread)
        thread.start()

    def join(self, timeout: float | None = None, raise_error: bool = False) -> bool:
        """Yield until the group is empty, for at most `timeout` seconds; whether it is.

        With `raise_error` the exception of the first that fails is raised as soon as it does.
        """
        while self.greenlets:
            before = set(self.greenlets)
            joinall(before, timeout, raise_error)
            if timeout is not None:
                break
        return not self.greenlets

    def kill(
        self,
        exception: type[BaseException] | BaseException = GreenletExit,
        block: bool = True,
        timeout: float | None = None,
    ) -> bool:
        """Kill all its greenthreads; see `guv.killall`."""
        return killall(list(self.greenlets), exception, block, timeout)

    def killone(
        self,
        thread: GreenThread[Any],
        exception: type[BaseException] | BaseException = GreenletExit,
        block: bool = True,
        timeout: float | None = None,
    ) -> bool:
        """Kill one of its greenthreads, as `kill` does; whether it has ended. True for one that has left the group."""
        return thread not in self.greenlets or killall([thread], exception, block, timeout)

    # ---- calls

    def apply(self, func: Callable[..., T], args: Iterable[Any] = (), kwds: dict[str, Any] | None = None) -> T:
        """The result of `func(*args, **kwds)`, called in the group; yields until it is there."""
        return self.spawn(func, *args, **(kwds or {})).wait()

    def apply_async(
        self,
        func: Callable[..., T],
        args: Iterable[Any] = (),
        kwds: dict[str, Any] | None = None,
        callback: Callable[[T], object] | None = None,
    ) -> GreenThread[T]:
        """As `apply`, returning the greenthread; `callback` is called with the result."""
        thread = self.spawn(func, *args, **(kwds or {}))
        if callback is not None:
            thread.link_value(_call_with_value, callback)
        return thread

    def map(self, func: Callable[..., T], *iterables: Iterable[Any]) -> list[T]:
        """``list(self.imap(func, *iterables))``"""
        return list(self.imap(func, *iterables))

    def map_async(
        self, func: Callable[..., T], *iterables: Iterable[Any], callback: Callable[[list[T]], object] | None = None
    ) -> GreenThread[list[T]]:
        """As `map`, in a greenthread of its own, outside of the group; `callback` is called with the results."""
        thread = spawn(self.map, func, *iterables)
        if callback is not None:
            thread.link_value(_call_with_value, callback)
        return thread

    def imap(self, func: Callable[..., T], *iterables: Iterable[Any], maxsize: int | None = None) -> Results[T]:
        """The results of `func` over the iterables side by side, in order.

        The iterables are read, and calls are made, ahead of the results that are taken: by the size of a
        pool, or by `maxsize`. Each `next()` yields until its result is there, or raises what its call raised; the
        next one goes on.
        """
        return Results(self, func, zip(*iterables, strict=False), True, maxsize)

    def imap_unordered(
        self, func: Callable[..., T], *iterables: Iterable[Any], maxsize: int | None = None
    ) -> Results[T]:
        """As `imap`, in the order in which the results come."""
        return Results(self, func, zip(*iterables, strict=False), False, maxsize)

    def starmap(self, function: Callable[..., T], iterable: Iterable[Iterable[Any]]) -> Results[T]:
        """As `imap`: the results of `function(*args)` for each `args` of `iterable`."""
        return Results(self, function, iterable, True, None)

    def _ahead(self) -> int | None:
        """How many calls `imap` makes ahead of the results that are taken; None for any number."""
        return None


def _call_with_value(thread: GreenThread[T], callback: Callable[[T], object]) -> None:
    callback(thread.wait())


class Results(Generic[T]):
    """The results of many calls; what `imap` returns. When it is forgotten, no more calls are made."""

    def __init__(
        self,
        group: Group,
        func: Callable[..., T],
        arguments: Iterable[Iterable[Any]],
        ordered: bool,
        maxsize: int | None,
    ) -> None:
        ahead = group._ahead() if maxsize is None else maxsize
        self._room = None if ahead is None else Semaphore(max(1, ahead))
        self._threads: LightQueue[Any] = LightQueue()  # those to take next; what the feeder ended with
        self._made = [0]  # how many calls
        self._taken = 0
        self._end: Any = None
        self._feeder = spawn(_feed, group, func, arguments, ordered, self._room, self._threads, self._made)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        """The next result; yields until it is there."""
        while True:
            if self._end is not None and self._taken == self._made[0]:
                if self._end is not True:
                    end, self._end = self._end, True
                    try:
                        raise end
                    finally:
                        del end  # its traceback has this frame
                raise StopIteration
            thread = self._threads.get()
            if not isinstance(thread, GreenThread):
                self._end = thread
                del thread
                continue
            self._taken += 1
            if self._room is not None:
                self._room.release()
            try:
                return thread.wait()  # type: ignore[no-any-return]
            finally:
                del thread  # an exception's traceback has this frame

    next = __next__

    def __del__(self) -> None:
        feeder = getattr(self, "_feeder", None)
        if feeder is not None and not feeder.ready() and not feeder.hub.closed:
            feeder.hub.call_soon_threadsafe(throw, feeder)


def _feed(
    group: Group,
    func: Callable[..., Any],
    arguments: Iterable[Iterable[Any]],
    ordered: bool,
    room: Semaphore | None,
    threads: LightQueue[Any],
    made: list[int],
) -> None:
    """Make the calls. Holds no reference to the `Results`, so that these can be forgotten meanwhile."""
    try:
        for args in arguments:
            if room is not None:
                room.acquire()
            thread = group.spawn(func, *args)
            made[0] += 1
            thread.link(looked_at)
            if ordered:
                threads.put(thread)
            else:
                thread.rawlink(threads.put)
        end: Any = True
    except GreenletExit:
        end = True
    except BaseException as error:
        end = error
    threads.put(end)
    del end  # an exception's traceback has this frame
