"""`wait_all_blocked`: let everybody else go on as far as they can."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from greenlet import getcurrent, greenlet

from .._originals import monotonic_ns
from ..hubs.abc import AbstractHub
from ..hubs.current import hub_of
from ..hubs.switch import gyield
from ..hubs.turn import Turn

#: Greenlets in `wait_all_blocked`: they count as blocked for one another.
_watching: set[greenlet] = set()

#: Hubs that wait for real time to pass: a `MockClock` must not jump.
holding: set[AbstractHub] = set()


def wait_all_blocked(cushion: float = 0) -> None:
    """Yield until every other greenlet of this thread waits for something that has not happened yet.

    That may be a descriptor, a timer, another greenlet or a native thread. The descriptors are asked anew, so what is
    under way inside this process has arrived. `cushion` is the time, in seconds of real time, for which they must
    have been blocked, for what comes from other processes. Under a `MockClock` no time passes meanwhile.

    Replaces ``sleep(0.1)`` in tests: it is exact, and takes microseconds. If somebody never blocks, it never returns.
    """
    current = getcurrent()
    hub = hub_of(current)
    _watching.add(current)
    try:
        while True:
            gyield()
            if _busy(hub):
                continue
            hub.poll(0)
            if not _busy(hub) and _stay_blocked(hub, int(cushion * 1e9)):
                return
    finally:
        _watching.discard(current)


def _busy(hub: AbstractHub) -> bool:
    if hub.calls or hub.due or hub.mail:
        return True
    return any(entry not in _watching and not isinstance(entry, Turn) for entry in hub.ready)


def _stay_blocked(hub: AbstractHub, cushion: int) -> bool:
    """Wait on behalf of the hub; False as soon as somebody is to run."""
    end = monotonic_ns() + cushion
    with _held(hub):
        while cushion and monotonic_ns() < end:
            hub.poll(max(0, end - monotonic_ns()))
            if _busy(hub):
                return False
    return True


@contextmanager
def _held(hub: AbstractHub) -> Iterator[None]:
    holding.add(hub)
    try:
        yield
    finally:
        holding.discard(hub)
