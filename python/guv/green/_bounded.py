"""Waiting in `queue.Queue`: an item, or a place for one, goes straight to whoever waits longest.

The standard library's `put` and `get` wait in a condition, take the lock again, and look again. Here whoever waits
leaves a note in the queue of that condition's waiters. A `put` hands its item to the first `get` that waits; a `get`
puts in the item of the first `put` that waits; who was served goes on without another look. One at a time is woken so:
see `guv.hubs.line`. The functions are put into the class in place. What they do not handle (a lock that is held or not
guv's, a wait of a thread without a hub, mere news, a queue that is shut down) goes to the function that they replace.

A note says for which queue it can be served. Those of a subclass with methods of its own do not, because
only its methods know what it means to put an item back: they are given the news, and look again.

The queue's lock makes all of it one step for threads of the operating system too.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from greenlet import getcurrent

from .._originals import get_ident as native_ident
from .._originals import monotonic_ns
from .._rebind import PerClass
from ..hubs.deadline import ENDLESS
from ..hubs.fairness import be_fair
from ..hubs.line import FEW, Line
from ..hubs.turn import Turn
from ..hubs.waiting import NOTHING, WOKEN, Note, park, remove, resume, void, wake_one
from .lock import lock
from .primitives import named

#: What a `put` that waits is handed: its item is in the queue.
_PUT_IN: Any = type("PutIn", (), {"__slots__": (), "__repr__": lambda self: "PUT_IN"})()


def make_put(original: Any) -> Any:
    """`Queue.put` for the class that has `original`."""
    Queue, LifoQueue, whole, shuts_down = classes_of(original)

    def put(self: Any, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put an item into the queue; yields while there is no free slot. As `queue.Queue.put`."""
        mutex = self.mutex
        if type(mutex) is not lock or (timeout is not None and not timeout >= 0):
            return original(self, item, block, timeout)  # type: ignore[no-any-return]
        note: Note | None = None
        while True:
            if not mutex._held:
                mutex._held = True
            elif not mutex._try():
                break
            try:
                if shuts_down and self.is_shutdown:
                    break
                kind = type(self)
                is_plain = kind is Queue or kind is LifoQueue
                if self.maxsize <= 0 or (len(self.queue) if is_plain else self._qsize()) < self.maxsize:
                    if is_plain:
                        self.queue.append(item)
                    else:
                        self._put(item)
                    self.unfinished_tasks += 1
                    waiters = self.not_empty._waiters
                    if waiters and (waiters.__class__ is not Line or waiters.idle):
                        _serve_get(self, waiters)
                    return None
                note = _stand_in_line(self, self.not_full, whole, block, timeout, item)
            finally:
                if mutex._waiters:
                    mutex.release()
                else:
                    mutex._held = False
                    if mutex._waiters and mutex._try():  # came from another thread meanwhile
                        mutex.release()
            if note is None:
                break
            timeout = _await(self, self.not_full, note, timeout)
            if note[1] is _PUT_IN:
                return None
        return _do_without(original, self.not_full, note, (self, item, block, timeout))  # type: ignore[no-any-return]

    return named(put, "queue.Queue.put")


def make_get(original: Any) -> Any:
    """`Queue.get` for the class that has `original`."""
    Queue, LifoQueue, whole, shuts_down = classes_of(original)

    def get(self: Any, block: bool = True, timeout: float | None = None) -> Any:
        """Remove and return an item from the queue; yields while there is none. As `queue.Queue.get`."""
        mutex = self.mutex
        if type(mutex) is not lock or (timeout is not None and not timeout >= 0):
            return original(self, block, timeout)
        note: Note | None = None
        while True:
            if not mutex._held:
                mutex._held = True
            elif not mutex._try():
                break
            try:
                kind = type(self)
                is_plain = kind is Queue or kind is LifoQueue
                if self.queue if is_plain else self._qsize():
                    if kind is Queue:
                        item = self.queue.popleft()
                    elif is_plain:
                        item = self.queue.pop()
                    else:
                        item = self._get()
                    waiters = self.not_full._waiters
                    if waiters and (waiters.__class__ is not Line or waiters.idle):
                        _serve_put(self, waiters)
                    return item
                if shuts_down and self.is_shutdown:
                    break
                note = _stand_in_line(self, self.not_empty, whole, block, timeout, None)
                if note is None and self.not_full._waiters and _serve_put(self, self.not_full._waiters):
                    continue  # in this moment nobody has to wait
            finally:
                if mutex._waiters:
                    mutex.release()
                else:
                    mutex._held = False
                    if mutex._waiters and mutex._try():
                        mutex.release()
            if note is None:
                break
            timeout = _await(self, self.not_empty, note, timeout)
            item = note[1]
            if item is not NOTHING and item is not WOKEN:
                return item
        return _do_without(original, self.not_empty, note, (self, block, timeout))

    return named(get, "queue.Queue.get")


def classes_of(method: Any) -> tuple[type, type, frozenset[type], bool]:
    """The classes that `method` was written for, since there are copies of the module: `Queue`, `LifoQueue`, all those
    that can have an item back, and whether they shut down."""
    found = method.__globals__
    Queue, LifoQueue = found["Queue"], found["LifoQueue"]
    return Queue, LifoQueue, frozenset((Queue, LifoQueue, found["PriorityQueue"])), hasattr(Queue, "shutdown")


def make_task_done(original: Any) -> Any:
    """`Queue.task_done` for the class that has `original`."""

    def task_done(self: Any) -> None:
        """Indicate that a formerly enqueued task is complete. As `queue.Queue.task_done`."""
        mutex = self.mutex
        # a test and a store, with no call in between: the lock needs not be taken
        if type(mutex) is lock and not mutex._held and self.unfinished_tasks > 1:
            self.unfinished_tasks -= 1
        else:
            original(self)

    return named(task_done, "queue.Queue.task_done")


def _do_without(original: Any, condition: Any, note: Note | None, args: tuple[Any, ...]) -> Any:
    """Call the original, which does not wait, or not for long. `note` may have had news, which is not to get lost."""
    try:
        if not args[-2] or args[-1] == 0:
            be_fair()
        return original(*args)
    except BaseException:
        if note is not None and note[1] is WOKEN:
            wake_one(condition._waiters)
        raise


# ---- waiting


def _stand_in_line(
    queue: Any, condition: Any, whole: frozenset[type], block: bool, timeout: float | None, item: Any
) -> Note | None:
    """Queue the caller for what `condition` is about, if it is one that waits, for a time that `park` takes, and in a
    thread with a hub; else None. The lock is held."""
    if not block or (timeout is not None and not 0 < timeout < ENDLESS):
        return None
    current: Any = getcurrent()
    try:
        hub = current.hub
    except AttributeError:
        return None
    if current is hub:
        return None
    note = [current, NOTHING, item, queue if queue.__class__ in whole else None]
    waiters = condition._waiters
    if waiters.__class__ is not Line and not waiters:  # else somebody waits since before the patch
        condition._waiters = waiters = Line()
    if waiters.__class__ is Line and not 0 < queue.maxsize <= FEW:
        waiters.enter(note, hub)
    else:
        waiters.append(note)
    return note


def _await(queue: Any, condition: Any, note: Note, timeout: float | None) -> float | None:
    """Park until `note`, which waits for `condition`, is served, or for `timeout` seconds; returns what is left of it.

    Whoever was served sees to it that the next one is, if there is something for him.
    """
    hub = note[0].hub
    waiters = condition._waiters
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
            end = monotonic_ns() + int(timeout * 1e9)
            if not park(hub, note[0], note, timeout):
                remove(waiters, note)
                return 0
            timeout = max(0, end - monotonic_ns()) / 1e9
        if waiters.__class__ is Line and waiters.coming and waiters.ran():
            _pass_on(queue)
        return timeout
    except BaseException:
        void(note)
        if note[1] is NOTHING:
            remove(waiters, note)
        elif note[1] is WOKEN:
            wake_one(waiters)
        else:
            _hand_back(queue, waiters, note[1])
        raise


# ---- passing on; the lock is held but where it is said


def _serve_get(queue: Any, waiters: Any, soon: bool = False) -> None:
    """There is an item, and somebody waits: hand over the first item, or the news. `soon` is as for `resume`."""
    while waiters:
        try:
            note = waiters.popleft()
        except IndexError:  # it has given up meanwhile
            break
        if note.__class__ is not list or note[-1] is not queue:
            waiters.appendleft(note)
            wake_one(waiters)
            return
        if note[0] is not None and note[1] is NOTHING:
            item = queue._get()
            if _hand(waiters, note, item, soon):
                return
            _put_back(queue, item)
    _nobody_left(waiters)


def _serve_put(queue: Any, waiters: Any, soon: bool = False) -> bool:
    """There is a place, and somebody waits for one: put in the item of the first, or give it the news. Whether there
    is an item more."""
    while waiters:
        try:
            note = waiters.popleft()
        except IndexError:
            break
        if note.__class__ is not list or note[-1] is not queue:
            waiters.appendleft(note)
            wake_one(waiters)
            return False
        if note[0] is not None and note[1] is NOTHING and _hand(waiters, note, _PUT_IN, soon):
            queue._put(note[2])
            queue.unfinished_tasks += 1
            getters = queue.not_empty._waiters
            if getters and (getters.__class__ is not Line or getters.idle):
                _serve_get(queue, getters)
            return True
    _nobody_left(waiters)
    return False


def _hand(waiters: Any, note: Note, value: Any, soon: bool) -> bool:
    """Serve `note`, the first of `waiters`, with `value`. False if its thread has ended, or it waits no more."""
    one_by_one = waiters.__class__ is Line and waiters.home is not None
    if one_by_one:
        waiters.served()
    waiter = note[0]
    if waiter is not None and note[1] is NOTHING:  # `serve`, in place
        note[1] = value
        hub = waiter.hub
        if not soon and hub.thread == native_ident():
            ready = hub.ready
            note[0] = None
            ready.append(waiter)
            return True
        if resume(note, soon):
            return True
    if one_by_one:
        waiters.ran()
    return False


def _nobody_left(waiters: Any) -> None:
    if waiters.__class__ is Line:
        waiters.emptied()


def _settle(queue: Any, soon: bool) -> None:
    """Serve those who are to be served now, after one that was served has run, or has given up."""
    getters, putters = queue.not_empty._waiters, queue.not_full._waiters
    while True:
        if getters and (getters.__class__ is not Line or getters.idle) and queue._qsize():
            _serve_get(queue, getters, soon)
        elif putters and (putters.__class__ is not Line or putters.idle) and not 0 < queue.maxsize <= queue._qsize():
            _serve_put(queue, putters, soon)
        else:
            return


def _pass_on(queue: Any) -> None:
    """The caller was served, and others wait. Takes the lock, for which it may have to wait."""
    mutex = queue.mutex
    _take(mutex)
    try:
        _settle(queue, soon=True)
    finally:
        mutex.release()


def _hand_back(queue: Any, waiters: Any, item: Any) -> None:
    """The caller was served, but an exception ends its wait: what it was handed is for the next one. Takes the lock."""
    mutex = queue.mutex
    try:
        _take(mutex)
    finally:
        if item is not _PUT_IN:
            _put_back(queue, item)
        if waiters.__class__ is Line:
            waiters.ran()
        _settle(queue, soon=False)
        mutex.release()


def _put_back(queue: Any, item: Any) -> None:
    """An item that was handed over is the first one again."""
    items = queue.queue
    if items.__class__ is deque:
        items.appendleft(item)
    else:
        queue._put(item)


def _take(mutex: Any) -> None:
    """Take `mutex` in any case; what was thrown in meanwhile is raised once it is held."""
    thrown = None
    while not mutex._try():
        try:
            mutex._wait(-1)
            break
        except BaseException as error:
            thrown = error
    if thrown is not None:
        raise thrown


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
    ("queue", "Queue.task_done", PerClass(make_task_done)),
    ("queue", "Queue.empty", PerClass(make_look)),
    ("queue", "Queue.full", PerClass(make_look)),
    ("queue", "Queue.qsize", PerClass(make_look)),
]
