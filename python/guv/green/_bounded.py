"""Waiting in `queue.Queue`: an item, or a place for one, goes straight to whoever waits longest.

The standard library's `put` and `get` wait in a condition, take the lock again, and look again. Here whoever waits
leaves a note in the queue of that condition's waiters. A `put` hands its item to the first `get` that waits; a `get`
puts in the item of the first `put` that waits; who was served goes on without another look. The functions are put into
the class in place. What they do not handle (a lock that is held or not guv's, a wait of a subclass with methods of its
own or of a thread without a hub, mere news, a queue that is shut down) goes to the function that they replace.

The queue's lock makes all of it one step for threads of the operating system too.
"""

from __future__ import annotations

from typing import Any

from greenlet import getcurrent

from .._originals import get_ident as native_ident
from .._originals import monotonic_ns
from .._rebind import PerClass
from ..hubs.deadline import ENDLESS
from ..hubs.fairness import be_fair
from ..hubs.turn import Turn
from ..hubs.waiting import NOTHING, WOKEN, Note, park, remove, resume, void, wake_one
from .lock import lock
from .primitives import named

#: What a `put` that waits is handed: its item is in the queue.
_PUT_IN: Any = type("PutIn", (), {"__slots__": (), "__repr__": lambda self: "PUT_IN"})()


def make_put(original: Any) -> Any:
    """`Queue.put` for the class that has `original`."""
    Queue, shuts_down = class_of(original)

    def put(self: Any, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put an item into the queue; yields while there is no free slot. As `queue.Queue.put`."""
        if timeout is not None and not timeout >= 0:
            return original(self, item, block, timeout)  # type: ignore[no-any-return]
        mutex = self.mutex
        note: Note | None = None
        while mutex.__class__ is lock and mutex._bit.acquire(False):
            is_plain = self.__class__ is Queue
            try:
                if shuts_down and self.is_shutdown:
                    break
                if self.maxsize <= 0 or (len(self.queue) if is_plain else self._qsize()) < self.maxsize:
                    if is_plain:
                        self.queue.append(item)
                    else:
                        self._put(item)
                    self.unfinished_tasks += 1
                    if self.not_empty._waiters:
                        _serve_get(self)
                    return None
                waiters = self.not_full._waiters
                note = _leave_note(self, is_plain, waiters, item) if _may_wait(block, timeout) else None
            finally:
                if mutex._waiters:
                    mutex.release()
                else:
                    mutex._bit.release()
                    if mutex._waiters and mutex._bit.acquire(False):  # came from another thread meanwhile
                        mutex.release()
            if note is None:
                break
            timeout = _await(waiters, note, timeout)
            if note[1] is _PUT_IN:
                return None
        try:
            if not block or timeout == 0:
                be_fair()
            return original(self, item, block, timeout)  # type: ignore[no-any-return]
        except BaseException:
            if note is not None and note[1] is WOKEN:
                wake_one(waiters)
            raise

    return named(put, "queue.Queue.put")


def make_get(original: Any) -> Any:
    """`Queue.get` for the class that has `original`."""
    Queue, shuts_down = class_of(original)

    def get(self: Any, block: bool = True, timeout: float | None = None) -> Any:
        """Remove and return an item from the queue; yields while there is none. As `queue.Queue.get`."""
        if timeout is not None and not timeout >= 0:
            return original(self, block, timeout)
        mutex = self.mutex
        note: Note | None = None
        while mutex.__class__ is lock and mutex._bit.acquire(False):
            is_plain = self.__class__ is Queue
            try:
                if self.queue if is_plain else self._qsize():
                    item = self.queue.popleft() if is_plain else self._get()
                    if self.not_full._waiters:
                        _serve_put(self)
                    return item
                if not block or (shuts_down and self.is_shutdown):
                    break
                current: Any = getcurrent()
                try:
                    hub = current.hub
                except AttributeError:
                    break
                if current is hub or (timeout is not None and not 0 < timeout < ENDLESS):
                    break
                note = [current, NOTHING, None, self if is_plain else None]
                waiters = self.not_empty._waiters
                waiters.append(note)
            finally:
                if mutex._waiters:
                    mutex.release()
                else:
                    mutex._bit.release()
                    if mutex._waiters and mutex._bit.acquire(False):
                        mutex.release()
            try:
                if timeout is None:
                    ready = hub.ready
                    while note[1] is NOTHING:
                        there = ready.popleft()
                        if there.__class__ is Turn:
                            there = there.next()
                        there.switch()
                    note[0] = None
                else:
                    timeout = _await(waiters, note, timeout)
            except BaseException:
                _give_up(self, waiters, note)
                raise
            item = note[1]
            if item is not NOTHING and item is not WOKEN:
                return item
        try:
            if not block or timeout == 0:
                be_fair()
            return original(self, block, timeout)
        except BaseException:
            if note is not None and note[1] is WOKEN:
                wake_one(waiters)
            raise

    return named(get, "queue.Queue.get")


def _may_wait(block: bool, timeout: float | None) -> bool:
    """Whether the caller waits at all, and for a time that `park` takes."""
    return block and (timeout is None or 0 < timeout < ENDLESS)


def _leave_note(queue: Any, is_plain: bool, waiters: Any, item: Any) -> Note | None:
    """Queue the caller for an item or a place of `queue`, or only for news; None if its thread has no hub."""
    current: Any = getcurrent()
    try:
        if current.hub is current:
            return None
    except AttributeError:
        return None
    note = [current, NOTHING, item, queue] if is_plain else [current, NOTHING]
    waiters.append(note)
    return note


def _await(waiters: Any, note: Note, timeout: float | None) -> float | None:
    """Park until `note`, which is among `waiters`, is served, or for `timeout` seconds; returns what is left of them.

    If an exception ends the wait, mere news goes to the next one.
    """
    hub = note[0].hub
    try:
        if timeout is None:
            ready = hub.ready
            while note[1] is NOTHING:
                there = ready.popleft()
                if there.__class__ is Turn:
                    there = there.next()
                there.switch()
            note[0] = None
            return None
        end = monotonic_ns() + int(timeout * 1e9)
        if park(hub, note[0], note, timeout):
            return max(0, end - monotonic_ns()) / 1e9
    except BaseException:
        void(note)
        if note[1] is WOKEN:
            wake_one(waiters)
        elif note[1] is NOTHING:
            remove(waiters, note)
        raise
    remove(waiters, note)
    return 0


def _serve_get(queue: Any) -> None:
    """An item has been added, and somebody waits: hand over the first item, or the news."""
    waiters, items = queue.not_empty._waiters, queue.queue
    while waiters:
        try:
            note = waiters.popleft()
        except IndexError:  # it has given up meanwhile
            return
        if note.__class__ is not list or note[-1] is not queue:
            waiters.appendleft(note)
            wake_one(waiters)
            return
        waiter = note[0]
        if waiter is not None and note[1] is NOTHING:  # `serve`, in place
            note[1] = item = items.popleft()
            hub = waiter.hub
            if hub.thread == native_ident():
                ready = hub.ready
                note[0] = None
                ready.append(waiter)
                return
            if resume(note):
                return
            items.appendleft(item)


def _serve_put(queue: Any) -> None:
    """A place has become free, and somebody waits for one: put in the item of the first, or give it the news."""
    waiters = queue.not_full._waiters
    while waiters:
        try:
            note = waiters.popleft()
        except IndexError:
            return
        if note.__class__ is not list or note[-1] is not queue:
            waiters.appendleft(note)
            wake_one(waiters)
            return
        if note[0] is not None and note[1] is NOTHING:
            note[1] = _PUT_IN
            if resume(note):
                queue.queue.append(note[2])
                queue.unfinished_tasks += 1
                if queue.not_empty._waiters:
                    _serve_get(queue)
                return


def _give_up(queue: Any, waiters: Any, note: Note) -> None:
    """An exception ends a wait in `get`: what it was handed, an item or news, is for the next one."""
    void(note)
    item = note[1]
    if item is NOTHING:
        remove(waiters, note)
        return
    if item is WOKEN:
        wake_one(waiters)
        return
    mutex = queue.mutex
    try:
        _take(mutex)
    finally:
        queue.queue.appendleft(item)
        if queue.not_empty._waiters:
            _serve_get(queue)
        mutex.release()


def _take(mutex: Any) -> None:
    """Take `mutex` in any case; what was thrown in meanwhile is raised once it is held."""
    thrown = None
    while not mutex._bit.acquire(False):
        try:
            mutex._wait(-1)
            break
        except BaseException as error:
            thrown = error
    if thrown is not None:
        raise thrown


def class_of(method: Any) -> tuple[type, bool]:
    """The class `Queue` that `method` was written for (there are copies of the module), and whether it shuts down."""
    found = method.__globals__["Queue"]
    return found, hasattr(found, "shutdown")


def make_look(original: Any) -> Any:
    """`Queue.empty`, `full` or `qsize`, for the class that has `original`."""

    def look(self: Any) -> Any:
        be_fair()
        return original(self)

    look.__doc__ = original.__doc__
    return named(look, f"queue.{original.__qualname__}")


PATCHES: list[tuple[str, str, Any]] = [
    ("queue", "Queue.put", PerClass(make_put)),
    ("queue", "Queue.get", PerClass(make_get)),
    ("queue", "Queue.empty", PerClass(make_look)),
    ("queue", "Queue.full", PerClass(make_look)),
    ("queue", "Queue.qsize", PerClass(make_look)),
]
