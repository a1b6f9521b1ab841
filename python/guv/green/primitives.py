"""Waiting in `threading.Event` and `Semaphore`: one note, one switch.

The standard library takes and frees a condition's lock around each wait. Here whoever waits leaves a note in the
queue of that condition's waiters, as `condition` does, and whoever frees something makes its greenlet ready. The
functions are put into the classes in place.

As in `RLock`, a change of an attribute that is one test and one store is atomic: the interpreter looks for signals and
for other threads at calls and backward jumps only. A semaphore's value and an event's flag need no lock therefore.
A waiter looks once more after it has left its note; so does whoever frees something after it has found no note.
"""

from __future__ import annotations

from typing import Any

from greenlet import getcurrent

from ..hubs.fairness import be_fair
from ..hubs.turn import Turn
from ..hubs.waiting import NOTHING, Note, await_note, leave_note, wake_one, withdraw
from .lock import check_timeout

# ---- threading.Event ----


def event_wait(self: Any, timeout: float | None = None) -> bool:
    """Block until the internal flag is true or `timeout` seconds have passed; yields. True unless the timeout came."""
    if self._flag:
        return True
    waiters = self._cond._waiters
    current: Any = getcurrent()
    try:
        hub = current.hub
    except AttributeError:
        hub = current
    if timeout is not None or current is hub:
        return _event_wait(self, waiters, timeout)
    note: Note = [current, NOTHING]
    waiters.append(note)
    if self._flag:
        withdraw(waiters, note)
        return True
    ready = hub.ready
    try:
        while note[1] is NOTHING:
            there = ready.popleft()
            if there.__class__ is Turn:
                there = there.next()
            there.switch()
    except BaseException:
        withdraw(waiters, note)
        raise
    note[0] = None
    return True


def _event_wait(self: Any, waiters: Any, timeout: float | None) -> bool:
    """`event_wait` with a timeout, or where the caller has no hub yet."""
    if timeout is not None and timeout > 0:
        check_timeout(True, timeout)
    note = leave_note(waiters)
    if self._flag:
        withdraw(waiters, note)
        return True
    return await_note(waiters, note, timeout)


def event_is_set(self: Any) -> bool:
    """Return true if and only if the internal flag is true. Yields as other looks do (`guv.hubs.fairness`)."""
    be_fair()
    return self._flag  # type: ignore[no-any-return]


def event_set(self: Any) -> None:
    """Set the internal flag to true. All threads waiting for it are awakened. Never yields."""
    self._flag = True
    waiters = self._cond._waiters
    waiting = len(waiters)
    while waiting:
        wake_one(waiters)
        waiting -= 1


def event_clear(self: Any) -> None:
    """Reset the internal flag to false. Never yields."""
    self._flag = False


# ---- threading.Semaphore ----


def semaphore_acquire(self: Any, blocking: bool = True, timeout: float | None = None) -> bool:
    """Acquire a semaphore, decrementing the internal counter by one; yields if that is zero.

    False if `blocking` is false or `timeout` seconds have passed. A release hands its permit to whoever waits longest.
    """
    if not blocking and timeout is not None:
        raise ValueError("can't specify timeout for non-blocking acquire")
    if self._value > 0:
        self._value -= 1
        return True
    if not blocking:
        be_fair()
        return False
    if timeout is not None and timeout > 0:
        check_timeout(True, timeout)
    waiters = self._cond._waiters
    note = leave_note(waiters)
    taken = False
    if self._value > 0:
        self._value -= 1
        taken = True
    if taken:
        if not withdraw(waiters, note):
            semaphore_release(self)  # another thread gave us one, too
        return True
    try:
        return await_note(waiters, note, timeout)
    except BaseException:
        if note[1] is not NOTHING:
            semaphore_release(self)
        raise


def semaphore_release(self: Any, n: int = 1) -> None:
    """Release a semaphore, incrementing the internal counter by one or more. Never yields."""
    if n < 1:
        raise ValueError("n must be one or more")
    waiters = self._cond._waiters
    while waiters and wake_one(waiters):
        if n == 1:
            return
        n -= 1
    self._value += n
    while waiters:  # came from another thread meanwhile
        given = False
        if self._value > 0:
            self._value -= 1
            given = True
        if not given:
            return
        if not wake_one(waiters):
            self._value += 1


def bounded_release(self: Any, n: int = 1) -> None:
    """As `Semaphore.release`; raises ValueError if the counter would exceed its initial value."""
    if n < 1:
        raise ValueError("n must be one or more")
    if self._value + n > self._initial_value:
        raise ValueError("Semaphore released too many times")
    semaphore_release(self, n)


def named(function: Any, path: str) -> Any:
    """`function`, saying that it is `path`."""
    function.__module__, _, function.__qualname__ = path.partition(".")
    function.__name__ = path.rpartition(".")[2]
    return function


THREADING: list[tuple[str, str, Any]] = [
    ("threading", path, named(function, f"threading.{path}"))
    for path, function in (
        ("Event.wait", event_wait),
        ("Event.is_set", event_is_set),
        ("Event.set", event_set),
        ("Event.clear", event_clear),
        ("Semaphore.acquire", semaphore_acquire),
        ("Semaphore.release", semaphore_release),
        ("BoundedSemaphore.release", bounded_release),
    )
]
THREADING.append(("threading", "Semaphore.__enter__", semaphore_acquire))
