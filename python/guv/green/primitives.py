"""Waiting in `threading.Event`, `Semaphore` and `queue.Queue`: one note, one switch.

The standard library takes and frees a condition's lock around each wait. Here whoever waits leaves a note in the
queue of that condition's waiters, as `condition` does, and whoever frees something makes its greenlet ready. A `put`
hands its item straight to a `get` that waits: it goes through no queue. The functions are put into the classes in
place. What they do not handle (a lock that is not guv's, a timeout of a queue, a queue that is shut down) goes to the
function that they replace.

As in `RLock`, a change of an attribute that is one test and one store is atomic: the interpreter looks for signals and
for other threads at calls and backward jumps only. A semaphore's value and an event's flag need no lock therefore.
A waiter looks once more after it has left its note; so does whoever frees something after it has found no note.
"""

from __future__ import annotations

from typing import Any

from greenlet import getcurrent

from .._originals import get_ident as native_ident
from .._rebind import PerClass
from ..hubs.turn import Turn
from ..hubs.waiting import NOTHING, WOKEN, Note, await_note, leave_note, resume, wake_one, withdraw
from ._readiness import note_poll
from .lock import check_timeout, lock


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
                waiters = self.not_empty._waiters
                if waiters and is_plain and not self.queue and _hand_over(self, waiters, item):
                    self.unfinished_tasks += 1
                    return None
                if self.maxsize <= 0 or (len(self.queue) if is_plain else self._qsize()) < self.maxsize:
                    if is_plain:
                        self.queue.append(item)
                    else:
                        self._put(item)
                    self.unfinished_tasks += 1
                    if waiters:
                        wake_one(waiters)
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
        held = True
        try:
            while True:
                is_plain = self.__class__ is Queue
                if self.queue if is_plain else self._qsize():
                    item = self.queue.popleft() if is_plain else self._get()
                    waiters = self.not_full._waiters
                    if waiters:
                        wake_one(waiters)
                    return item
                if not block or (shuts_down and self.is_shutdown):
                    break
                waiters = self.not_empty._waiters
                current: Any = getcurrent()
                try:
                    hub = current.hub
                except AttributeError:
                    hub = current
                if not is_plain or current is hub:
                    _wait_outside(mutex, waiters)
                    continue
                note: Note = [current, NOTHING, self]  # to be handed an item
                waiters.append(note)
                held = False
                if mutex._waiters:
                    mutex.release()
                else:
                    mutex._bit.release()
                    if mutex._waiters and mutex._bit.acquire(False):
                        mutex.release()
                ready = hub.ready
                try:
                    while note[1] is NOTHING:
                        there = ready.popleft()
                        if there.__class__ is Turn:
                            there = there.next()
                        there.switch()
                except BaseException:
                    _give_back(self, note)
                    raise
                note[0] = None
                item = note[1]
                if item is not WOKEN:
                    return item
                held = True
                _retake(mutex, waiters)
        finally:
            if not held:
                pass
            elif mutex._waiters:
                mutex.release()
            else:
                mutex._bit.release()
                if mutex._waiters and mutex._bit.acquire(False):
                    mutex.release()
        if not block:
            note_poll()
        return original(self, block, timeout)

    return _named(get, "queue.Queue.get")


def _hand_over(queue: Any, waiters: Any, item: Any) -> bool:
    """Give `item` to the first of `waiters`, who wait for one of `queue`; False if that one only waits for news."""
    while waiters:
        try:
            note = waiters.popleft()
        except IndexError:  # it has given up meanwhile
            return False
        if note.__class__ is not list or note[-1] is not queue:
            waiters.appendleft(note)
            return False
        waiter = note[0]
        if waiter is not None and note[1] is NOTHING:  # `serve`, in place
            note[1] = item
            hub = waiter.hub
            if hub.thread == native_ident():
                ready = hub.ready
                note[0] = None
                ready.append(waiter)
                return True
            if resume(note):
                return True
    return False


def _give_back(queue: Any, note: Note) -> None:
    """The wait of `note` in `get` has ended by an exception; what it was handed is for the next one."""
    waiters = queue.not_empty._waiters
    if withdraw(waiters, note):
        return
    if note[1] is WOKEN:
        wake_one(waiters)
        return
    mutex = queue.mutex
    try:
        if not mutex._bit.acquire(False):
            retake_lock(mutex)
    finally:
        queue.queue.appendleft(note[1])
        wake_one(waiters)
        mutex.release()


def class_of(method: Any) -> tuple[type, bool]:
    """The class `Queue` that `method` was written for (there are copies of the module), and whether it shuts down."""
    found = method.__globals__["Queue"]
    return found, hasattr(found, "shutdown")


def make_look(original: Any) -> Any:
    """`Queue.empty` or `Queue.qsize`, for the class that has `original`."""

    def look(self: Any) -> Any:
        note_poll()
        return original(self)

    look.__doc__ = original.__doc__
    return _named(look, f"queue.{original.__qualname__}")


def _wait_outside(mutex: Any, waiters: Any) -> None:
    """Free `mutex`, wait for a notification, take `mutex` again, also if an exception ends the wait."""
    note = leave_note(waiters)
    mutex.release()
    try:
        await_note(waiters, note)
    except BaseException:
        if note[1] is not NOTHING:
            wake_one(waiters)
        raise
    finally:
        _retake(mutex, waiters)


def _retake(mutex: Any, waiters: Any) -> None:
    """Take `mutex` after a notification. One who is killed meanwhile has it, but passes the notification on."""
    if not mutex._bit.acquire(False):
        try:
            retake_lock(mutex)
        except BaseException:
            wake_one(waiters)
            raise


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
    ("queue", "Queue.empty", PerClass(make_look)),
    ("queue", "Queue.qsize", PerClass(make_look)),
]
