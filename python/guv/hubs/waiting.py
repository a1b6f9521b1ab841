"""How greenlets wait for each other: for one of guv's own primitives, or for the end of a greenthread.

Who waits leaves a *note* where a waker will find it, and parks. A note is a list: the greenlet, and what it is handed,
`NOTHING` until then. One step decides each wait, and it is a step of the note alone:

* a waker *serves* the note: it stores what it hands over, unless the note is void, and makes the greenlet ready;
* a waiter whose time is over, or that is killed, *voids* the note, unless it has been served.

Each is a test and a store with no call in between, where the interpreter neither changes threads nor runs signal
handlers; so no lock is needed, and the wakers may be signal handlers, finalizers, and greenlets of other threads with
hubs of their own. Whoever finds that it was served, and has to leave by an exception nevertheless, hands on what it
got. Queues of notes may hold void ones; wakers pass over them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from greenlet import getcurrent, greenlet

from .._originals import get_ident, monotonic_ns
from ..exceptions import HubClosedError
from .abc import AbstractHub
from .current import hub_of
from .switch import unpark

#: What a note carries that nobody has served.
NOTHING: Any = type("Nothing", (), {"__slots__": (), "__repr__": lambda self: "NOTHING"})()

Note = list[Any]


def current_and_hub() -> tuple[greenlet, AbstractHub]:
    """The calling greenlet and the hub that it parks in."""
    current = getcurrent()
    try:
        return current, current.hub  # type: ignore[attr-defined]
    except AttributeError:
        return current, hub_of(current)


def serve(note: Note, value: Any) -> bool:
    """Hand `value` to the greenlet of `note` and make it ready, from any thread. Never yields.

    False if it waits no more: the note is void, or its thread has ended.
    """
    waiter = note[0]
    if waiter is None or note[1] is not NOTHING:
        return False
    note[1] = value
    return resume(note)


def resume(note: Note) -> bool:
    """Make the greenlet of `note` ready, which was served just now. False if its thread has ended."""
    waiter = note[0]
    if waiter is None:  # it has noticed by itself
        return True
    hub = waiter.hub
    if hub.thread == get_ident():
        ready = hub.ready
        note[0] = None
        ready.append(waiter)
        return True
    try:
        hub.call_soon_threadsafe(partial(_deliver, note))
    except HubClosedError:
        return False
    return True


def _deliver(note: Note) -> None:
    """`resume`, in the waiter's own thread."""
    waiter = note[0]
    if waiter is not None:
        note[0] = None
        waiter.hub.ready.append(waiter)


def park(hub: AbstractHub, current: greenlet, note: Note, timeout: float | None, owner: object) -> bool:
    """Park until `note` is served: True; or until `timeout` seconds have passed: False, and it is void.

    `owner` is what the greenlet waits for, as reports name it. If an exception is thrown in, the note is void
    unless it was served before; then it is the caller's duty to hand on what it got.
    """
    if current is hub:
        note[0] = None
        raise RuntimeError(f"a callback in the hub can't wait for {owner!r}")
    if note[1] is not NOTHING:  # served between queueing and parking
        note[0] = None
        unpark(hub, current)
        return True
    token = -1
    if timeout is not None:
        token = hub.set_timer(monotonic_ns() + int(max(0, timeout) * 1e9), current)
    is_main = current is hub.main
    if is_main:
        hub.main_waits = owner
    try:
        while note[1] is NOTHING:
            hub.ready.popleft().switch()
            if token >= 0 and hub.timers[token] is not current:
                token = -1
                if note[1] is NOTHING:
                    note[0] = None
                    return False
                unpark(hub, current)  # both came in one turn
        note[0] = None  # voids mail that may be under way
        return True
    except BaseException:
        note[0] = None
        unpark(hub, current)
        raise
    finally:
        if token >= 0 and not hub.drop_timer(token, current):
            unpark(hub, current)
        if is_main:
            hub.main_waits = None


def remove(notes: deque[Note], note: Note) -> None:
    """Take a note that is of no use any more out of a queue, if it is still there."""
    try:
        notes.remove(note)
    except ValueError:
        pass


class Waiters:
    """Greenlets in order of arrival. `owner` is what they wait for, as reports name it."""

    __slots__ = ("owner", "queue")

    def __init__(self, owner: object) -> None:
        self.owner = owner
        self.queue: deque[Note] = deque()

    def __len__(self) -> int:
        return len(self.queue)

    def wait(
        self,
        timeout: float | None = None,
        settled: Callable[[], bool] | None = None,
        on_lost: Callable[[], Any] | None = None,
    ) -> bool:
        """Park until woken: True; or until `timeout` seconds have passed: False.

        `settled` is asked once more after queueing, for wakers in other threads. `on_lost` is called if an
        exception arrives after this greenlet was woken, so that the wake-up can be passed on.
        """
        current, hub = current_and_hub()
        note = [current, NOTHING]
        self.queue.append(note)
        try:
            if settled is not None and settled() and note[1] is NOTHING:
                note[0] = None
                return True
            return park(hub, current, note, timeout, self.owner)
        except BaseException:
            if note[1] is not NOTHING and on_lost is not None:
                on_lost()
            raise
        finally:
            if note[1] is NOTHING:
                remove(self.queue, note)

    def wake_one(self) -> bool:
        """Wake the first; False if nobody waits."""
        queue = self.queue
        while queue:
            try:
                note = queue.popleft()
            except IndexError:
                return False
            if serve(note, True):
                return True
        return False

    def wake_all(self) -> None:
        """Wake everyone who waits now."""
        for _ in range(len(self.queue)):
            if not self.wake_one():
                return
