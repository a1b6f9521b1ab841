"""The hub: a greenlet that schedules the others, and the contract that an event loop fulfils.

One hub serves one OS thread. A greenlet that has to wait notes what for, then *parks*: it takes
the next entry of `AbstractHub.ready` and switches to it, straight, without passing through the
hub. The last entry of each batch is the hub's `Turn`: switching to it begins the next turn of
the loop. What has to run on the hub's own stack (first starts of greenlets, callbacks) stands in
`AbstractHub.calls` and is run by the hub greenlet.

A turn is: ask the loop what is due (waiting only if nobody is ready), run the calls that were
queued before the turn began, go on with each ready greenlet once. What they queue belongs to
the next turn.

A loop plugs in by three methods: `exchange`, `wake` and `close` (`guv.hubs.epoll` is the
worked example). It takes *operations* and gives *completions*, both plain ints, so that a loop in
another language costs one call a turn. The formats are in `guv.hubs.wire`.

Every attribute belongs to the hub's thread, except `mail` and `wake()`: any thread may use those.
The file is long because it is one contract: what the scheduler keeps, and what each loop may rely on.
"""

from __future__ import annotations

import errno
import sys
from abc import ABCMeta, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit, getcurrent, greenlet

from .._originals import get_ident, monotonic_ns
from ..const import READ, WRITE
from ..exceptions import HubClosedError, WrongThreadError
from .deadline import ENDLESS, deadline_after
from .deadlock import settle_deadlock
from .descriptor import Crowd, Descriptor, OwnDescriptor
from .listener import AbstractListener as AbstractListener
from .timer import FRESH, VOID, Timer
from .timer import AbstractTimer as AbstractTimer
from .turn import DEADLOCK_PATIENCE, Switchable, Turn
from .wire import (
    ARM,
    CANCEL,
    FORGET,
    IS_ERROR,
    IS_LOOKUP,
    IS_TIMER,
    NOT_DESCRIPTOR,
    NOT_PLAIN,
    PRIORITY,
    READABLE,
    TIMER,
    WATCH,
    WRITABLE,
)

if TYPE_CHECKING:
    from .statistics import Statistics
    from .timeout import Timeout

#: Nanoseconds that a busy hub may go without asking the loop. A turn of two greenlets that only
#: yield takes about a microsecond; asking after each would double that.
POLL_INTERVAL = 50_000

#: Short turns in which a busy hub may not even look at the clock.
MAX_STRIDE = 4

#: Ints in `ops` from which on timers are handed over without waiting for the turn to end.
SUBMIT_AT = 4096

#: How many timers are handed over at once where there are so many.
BULK = 2048

#: What ``/proc/self/fd`` says of the descriptors that a loop has.
EVENTPOLL = "anon_inode:[eventpoll]"
EVENTFD = "anon_inode:[eventfd]"

#: Exceptions that end the program; they are raised in the main greenlet.
SYSTEM_ERRORS = (KeyboardInterrupt, SystemExit, SystemError)


_new_timer: Any = object.__new__


class AbstractHub(greenlet, metaclass=ABCMeta):
    """Scheduler of the greenlets of one thread, over an event loop that a subclass supplies."""

    # The interpreter specialises access to slots, not to the dict of a greenlet: 5 ns against 50.
    __slots__ = (
        "calls", "closed", "due", "expired", "fds", "free", "fresh", "jobs", "last", "looked", "looking_since",
        "lookups", "mail", "main", "main_waits", "ops", "polled", "ready", "stopping", "stride", "thread", "timers",
        "unasked_turns",
    )  # fmt: skip

    #: Whether `handle_error` reports; set for all hubs by `guv.debug.hub_exceptions`.
    reports_errors = True

    def __init__(self) -> None:
        super().__init__()
        self.parent = main = getcurrent()
        while main.parent is not None:
            main = main.parent
        self.parent = main
        self.main = main
        self.thread = get_ident()
        self.ready: deque[Switchable] = deque()
        self.calls: deque[Callable[[], object]] = deque()  # for the next turn
        self.due: deque[Callable[[], object]] = deque()  # of this turn
        self.mail: deque[Callable[[], object]] = deque()  # from other threads
        # for the loop, not yet handed over; extended by whole operations, because a signal
        # handler may do so between any two steps
        self.ops: list[int] = []
        self.fds: dict[int, Descriptor] = {}
        self.timers: list[Any] = []  # token -> greenlet or callable
        self.free: list[int] = []  # tokens not in use
        self.expired: list[int] = []  # completions of timers that are not yet seen to
        self.fresh: list[Any] = []  # Timeouts and Timers not yet handed over
        self.lookups: dict[int, Callable[[], object]] = {}  # names being looked up
        self.jobs = 0  # pieces of work in native threads that will send mail
        self.polled = 0  # nanoseconds; when the loop was asked last by a busy hub
        self.looked = 0  # nanoseconds; when a busy hub looked at the clock last
        self.looking_since = 0  # nanoseconds; when `fairness` noted a look first in this turn, 0: not yet
        self.stride = 0  # turns from one such look to the next
        self.unasked_turns = 0  # how many of them are left
        # notes of those who wait until nothing else is left to do: [greenlet, served with, whether it has a timer]
        self.last: deque[Any] = deque()
        self.main_waits: object = None  # the guv primitive that the main greenlet waits on
        self.stopping = False
        self.closed = False
        self.ready.append(Turn(self))

    # ---- what a loop supplies ----

    @abstractmethod
    def exchange(self, timeout: int) -> Iterable[int]:
        """Hand over `self.ops` (and clear it), wait, return the completions. Those of timers may be added to
        `self.expired` instead.

        `timeout` in nanoseconds: 0 does not wait, -1 waits until the next timer is due or
        something happens. A signal ends the wait early, with whatever is there.
        """

    @abstractmethod
    def wake(self) -> None:
        """End the wait of `exchange`, now or the next one. Any thread may call it."""

    @abstractmethod
    def close(self) -> None:
        """Give the loop's descriptors back. Greenlets that wait stay parked for ever."""

    def abandon(self) -> None:
        """In a forked child: close the descriptors of the parent's loop, touching nothing that
        parent and child share, and no thread that only the parent has."""
        self.close()

    def submit(self) -> None:
        """Hand over `self.ops` early, because there are many. Optional."""

    def counters(self) -> dict[str, int]:
        """What the loop has counted: `turns`, `events`, `stale_events`, `timers_fired`, `timers_cancelled`,
        and `longest_turn` in nanoseconds if somebody watches. Optional; for `statistics`."""
        return {}

    def deadline_of(self, token: int) -> int:
        """When the timer `token` is due, in nanoseconds of CLOCK_MONOTONIC; 0 if that is not known. Optional."""
        return 0

    def report_blocks(self, threshold: int, fd: int) -> bool:
        """Write to `fd` whenever the loop has not been asked for `threshold` nanoseconds; 0: no longer.

        False: this loop can't, so a thread has to look at `busy_since` from time to time. Optional.
        """
        return False

    def busy_since(self) -> int:
        """When the loop's last wait ended, in nanoseconds of CLOCK_MONOTONIC; 0 while it waits, or if it does not
        know. Any thread may ask. Optional."""
        return 0

    def reopen(self) -> None:
        """Make new descriptors for the loop and register with them what was registered, because the
        program has closed the old ones. Optional: without it the hub is of no use any more."""
        raise HubClosedError("the program has closed the descriptors of its event loop")

    # ---- the loop ----

    def check(self) -> None:
        """Raise unless the caller is in this hub's thread, and the hub open."""
        if not current_thread_is(self):
            raise WrongThreadError(
                f"the hub of thread {self.thread} was used in thread {get_ident()}; use call_soon_threadsafe there"
            )
        if self.closed:
            raise HubClosedError("the hub is closed: use_hub() replaced it, or it stayed behind in a fork")

    def run(self, *args: Any, **kwargs: Any) -> None:
        """The hub greenlet's body: calls of this turn first, then the next ready greenlet.

        A call that parks comes back here, because the hub stands before all others in `ready`: what was spawned
        has been started when those go on that were ready later.
        """
        ready = self.ready
        call: Any = None
        while not self.stopping:
            try:
                due = self.due
                while due:
                    if ready[0] is not self:
                        ready.appendleft(self)
                    call = due.popleft()
                    if call.__class__ is Timer:  # `Timer.__call__`, in place, because programs have thousands
                        timer: Any = call
                        call, timer.call, timer = timer.call, None, None
                        if call is None:
                            continue
                    call()
                    call = None  # nothing stays alive for its sake
                following = ready.popleft()
                if following is not self:
                    following.switch()
            except BaseException as error:
                call = None
                self.handle_error(getcurrent(), error)
        if not self.closed:  # by abort(), not by use_hub()
            from .current import drop_hub

            drop_hub()

    def abort(self) -> None:
        """Stop the loop, close the hub, and go back to the main greenlet; any thread may ask for it.

        What the main greenlet was waiting for has not happened; its next wait makes a new hub. Other greenlets that
        wait stay parked for ever.
        """
        if current_thread_is(self):
            self.stopping = True
            self.ready.appendleft(self)  # the hub sees it when the calling greenlet parks
        else:
            self.call_soon_threadsafe(self.abort)

    def look(self) -> None:
        """Somebody is ready: ask the loop all the same if `POLL_INTERVAL` has passed, and say when to look again.

        A look at the clock costs as much as the rest of a turn, so short turns do without: up to `MAX_STRIDE` of them.
        """
        now = monotonic_ns()
        if now - self.looked > POLL_INTERVAL:
            self.stride = 0
        elif self.stride < MAX_STRIDE:
            self.stride += 1
        self.looked = now
        self.unasked_turns = self.stride
        if now - self.polled > POLL_INTERVAL:
            self.polled = now
            self.poll(0)

    def poll(self, timeout: int) -> None:
        """Ask the loop what is due and make its waiters ready. `timeout` as in `exchange`."""
        if self.fresh:
            self._hand_over_fresh()
        fds = self.fds
        ready = self.ready.append
        for completion in self.exchange(timeout):
            if completion & NOT_DESCRIPTOR:
                if not completion & IS_TIMER:
                    self._complete(completion)
                    continue
                self.expired.append(completion)
                continue
            descriptor = fds.get(completion >> 16)
            if descriptor is None:
                continue
            if completion & READABLE:
                descriptor.readable = True
                waiter = descriptor.reader
                if waiter is not None:
                    descriptor.reader = None
                    if waiter.__class__ is Crowd:
                        waiter.wake(self)
                    else:
                        ready(waiter)  # type: ignore[arg-type]
            if completion & WRITABLE:
                descriptor.writable = True
                waiter = descriptor.writer
                if waiter is not None:
                    descriptor.writer = None
                    if waiter.__class__ is Crowd:
                        waiter.wake(self)
                    else:
                        ready(waiter)  # type: ignore[arg-type]
            if completion & NOT_PLAIN:
                descriptor.drains = False
                if completion & PRIORITY and isinstance(descriptor.reader, Crowd):
                    waiters, descriptor.reader = descriptor.reader, None
                    waiters.wake(self)  # a select() may be among them
        if self.expired:
            expired, self.expired = self.expired, []
            timers = self.timers
            free = self.free.append
            call = self.calls.append
            for completion in expired:
                token = completion >> 16
                entry = timers[token]
                if entry is not None:
                    timers[token] = None
                    free(token)
                    if entry.__class__ is Timer or not isinstance(entry, greenlet):  # the test of a class is quick
                        call(entry)
                    else:
                        ready(entry)
        if self.mail:
            self._take_mail()

    def wait(self) -> None:
        """Poll until some greenlet or call can go on."""
        ready = self.ready
        suspicious = self.main_waits is not None or bool(self.last)
        while not ready and not self.calls:
            if suspicious:
                self.poll(DEADLOCK_PATIENCE)
                if not ready and not self.calls:
                    suspicious = False  # only what the loop reports could change the verdict
                    settle_deadlock(self)
            else:
                self.poll(-1)

    def _complete(self, completion: int) -> None:
        """A completion that is neither the readiness of a descriptor nor a timer."""
        ident = completion >> 16
        if completion & IS_LOOKUP:
            self.calls.append(self.lookups.pop(ident))
        elif completion & IS_ERROR:
            descriptor = self.fds.pop(ident, None)
            if descriptor is not None:
                self._wake_all(descriptor, completion >> 8 & 255)

    def _take_mail(self) -> None:
        mail = self.mail
        for _ in range(len(mail)):  # what comes meanwhile waits for the next turn
            self.calls.append(mail.popleft())

    def _hand_over_fresh(self) -> None:
        """Set the timers that nobody has cancelled: `set_timer`, in place, because programs may have a million."""
        fresh, self.fresh = self.fresh, []
        timers, free = self.timers, self.free
        try:
            if len(fresh) - len(free) > BULK:
                self._hand_over_many(fresh)
                return
            for timer in fresh:
                if timer.token == FRESH:
                    deadline = timer.deadline
                    if free:
                        timer.token = token = free.pop()
                        timers[token] = timer
                    else:
                        timer.token = token = len(timers)
                        timers.append(timer)
                    self.ops.extend((TIMER | token << 8, deadline))
                    if len(self.ops) >= SUBMIT_AT:
                        self.submit()
        except BaseException:  # no stack left, no memory left
            self.fresh[:0] = [timer for timer in fresh if timer.token == FRESH]
            raise

    def _hand_over_many(self, fresh: list[Any]) -> None:
        """`_hand_over_fresh` with new tokens, by operations on whole lists: a third of the time for each."""
        timers = self.timers
        timer: Any
        for start in range(0, len(fresh), BULK):
            batch = [timer for timer in fresh[start : start + BULK] if timer.token == FRESH]
            first, end = len(timers), len(timers) + len(batch)
            ops = [0] * (2 * len(batch))
            ops[::2] = range(TIMER | first << 8, TIMER | end << 8, 1 << 8)
            ops[1::2] = [timer.deadline for timer in batch]
            timers += batch
            self.ops += ops
            for timer, timer.token in zip(batch, range(first, end), strict=True):  # noqa: B007
                pass
            self.submit()

    # ---- calls ----

    def schedule_call_now(self, cb: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Call `cb` in the hub at the next turn. It must not block.

        Raises `WrongThreadError` in another thread, `HubClosedError` if the hub is closed.
        """
        self.check()
        self.calls.append(partial(cb, *args, **kwargs) if args or kwargs else cb)

    def schedule_call_global(self, seconds: float, cb: Callable[..., object], *args: Any, **kwargs: Any) -> Timer:
        """Call `cb` in the hub once `seconds` have passed. It must not block. In other threads and for
        closed hubs it raises, as `schedule_call_now` does."""
        if self.closed or self.thread != get_ident():
            self.check()
        timer: Timer = _new_timer(Timer)  # without __init__, which costs more than the rest
        timer.call = partial(cb, *args, **kwargs) if args or kwargs else cb
        timer.deadline = monotonic_ns() + int(seconds * 1e9) if 0 < seconds < ENDLESS else deadline_after(seconds)
        timer.hub = self
        timer.token = FRESH
        self.fresh.append(timer)
        return timer

    def call_soon_threadsafe(self, cb: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        """Call `cb` in the hub at its next turn. The only door from other threads and from
        signal handlers. Raises `HubClosedError` if the hub is gone."""
        if self.closed:
            raise HubClosedError("the hub of that thread is closed, so it can not be called")
        self.mail.append(partial(cb, *args, **kwargs) if args or kwargs else cb)
        self.wake()

    # ---- timers ----

    def set_timer(self, deadline: int, entry: Any) -> int:
        """Make `entry` (a greenlet: ready; anything else: called in the hub) due at `deadline`,
        in nanoseconds of CLOCK_MONOTONIC. Returns its token."""
        if self.free:
            token = self.free.pop()
            self.timers[token] = entry
        else:
            token = len(self.timers)
            self.timers.append(entry)
        ops = self.ops
        ops.extend((TIMER | token << 8, deadline))
        if len(ops) >= SUBMIT_AT:
            self.submit()
        return token

    def drop_timer(self, token: int, entry: Any) -> bool:
        """Cancel; False if it has fired already."""
        if self.timers[token] is not entry:
            return False
        self.timers[token] = None
        self.free.append(token)
        self.ops.extend((CANCEL | token << 8, 0))
        return True

    def withdraw_timer(self, timer: Timer | Timeout) -> None:
        """Cancel one that was put on the list of fresh ones, wherever it stands now."""
        if timer.token >= 0:
            self.drop_timer(timer.token, timer)
        else:
            timer.token = VOID
            fresh = self.fresh
            while fresh and fresh[-1].token == VOID:
                fresh.pop()

    # ---- descriptors ----

    def descriptor(self, fd: int) -> Descriptor:
        """The record of `fd`, made if there is none."""
        found = self.fds.get(fd)
        if found is None:
            found = self.fds[fd] = Descriptor(fd)
            found.hub = self
        return found

    def watch(self, descriptor: Descriptor, evtype: int) -> None:
        """Register once, edge-triggered: for sockets that guv owns. Most never have to wait for
        output, so `evtype` is READ at first; `arm` adds WRITE to it."""
        before = self.fds.get(descriptor.fd)
        self.fds[descriptor.fd] = descriptor
        if before is not None and before.awaited():
            before.readable = before.writable = True  # they look, and wait on the new record
            self._rouse(before)
        descriptor.hub = self
        self.ops.extend((WATCH | descriptor.fd << 8, evtype | PRIORITY))

    def arm(self, fd: int, evtype: int) -> None:
        """Have the readiness of `fd` examined and reported once."""
        self.ops.extend((ARM | fd << 8, evtype))

    def forget(self, fd: int, stays_open: bool = False) -> bool:
        """`fd` is about to be closed, or handed to somebody else (`stays_open`).

        Everyone who waits on it wakes with OSError(EBADF). False if it was not registered.
        """
        descriptor = self.fds.pop(fd, None)
        if descriptor is None:
            return False
        self.ops.extend((FORGET | fd << 8, 1 if stays_open else 0))
        self._wake_all(descriptor, errno.EBADF)
        return True

    def release(self, descriptor: Descriptor, stays_open: bool = False) -> None:
        """As `forget`, for a descriptor that may have been replaced by now; from any thread."""
        if current_thread_is(self):
            if self.fds.get(descriptor.fd) is descriptor:
                self.forget(descriptor.fd, stays_open)
        elif not self.closed:
            self.call_soon_threadsafe(self.release, descriptor, stays_open)

    def _wake_all(self, descriptor: Descriptor, code: int) -> None:
        descriptor.error = code
        descriptor.hub = None
        for patience in descriptor.read_patience, descriptor.write_patience:
            if patience is not None and patience.hub is self:
                patience.drop()
        self._rouse(descriptor)

    def _rouse(self, descriptor: Descriptor) -> None:
        """Make everyone ready who waits on `descriptor`."""
        reader, descriptor.reader = descriptor.reader, None
        writer, descriptor.writer = descriptor.writer, None
        for waiters in reader, writer:
            if isinstance(waiters, Crowd):
                waiters.wake(self)
            elif waiters is not None:
                self.ready.append(waiters)

    def add(
        self,
        evtype: int,
        fd: int,
        cb: Callable[..., object],
        tb: Callable[[BaseException], object] | None = None,
        cb_args: tuple[Any, ...] = (),
    ) -> AbstractListener:
        """Call `cb(*cb_args)` in the hub whenever `fd` is ready, until `remove`. See
        `AbstractListener`. In other threads and for closed hubs it raises, as `schedule_call_now` does."""
        self.check()
        listener = AbstractListener(self, evtype, fd, cb, tb, cb_args)
        self.arm(fd, evtype)
        return listener

    def keep(self, fd: int, lost: Callable[[BaseException], object]) -> AbstractListener:
        """`fd` belongs to guv: have `lost` called in the hub if the program closes it."""
        self.fds[fd] = own = OwnDescriptor(fd)
        own.hub = self
        return AbstractListener(self, READ, fd, _nothing, lost, ())

    def disown(self, listener: AbstractListener) -> None:
        """Undo `keep`, before `fd` is closed or because it has been."""
        listener.hub = None
        if self.fds.get(listener.fd) is listener.descriptor:
            del self.fds[listener.fd]

    def disown_all(self, listeners: Iterable[AbstractListener]) -> None:
        """Undo `keep` for the loop's own `listeners`, and have everything else that guv keeps replaced."""
        for listener in listeners:
            self.disown(listener)
        for fd, descriptor in list(self.fds.items()):
            if isinstance(descriptor, OwnDescriptor):
                del self.fds[fd]
                self._wake_all(descriptor, errno.EBADF)

    def remove(self, listener: AbstractListener) -> None:
        """Undo `add`; may be repeated."""
        listener.hub = None
        descriptor = self.fds.get(listener.fd)
        if descriptor is not None:
            descriptor.leave(listener.evtype, listener)

    @property
    def listeners(self) -> dict[int, dict[int, object]]:
        """Who waits, as {READ: {fd: waiter}, WRITE: {fd: waiter}}. A snapshot."""
        fds = self.fds.items()
        return {
            READ: {fd: d.reader for fd, d in fds if d.reader is not None},
            WRITE: {fd: d.writer for fd, d in fds if d.writer is not None},
        }

    def notify_opened(self, fd: int) -> bool:
        """`fd` was just opened: whoever waits on an older file of that number is woken with
        OSError(EBADF). Returns whether there was a record of it."""
        return self.forget(fd)

    # ---- trouble ----

    def statistics(self) -> Statistics:
        """What this hub has done and what it has before it. In the hub's own thread; costs some microseconds."""
        from .statistics import collect

        return collect(self)

    def handle_error(self, context: object, error: BaseException) -> None:
        """An exception that nothing caught: system errors are raised in the main greenlet, the
        rest is reported through `sys.excepthook` and the hub goes on."""
        if isinstance(error, GreenletExit):
            return
        if isinstance(error, SYSTEM_ERRORS):
            self.throw_main(error)
            return
        if not self.reports_errors:
            return
        try:
            print(f"Exception in {context!r}:", file=sys.stderr)
            sys.excepthook(type(error), error, error.__traceback__)
        except BaseException as another:
            if isinstance(another, SYSTEM_ERRORS):
                self.throw_main(another)

    def throw_main(self, error: BaseException) -> None:
        """Raise `error` in the main greenlet at the next turn."""
        if not self.main.dead:  # it can be, in a forked child
            self.calls.append(partial(self.main.throw, error))


def _nothing() -> None:
    """A callback for readiness that nobody is interested in."""


def current_thread_is(hub: AbstractHub) -> bool:
    """Whether `hub` is that of the calling thread."""
    return get_ident() == hub.thread
