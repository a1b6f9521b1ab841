"""How a greenlet waits for the first of several descriptors; what `select`, `poll` and `epoll` share.

Each descriptor is armed in the hub once a call. From then on the hub reports *changes* only, and the
caller asks the kernel what they mean, as often as there are any. Arming again after a change that was of no
interest (urgent data, for one who waits for plain input) would report the same thing for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, TypeVar

from greenlet import getcurrent, greenlet

from .._originals import monotonic_ns
from ..const import READ, WRITE
from ..hubs.abc import AbstractHub
from ..hubs.current import hub_of
from ..hubs.descriptor import Descriptor
from ..hubs.switch import trampoline, unpark

Found = TypeVar("Found")


class Watch:
    """The current greenlet's interest in some descriptors, from `with` to the end of the block."""

    __slots__ = ("_alarm", "_expired", "_hub", "_joined", "_timer", "_waiter", "_wanted")

    def __init__(self, wanted: Iterable[tuple[int, int]], timeout: float | None) -> None:
        """`wanted` has pairs of descriptor and READ, WRITE, PRIORITY or-ed, one of the first two
        among them; `timeout` is in seconds."""
        current = getcurrent()
        self._hub: AbstractHub = hub_of(current)
        if current is self._hub:
            raise RuntimeError("the hub can't wait for descriptors: a callback must not block")
        self._wanted = list(wanted)
        self._joined: list[Descriptor | None] = [None] * len(self._wanted)
        self._waiter: greenlet | None = None
        self._expired = False
        self._alarm: Callable[[], None] | None = None
        if timeout is not None:
            self._alarm = self._expire
            deadline = monotonic_ns() + int(timeout * 1e9)
            self._timer = self._hub.set_timer(deadline, self._alarm)

    def park(self) -> bool:
        """Wait for a change of any of the descriptors; False if there was none in time."""
        hub = self._hub
        self._join()
        if self._expired:
            return False
        self._waiter = current = getcurrent()
        try:
            hub.ready.popleft().switch()
        except BaseException:
            if self._waiter is None:
                unpark(hub, current)  # type: ignore[unreachable] # the event has cleared it meanwhile
            raise
        finally:
            self._waiter = None
        return not self._expired

    def _join(self) -> None:
        """Be among the waiters of each descriptor, also where an event has just removed us."""
        hub = self._hub
        for i, (fd, evtype) in enumerate(self._wanted):
            descriptor = hub.fds.get(fd)
            if descriptor is None:
                descriptor = hub.descriptor(fd)
            if descriptor is not self._joined[i]:
                self._joined[i] = descriptor
                hub.arm(fd, evtype)
            descriptor.join(evtype, self)

    def __call__(self) -> None:
        """Some descriptor has changed: called in the hub."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            self._hub.ready.append(waiter)

    def _expire(self) -> None:
        self._expired = True
        self()

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for (_, evtype), descriptor in zip(self._wanted, self._joined, strict=True):
            if descriptor is not None:
                descriptor.leave(evtype, self)
        if self._alarm is not None:
            self._hub.drop_timer(self._timer, self._alarm)
            self._alarm = None


def wait_until(
    look: Callable[[], Found],
    found: Callable[[Found], Any],
    wanted: Iterable[tuple[int, int]],
    timeout: float | None,
) -> Found:
    """Call `look` until `found` says true of its result, after each change of a descriptor in
    `wanted`, and once more when `timeout` seconds have passed. Yields."""
    wanted = list(wanted)
    if len(wanted) == 1 and wanted[0][1] in (READ, WRITE):  # one descriptor: most programs have no more
        end = None if timeout is None else monotonic_ns() + int(timeout * 1e9)
        try:
            trampoline(*wanted[0], timeout, _TimeIsUp)
        except _TimeIsUp:
            return look()
        except OSError:  # closed: `look` knows what to make of it
            pass
        result = look()
        if found(result):
            return result
        timeout = None if end is None else max(0, end - monotonic_ns()) / 1e9
    with Watch(wanted, timeout) as watch:
        while True:
            in_time = watch.park()
            result = look()
            if found(result) or not in_time:
                return result


class _TimeIsUp(BaseException):
    """The end of a wait."""
