"""Waiting in `threading.Event`, `Semaphore` and `queue.Queue`: one note, one switch.

The standard library takes and frees a condition's lock around each wait. Here whoever waits leaves a note in the
queue of that condition's waiters, as `condition` does, and whoever frees something makes its greenlet ready. The
functions are put into the classes in place. What they do not handle (a lock that is not guv's, a timeout of a queue, a
queue that is shut down) goes to the function that they replace.

As in `RLock`, a change of an attribute that is one test and one store is atomic: the interpreter looks for signals and
for other threads at calls and backward jumps only. A semaphore's value and an event's flag need no lock therefore.
A waiter looks once more after it has left its note; so does whoever frees something after it has found no note.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from greenlet import getcurrent

from .._originals import allocate_lock as native_lock
from .._originals import monotonic_ns
from .._rebind import PerClass
from ..hubs.ident import waiting_hub
from ..hubs.switch import unpark
from ..hubs.turn import Turn
from ._notes import park
from ._readiness import be_fair
from .lock import ENDLESS, check_timeout, lock, resume

Waiters = deque[Any]


def leave_note(waiters: Waiters) -> Any:
    """Queue the caller: by a note, or by a native lock where it has to block its thread."""
    current: Any = getcurrent()
    note: Any
    hub = getattr(current, "hub", None)
    if hub is None or current is hub:
        hub = waiting_hub(current)
    if hub is None:
        note = native_lock()
        note.acquire()
    else:
        note = [current]
    waiters.append(note)
    return note


def take_back(note: Any, waiters: Waiters) -> bool:
    """Withdraw `note`; False if somebody has picked it already."""
    try:
        waiters.remove(note)
    except ValueError:
        if note.__class__ is list:
            note[0] = None  # the mail that tells us, if it is under way, is void
        return False
    return True


def wake(waiters: Waiters) -> bool:
    """Wake the first waiter, from any thread; False if nobody waits. Never yields."""
    while waiters:
        try:
            note = waiters.popleft()
        except IndexError:
            break
        if note.__class__ is list:
            if resume(note):
                return True
        else:
            try:
                note.release()
            except RuntimeError:
                continue
            return True
    return False


def await_note(note: Any, waiters: Waiters, timeout: float | None) -> bool:
    """Park until woken: True; until `timeout` seconds have passed: False, and the note is gone.

    If an exception is thrown in, `note` is still in `waiters` unless somebody had picked it.
    """
    if note.__class__ is not list:
        if timeout is None:
            return note.acquire()  # type: ignore[no-any-return]
        return note.acquire(timeout > 0, timeout if timeout > 0 else -1) or not take_back(note, waiters)
    current = note[0]
    hub = current.hub
    if timeout is not None and timeout <= 0:
        return not take_back(note, waiters)
    deadline = 0 if timeout is None or timeout >= ENDLESS else monotonic_ns() + int(timeout * 1e9)
    try:
        return park(hub, current, note, waiters, deadline)
    except BaseException:
        unpark(hub, current)
        raise


def retake_lock(taken: Any) -> None:
    """As `retake`, for a `lock`."""
    thrown = None
    while not taken._bit.acquire(False):
        try:
            taken._wait(-1)
            break
        except BaseException as error:
            thrown = error
    if thrown is not None:
        raise thrown


# ---- threading.Event ----


def event_wait(self: Any, timeout: float | None = None) -> bool:
    """Block until the internal flag is true or `timeout` seconds have passed; yields. True unless the timeout came."""
    if self._flag:
        return True
    waiters = self._cond._waiters
    current: Any = getcurrent()
    hub = getattr(current, "hub", None)
    if timeout is not None or hub is None or current is hub:
        return _event_wait(self, waiters, timeout)
    note: list[Any] = [current]
    waiters.append(note)
    if self._flag:
        take_back(note, waiters)
        return True
    ready = hub.ready
    try:
        while True:
            there = ready.popleft()
            if there.__class__ is Turn:
                there = there.next()
            there.switch()
            if note[0] is None:
                return True
    except BaseException:
        unpark(hub, current)
        take_back(note, waiters)
        raise


def _event_wait(self: Any, waiters: Waiters, timeout: float | None) -> bool:
    """`event_wait` with a timeout, or where the caller has no hub yet."""
    if timeout is not None and timeout > 0:
        check_timeout(True, timeout)
    note = leave_note(waiters)
    if self._flag:
        take_back(note, waiters)
        return True
    try:
        return await_note(note, waiters, timeout)
    except BaseException:
        take_back(note, waiters)
        raise


def event_set(self: Any) -> None:
    """Set the internal flag to true. All threads waiting for it are awakened. Never yields."""
    self._flag = True
    waiters = self._cond._waiters
    for _ in range(len(waiters)):
        wake(waiters)


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
        if not take_back(note, waiters):
            semaphore_release(self)  # another thread gave us one, too
        return True
    try:
        return await_note(note, waiters, timeout)
    except BaseException:
        if not take_back(note, waiters):
            semaphore_release(self)
        raise


def semaphore_release(self: Any, n: int = 1) -> None:
    """Release a semaphore, incrementing the internal counter by one or more. Never yields."""
    if n < 1:
        raise ValueError("n must be one or more")
    waiters = self._cond._waiters
    while waiters and wake(waiters):
        n -= 1
        if not n:
            return
    self._value += n
    while waiters:  # came from another thread meanwhile
        given = False
        if self._value > 0:
            self._value -= 1
            given = True
        if not given:
            return
        if not wake(waiters):
            self._value += 1


def bounded_release(self: Any, n: int = 1) -> None:
    """As `Semaphore.release`; raises ValueError if the counter would exceed its initial value."""
    if n < 1:
        raise ValueError("n must be one or more")
    if self._value + n > self._initial_value:
        raise ValueError("Semaphore released too many times")
    semaphore_release(self, n)


# ---- queue.Queue ----


def make_put(original: Any) -> Any:
    """`Queue.put` for the class that has `original`."""
    Queue, shuts_down = class_of(original)

    def put(self: Any, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put an item into the queue; yields while there is no free slot. As `queue.Queue.put`."""
        mutex = self.mutex
        if timeout is not None or mutex.__class__ is not lock or not mutex._bit.acquire(False):
            return original(self, item, block, timeout)  # type: ignore[no-any-return]
        try:
            while not (shuts_down and self.is_shutdown):
                is_plain = self.__class__ is Queue
                if self.maxsize <= 0 or (len(self.queue) if is_plain else self._qsize()) < self.maxsize:
                    if is_plain:
                        self.queue.append(item)
                    else:
                        self._put(item)
                    self.unfinished_tasks += 1
                    waiters = self.not_empty._waiters
                    if waiters:
                        wake(waiters)
                    return None
                if not block:
                    break
                _wait_outside(mutex, self.not_full._waiters)
        finally:
            if mutex._waiters:
                mutex.release()
            else:
                mutex._bit.release()
                if mutex._waiters and mutex._bit.acquire(False):  # came from another thread meanwhile
                    mutex.release()
        return original(self, item, block, timeout)  # type: ignore[no-any-return]

    return _named(put, "queue.Queue.put")


def make_get(original: Any) -> Any:
    """`Queue.get` for the class that has `original`."""
    Queue, shuts_down = class_of(original)

    def get(self: Any, block: bool = True, timeout: float | None = None) -> Any:
        """Remove and return an item from the queue; yields while there is none. As `queue.Queue.get`."""
        mutex = self.mutex
        if timeout is not None or mutex.__class__ is not lock or not mutex._bit.acquire(False):
            return original(self, block, timeout)
        try:
            while True:
                is_plain = self.__class__ is Queue
                if self.queue if is_plain else self._qsize():
                    item = self.queue.popleft() if is_plain else self._get()
                    waiters = self.not_full._waiters
                    if waiters:
                        wake(waiters)
                    return item
                if not block or (shuts_down and self.is_shutdown):
                    break
                _wait_outside(mutex, self.not_empty._waiters)
        finally:
            if mutex._waiters:
                mutex.release()
            else:
                mutex._bit.release()
                if mutex._waiters and mutex._bit.acquire(False):
                    mutex.release()
        if not block:
            _note_poll()
        return original(self, block, timeout)

    return _named(get, "queue.Queue.get")


def class_of(method: Any) -> tuple[type, bool]:
    """The class `Queue` that `method` was written for (there are copies of the module), and whether it shuts down."""
    found = method.__globals__["Queue"]
    return found, hasattr(found, "shutdown")


#: A thread that polls a queue in a loop until another has filled it lets the others run; one look does not switch.
POLLS = 50

_polls = 0


def _note_poll() -> None:
    global _polls
    _polls += 1
    if _polls >= POLLS:
        _polls = 0
        be_fair()


def _wait_outside(mutex: Any, waiters: Waiters) -> None:
    """Free `mutex`, wait for a notification, take `mutex` again, also if an exception ends the wait."""
    current: Any = getcurrent()
    hub: Any = getattr(current, "hub", None)
    if hub is None or current is hub:
        note = leave_note(waiters)
        hub = getattr(current, "hub", None)
    else:
        note = [current]
        waiters.append(note)
    mutex.release()
    try:
        if note.__class__ is not list:
            note.acquire()
            return
        ready = hub.ready
        while note[0] is not None:
            there = ready.popleft()
            if there.__class__ is Turn:
                there = there.next()
            there.switch()
    except BaseException:
        if hub is not None:
            unpark(hub, current)
        if not take_back(note, waiters):
            wake(waiters)
        raise
    finally:
        if not mutex._bit.acquire(False):
            retake_lock(mutex)


def _named(function: Any, path: str) -> Any:
    function.__module__, _, function.__qualname__ = path.partition(".")
    function.__name__ = path.rpartition(".")[2]
    return function


THREADING: list[tuple[str, str, Any]] = [
    ("threading", path, _named(function, f"threading.{path}"))
    for path, function in (
        ("Event.wait", event_wait),
        ("Event.set", event_set),
        ("Event.clear", event_clear),
        ("Semaphore.acquire", semaphore_acquire),
        ("Semaphore.release", semaphore_release),
        ("BoundedSemaphore.release", bounded_release),
    )
]
THREADING.append(("threading", "Semaphore.__enter__", semaphore_acquire))
QUEUE: list[tuple[str, str, Any]] = [
    ("queue", "Queue.put", PerClass(make_put)),
    ("queue", "Queue.get", PerClass(make_get)),
]
