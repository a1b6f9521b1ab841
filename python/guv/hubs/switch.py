"""`trampoline` and `gyield`: how green code waits. Everything that yields ends up here.

A wait has three steps: note who waits for what, `park`, and take the note back if an exception
is thrown in meanwhile (`kill`, `Timeout`). By the time of the exception an event may already have
made the greenlet ready; then its entry in the queue must go, or its next wait would end early.
That is what `unpark` is for.
"""

from __future__ import annotations

from typing import Any, Protocol

from greenlet import getcurrent, greenlet

from .._originals import monotonic_ns, time_sleep
from ..const import READ, WRITE
from .abc import AbstractHub
from .current import hub_of
from .deadline import deadline_after
from .descriptor import Descriptor, oserror
from .patience import Patience
from .timeout import Timeout
from .turn import Turn
from .wire import ARM, TIMER


class HasFileno(Protocol):
    """An object over a descriptor: a socket, a file, a connection of some library."""

    def fileno(self) -> int: ...


def gyield(switch_back: bool = True) -> None:
    """Let everyone else who is ready run first, then go on: in the next turn of the loop.

    With `switch_back=False` the hub will not resume this greenlet: somebody else must hold its
    `switch`.
    """
    current = getcurrent()
    try:
        ready = current.hub.ready  # type: ignore[attr-defined]
    except AttributeError:
        ready = hub_of(current).ready
    if switch_back:
        ready.append(current)
        try:
            there = ready.popleft()
            if there.__class__ is Turn:
                there = there.next()
            there.switch()
        except BaseException:
            unpark(current.hub, current)  # type: ignore[attr-defined]
            raise
    else:
        ready.popleft().switch()


def park(hub: AbstractHub, descriptor: Descriptor, evtype: int, current: greenlet) -> None:
    """Go away until an event takes `current` out of `descriptor`, which it has joined for `evtype`.

    The two most frequent waits, `trampoline` and `recv`, have these lines in place, because they are hot.
    """
    try:
        hub.ready.popleft().switch()
    except BaseException:
        if not descriptor.leave(evtype, current):
            unpark(hub, current)
        raise


def unpark(hub: AbstractHub, waiter: greenlet) -> None:
    """Take `waiter` out of the ready queue: something else than its wait has ended."""
    try:
        hub.ready.remove(waiter)
    except ValueError:
        pass


def wake(hub: AbstractHub, waiter: greenlet) -> bool:
    """Make `waiter`, parked in `hub`, ready; from any thread. False if that hub is closed, so
    that the waiter will never run again (its thread has ended, or it stayed behind in a fork)."""
    if getattr(getcurrent(), "hub", None) is hub:
        hub.ready.append(waiter)
    elif hub.closed:
        return False
    else:
        hub.call_soon_threadsafe(hub.ready.append, waiter)
    return True


def sleep_until(deadline: int) -> None:
    """Park until `deadline`, in nanoseconds of CLOCK_MONOTONIC."""
    try:
        current = getcurrent()
    except RuntimeError:  # the interpreter ends, and greenlet with it; a finalizer may sleep as ever
        time_sleep(max(0, deadline - monotonic_ns()) / 1e9)
        return
    try:
        hub = current.hub  # type: ignore[attr-defined]
    except AttributeError:
        hub = hub_of(current)
    free = hub.free
    if free:  # `set_timer`, in place
        token = free.pop()
        hub.timers[token] = current
        hub.ops.extend((TIMER | token << 8, deadline))
    else:
        token = hub.set_timer(deadline, current)
    try:
        there = hub.ready.popleft()
        if there.__class__ is Turn:
            there = there.next()
        there.switch()
    except BaseException:
        if not hub.drop_timer(token, current):
            unpark(hub, current)
        raise
    if hub.timers[token] is current:  # resumed by a foreign switch(), not by the timer
        hub.drop_timer(token, current)


def trampoline(
    fd: int | HasFileno,
    evtype: int = 0,
    timeout: float | None = None,
    timeout_exc: type[BaseException] | BaseException = Timeout,
    *,
    read: object = None,
    write: object = None,
) -> int:
    """Park until the descriptor is ready for `evtype`: READ, WRITE, or both or'ed together.

    `read=True` and `write=True`, eventlet's way to say that, do as well. `fd` is a descriptor or an object with
    `fileno()`. Returns what it is ready for; errors and hang-ups count as ready, so that the system call tried next
    reports them. Regular files are always ready. Several greenlets may wait on one descriptor; all are woken and each
    retries.

    Raises `timeout_exc` once `timeout` seconds have passed, OSError(EBADF) if the descriptor is
    closed, now or while waiting. Always yields.
    """
    number = fd if isinstance(fd, int) else fd.fileno()
    if number < 0:
        raise ValueError(f"trampoline() needs an open descriptor, not {number}")
    if not evtype:
        evtype = (READ if read else 0) | (WRITE if write else 0)
    if not 0 < evtype <= READ | WRITE:
        raise ValueError(f"evtype must be READ, WRITE or READ|WRITE, not {evtype!r}")
    current = getcurrent()
    try:
        hub = current.hub  # type: ignore[attr-defined]
    except AttributeError:
        hub = hub_of(current)
    if current is hub:
        raise RuntimeError("trampoline() can't be called from the hub: a callback must not block")
    descriptor = hub.fds.get(number)
    if descriptor is None:
        descriptor = hub.descriptor(number)
    hub.ops.extend((ARM | number << 8, evtype))
    patience = None
    if timeout is not None and evtype == READ:
        patience = descriptor.read_patience
        if patience is None or patience.hub is not hub:
            patience = Patience.of(descriptor, READ, hub)
    if evtype == READ and descriptor.reader is None and (patience is None or patience.waiter is None):
        descriptor.readable = False  # by far the most frequent wait
        if patience is not None:
            due = deadline_after(timeout)  # type: ignore[arg-type]
            if 0 < patience.armed <= due:  # `begin`, in place
                patience.due = due
                patience.waiter = current
            else:
                patience.begin(due, current)
        descriptor.reader = current
        try:
            there = hub.ready.popleft()
            if there.__class__ is Turn:
                there = there.next()  # type: ignore[attr-defined]
            there.switch()
        except BaseException:
            if patience is not None:
                patience.end()
            if not descriptor.leave(READ, current):
                unpark(hub, current)
            raise
        if patience is not None:
            patience.waiter = None
            if patience.expired:
                patience.expired = False
                raise timeout_exc
            if not descriptor.readable:  # resumed by a foreign switch()
                timeout = max(0, due - monotonic_ns()) / 1e9
        if descriptor.readable and not descriptor.error:
            return READ
    else:
        if evtype & READ:
            descriptor.readable = False
        if evtype & WRITE:
            descriptor.writable = False
    if descriptor.error:
        raise oserror(descriptor.error)
    wait_armed(hub, descriptor, evtype, current, timeout, timeout_exc)
    return evtype & (descriptor.readable * READ | descriptor.writable * WRITE)  # type: ignore[no-any-return]


def wait_armed(
    hub: AbstractHub,
    descriptor: Descriptor,
    evtype: int,
    current: greenlet,
    timeout: float | None,
    timeout_exc: type[BaseException] | BaseException,
) -> None:
    """Wait for an event of a descriptor that has been armed or is watched."""
    waiter: Any = current if evtype != READ | WRITE else _Either(hub, descriptor, current)
    descriptor.join(evtype, waiter)
    token = -1
    expiry = None
    if timeout is not None:
        expiry = _Expiry(hub, descriptor, evtype, waiter, current)
        token = hub.set_timer(deadline_after(timeout), expiry)
    ready = hub.ready
    try:
        while True:
            ready.popleft().switch()
            if descriptor.error or (expiry is not None and expiry.expired):
                break
            if evtype & (descriptor.readable * READ | descriptor.writable * WRITE):
                break
            descriptor.join(evtype, waiter)  # resumed by a foreign switch()
    except BaseException:
        if waiter is not current:
            waiter.waiter = None
        if not descriptor.leave(evtype, waiter):
            unpark(hub, current)
        raise
    finally:
        if token >= 0:
            hub.drop_timer(token, expiry)
    if descriptor.error:
        raise oserror(descriptor.error)
    if expiry is not None and expiry.expired:
        raise timeout_exc


class _Either:
    """One greenlet waiting for both directions: whichever comes first wakes it, once."""

    __slots__ = ("descriptor", "hub", "waiter")

    def __init__(self, hub: AbstractHub, descriptor: Descriptor, waiter: greenlet) -> None:
        self.hub = hub
        self.descriptor = descriptor
        self.waiter: greenlet | None = waiter

    def __call__(self) -> None:
        self.descriptor.leave(READ | WRITE, self)
        waiter, self.waiter = self.waiter, None
        if waiter is not None:
            self.hub.ready.append(waiter)


class _Expiry:
    """The end of a wait's patience."""

    __slots__ = ("current", "descriptor", "evtype", "expired", "hub", "waiter")

    def __init__(self, hub: AbstractHub, descriptor: Descriptor, evtype: int, waiter: Any, current: greenlet) -> None:
        self.hub = hub
        self.descriptor = descriptor
        self.evtype = evtype
        self.waiter = waiter
        self.current = current
        self.expired = False

    def __call__(self) -> None:
        if self.descriptor.leave(self.evtype, self.waiter):
            self.expired = True
            self.hub.ready.append(self.current)
