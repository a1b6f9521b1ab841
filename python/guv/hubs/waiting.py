"""How greenlets wait for each other: for a primitive of guv's or of the patched standard library, or for an end.

Who waits leaves a *note* where a waker will find it, and parks. A note is a list: the greenlet, and what it is handed,
`NOTHING` until then; what stands behind these two is for the kind of queue to say. One step decides each wait, and it
is a step of the note alone:

* a waker *serves* the note: it stores what it hands over, unless the note is void, and makes the greenlet ready;
* a waiter whose time is over, or that is killed, *voids* the note, unless it has been served.

Each is a test and a store with no call in between, where the interpreter neither changes threads nor runs signal
handlers; so no lock is needed, and the wakers may be signal handlers, finalizers, and greenlets of other threads with
hubs of their own. Whoever finds that it was served, and has to leave by an exception nevertheless, hands on what it
got. Queues of notes may hold void ones; wakers pass over them.

A native thread without a hub has no other greenlet that could run meanwhile: it blocks. Its note is a `Bell`, with a
native lock in the place of the greenlet.

The most frequent waits (events, semaphores, queues, conditions) have the lines of `park` that they need, and those of
`resume`, in place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

from .._originals import allocate_lock as native_lock
from .._originals import get_ident, monotonic_ns
from ..exceptions import HubClosedError
from .abc import AbstractHub
from .current import hub_of
from .deadline import ENDLESS
from .fairness import be_fair
from .ident import waiting_hub
from .switch import unpark
from .turn import Turn

#: What a note carries that nobody has served.
NOTHING: Any = type("Nothing", (), {"__slots__": (), "__repr__": lambda self: "NOTHING"})()

#: What `wake_one` hands over: only the news.
WOKEN: Any = type("Woken", (), {"__slots__": (), "__repr__": lambda self: "WOKEN"})()

Note = list[Any]


class Bell(list[Any]):
    """The note of a native thread. No plain list: late patching looks into those for locks to replace."""


def current_and_hub() -> tuple[greenlet, AbstractHub]:
    """The calling greenlet and the hub that it parks in."""
    current = getcurrent()
    try:
        return current, current.hub  # type: ignore[attr-defined]
    except AttributeError:
        return current, hub_of(current)


# ---- the waker's side


def serve(note: Note, value: Any, soon: bool = False) -> bool:
    """Hand `value` to the waiter of `note` and make it ready, from any thread. Never yields.

    False if it waits no more: the note is void, or its thread has ended. `soon` is as for `resume`.
    """
    if note[0] is None or note[1] is not NOTHING:
        return False
    note[1] = value
    return resume(note, soon)


def resume(note: Note, soon: bool = False) -> bool:
    """Make the waiter of `note` ready, which was served just now. False if its thread has ended.

    `soon`: it runs next, in this turn. For one who was woken himself, and passes on; then a turn still has an end.
    """
    waiter = note[0]
    if waiter is None:  # it has noticed by itself
        return True
    try:
        hub = waiter.hub
    except AttributeError:
        waiter.release()  # a bell
        return True
    if hub.thread == get_ident():
        ready = hub.ready
        note[0] = None
        if soon:
            ready.appendleft(waiter)
        else:
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


def wake_one(queue: deque[Any]) -> bool:
    """Serve the first who waits with `WOKEN`; False if nobody does. Never yields.

    What is no note is a native lock, which the standard library's own `Condition.wait` has left there.
    """
    while queue:
        try:
            note = queue.popleft()
        except IndexError:  # it has given up meanwhile
            return False
        if note.__class__ is list:  # `serve`, in place
            waiter = note[0]
            if waiter is not None and note[1] is NOTHING:
                note[1] = WOKEN
                hub = waiter.hub
                if hub.thread == get_ident():
                    ready = hub.ready
                    note[0] = None
                    ready.append(waiter)
                    return True
                if resume(note):
                    return True
            continue
        if isinstance(note, Bell):
            if serve(note, WOKEN):
                return True
            continue
        try:
            note.release()
        except RuntimeError:  # it has given up, and was about to say so
            continue
        return True
    return False


# ---- the waiter's side


def park(hub: AbstractHub, current: greenlet, note: Note, timeout: float | None, owner: object = None) -> bool:
    """Park until `note` is served: True; or until `timeout` seconds have passed: False, and it is void.

    `owner` is what the greenlet waits for, as reports name it; if there is one, and nothing can end the wait, the main
    greenlet gets a `DeadlockError`. If an exception is thrown in, the note is void unless it was served before; then it
    is the caller's duty to hand on what it got.
    """
    if current is hub:
        note[0] = None
        raise RuntimeError(f"a callback in the hub can't wait for {owner!r}")
    if note[1] is not NOTHING:  # served between queueing and parking
        note[0] = None
        unpark(hub, current)
        return True
    token = -1
    if timeout is not None and timeout < ENDLESS:
        token = hub.set_timer(monotonic_ns() + int(max(0, timeout) * 1e9), current)
    suspect = owner is not None and current is hub.main
    if suspect:
        hub.main_waits = owner
    try:
        while note[1] is NOTHING:
            there = hub.ready.popleft()
            if there.__class__ is Turn:
                there = there.next()  # type: ignore[attr-defined]
            there.switch()
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
        if suspect:
            hub.main_waits = None


def leave_note(queue: Any, *more: Any) -> Note:
    """Queue the caller, which may be a native thread without a hub. `more` is what its note carries besides.

    Raises RuntimeError in the hub, where nobody may wait.
    """
    current: Any = getcurrent()
    hub = getattr(current, "hub", None)
    if hub is None or current is hub:
        hub = waiting_hub(current)
    if hub is not None:
        note: Note = [current, NOTHING, *more]
    else:
        lock = native_lock()
        lock.acquire()
        note = Bell((lock, NOTHING, *more))
    queue.append(note)
    return note


def await_note(queue: Any, note: Note, timeout: float | None = None) -> bool:
    """As `park`, for a `note` of `leave_note`, which is taken out of `queue` again if it was not served.

    With a `timeout` of 0 or less it does not wait, and yields as other looks do (`guv.hubs.fairness`).
    """
    waiter = note[0]
    try:
        if waiter is None or (timeout is not None and timeout <= 0):
            if not void(note):
                return True
            be_fair()
            return False
        if timeout is None and note.__class__ is list and note[1] is NOTHING:  # `park`, in place
            ready = waiter.hub.ready
            while note[1] is NOTHING:
                there = ready.popleft()
                if there.__class__ is Turn:
                    there = there.next()
                there.switch()
            note[0] = None
            return True
        if note.__class__ is not Bell:
            return park(waiter.hub, waiter, note, timeout)
        return waiter.acquire(True, -1 if timeout is None else timeout) or not void(note)
    except BaseException:
        void(note)
        raise
    finally:
        if note[1] is NOTHING:
            remove(queue, note)


def retake(acquire: Callable[..., object], *args: Any) -> None:
    """Call `acquire(*args)` until it has got its lock, whatever is thrown in meanwhile; that is raised then.

    For a wait that has freed a lock of its caller's, whose block will free it once more. If several things were thrown
    in, a kill is raised before others.
    """
    thrown: BaseException | None = None
    while True:
        try:
            acquire(*args)
            break
        except (MemoryError, RecursionError):  # would come again
            raise
        except BaseException as error:
            if not isinstance(thrown, GreenletExit):
                thrown = error
    if thrown is not None:
        try:
            raise thrown
        finally:
            del thrown  # its traceback has this frame


def void(note: Note) -> bool:
    """The caller, whose note this is, waits no more. False if it has been served: it has what it was handed."""
    if note[1] is NOTHING:
        note[0] = None
        return True
    note[0] = None  # voids mail that may be under way
    current: Any = getcurrent()
    hub = getattr(current, "hub", None)
    if hub is not None:
        unpark(hub, current)
    return False


def withdraw(queue: Any, note: Note) -> bool:
    """As `void`, and take the note out of `queue` unless it has been served."""
    if not void(note):
        return False
    remove(queue, note)
    return True


def remove(queue: Any, note: Note) -> None:
    """Take a note that is of no use any more out of a queue, if it is still there."""
    try:
        queue.remove(note)
    except ValueError:
        pass


class Waiters:
    """Greenlets in order of arrival."""

    __slots__ = ("queue",)

    def __init__(self) -> None:
        self.queue: deque[Note] = deque()

    def __len__(self) -> int:
        return len(self.queue)

    def wait(
        self,
        owner: object,
        timeout: float | None = None,
        settled: Callable[[], bool] | None = None,
        on_lost: Callable[[], Any] | None = None,
    ) -> bool:
        """Park until woken: True; or until `timeout` seconds have passed: False. `owner` is as for `park`.

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
            return park(hub, current, note, timeout, owner)
        except BaseException:
            if note[1] is not NOTHING and on_lost is not None:
                on_lost()
            raise
        finally:
            if note[1] is NOTHING:
                remove(self.queue, note)

    def wake_one(self) -> bool:
        """Wake the first; False if nobody waits."""
        return wake_one(self.queue)

    def wake_all(self) -> None:
        """Wake everyone who waits now."""
        for _ in range(len(self.queue)):
            if not wake_one(self.queue):
                return
