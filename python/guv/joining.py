"""Waiting for several things at once: `joinall`, `wait`, `iwait`, and `killall`.

What can be waited for is whatever has `ready`, `rawlink` and `unlink`: greenthreads (ready when they end), events and
`AsyncResult` (when they are set), semaphores (when a permit is left over; it is not taken). They may belong to
several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Protocol, TypeVar, overload

from greenlet import GreenletExit, greenlet

from ._originals import monotonic_ns
from .greenthread import GreenThread, looked_at, throw, throw_elsewhere
from .hubs.deadline import deadline_after
from .hubs.waiting import NOTHING, Note, current_and_hub, park, remove
from .queue import Empty, LightQueue


class Waitable(Protocol):
    """What `wait` takes."""

    def ready(self) -> bool:
        """Whether there is nothing to wait for."""

    def rawlink(self, callback: Callable[[Any], object], /) -> None:
        """Call `callback(self)` when it is ready, from any thread; at once if it is."""

    def unlink(self, callback: Callable[[Any], object], /) -> object:
        """Undo `rawlink`."""


W = TypeVar("W", bound=Waitable)


class _Arrivals(LightQueue[W]):
    """The objects of one `iwait` that are ready."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.expected = expected

    def __repr__(self) -> str:
        return f"<wait for {self.expected} objects>"


def iwait(objects: Iterable[W], timeout: float | None = None, count: int | None = None) -> Iterator[W]:
    """The objects in the order in which they become ready; those that are ready come first.

    Yields to others while none is. Ends after all of them, after `count` of them, or once `timeout` seconds
    have passed since the first was asked for.
    """
    unique = list({id(item): item for item in objects}.values())
    wanted = len(unique) if count is None else min(count, len(unique))
    arrivals: _Arrivals[W] = _Arrivals(wanted)
    deadline = None if timeout is None else deadline_after(timeout)
    seen: set[int] = set()
    linked: list[W] = []
    try:
        for item in unique:
            linked.append(item)
            item.rawlink(arrivals.put)
        while len(seen) < wanted:
            left = None if deadline is None else max(0, deadline - monotonic_ns()) / 1e9
            try:
                item = arrivals.get(timeout=left) if arrivals.items or left != 0 else arrivals.get_nowait()
            except Empty:
                return
            if id(item) not in seen:  # a semaphore may say so again
                seen.add(id(item))
                yield item
    finally:
        for item in linked:
            item.unlink(arrivals.put)


@overload
def wait(objects: None = None, timeout: float | None = None) -> bool: ...
@overload
def wait(objects: Iterable[W], timeout: float | None = None, count: int | None = None) -> list[W]: ...
def wait(objects: Iterable[W] | None = None, timeout: float | None = None, count: int | None = None) -> list[W] | bool:
    """Yield until all objects are ready, or `count` of them, for at most `timeout` seconds.

    Returns those that are, in the order in which they became so. Raises nothing of theirs.

    Without objects: yield until the calling thread has nothing left to do, no other greenlet is ready, and neither a
    timer, a descriptor, a lookup nor a native thread of guv's will make one so; whether that came in time.
    """
    if objects is None:
        return _wait_for_all(timeout)
    return list(iwait(objects, timeout, count))


def _wait_for_all(timeout: float | None) -> bool:
    current, hub = current_and_hub()
    note: Note = [current, NOTHING, timeout is not None]
    hub.last.append(note)
    try:
        return park(hub, current, note, timeout)
    finally:
        if note[1] is NOTHING:
            remove(hub.last, note)


def joinall(
    greenlets: Iterable[W], timeout: float | None = None, raise_error: bool = False, count: int | None = None
) -> list[W]:
    """`wait`, for greenthreads above all. With `raise_error` the first that fails ends it: its exception is raised.

    A kill (`GreenletExit`) is no failure. Without `raise_error` failures are reported as if nobody waited; and so are,
    with it, those that come later.
    """
    if raise_error:
        found, failed = _join_until_failure(list(greenlets), timeout, count)
        if failed is not None:
            try:
                failed.get()
            finally:
                del greenlets, found, failed  # an exception's traceback has this frame
        return found
    if timeout is None and count is None:
        found = list(greenlets)
        for item in found:
            if isinstance(item, GreenThread):
                item.join()
            elif not item.ready():
                wait((item,))
        return found
    return list(iwait(greenlets, timeout, count))


def _join_until_failure(items: list[W], timeout: float | None, count: int | None) -> tuple[list[W], Any]:
    """What `iwait` gives up to the first that has failed; that one or None. Meanwhile failures are not reported."""
    threads = [item for item in items if isinstance(item, GreenThread)]
    for thread in threads:
        thread.link(looked_at)
    found = []
    try:
        for item in iwait(items, timeout, count):
            found.append(item)
            error = getattr(item, "exception", None)
            if error is not None and not isinstance(error, GreenletExit):
                return found, item
        return found, None
    finally:
        for thread in threads:
            thread.unlink(looked_at)


def killall(
    greenlets: Iterable[greenlet],
    exception: type[BaseException] | BaseException = GreenletExit,
    block: bool = True,
    timeout: float | None = None,
) -> bool:
    """Kill all of them, as `guv.kill` does; whether all have ended.

    Yields until they have, for at most `timeout` seconds; not at all without `block`: then those that have started are
    killed in the next turn. The caller may be among them; it is not waited for, and killed in the next turn. Nor are
    those waited for whose thread has ended, which never run again.
    """
    found = list(greenlets)
    current, hub = current_and_hub()
    lost = set()  # in threads that have ended: they never will
    for g in found:
        home = getattr(g, "hub", hub)
        if home is not hub:
            if not throw_elsewhere(home, g, exception):
                lost.add(g)
        elif g:
            hub.calls.append(partial(throw, g, exception))
        else:
            throw(g, exception)
    waited = [g for g in found if isinstance(g, GreenThread) and g is not current]
    if block:
        wait([g for g in waited if g not in lost], timeout)
    return all(g.ready() for g in waited)
