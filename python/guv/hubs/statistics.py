"""What a hub has done and has before it, in figures: `AbstractHub.statistics`.

Nothing is counted for it while the hub works but what the event loop counts anyway; the rest is read off the hub's
tables when somebody asks. Nothing here yields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..exceptions import WrongThreadError
from . import tracing
from .abc import current_thread_is

if TYPE_CHECKING:
    from .abc import AbstractHub


@dataclass(frozen=True)
class Statistics:
    """Figures of one hub. Totals count from the making of the hub."""

    #: How often the event loop was asked what is due. A hub without a moment's rest asks once in 50 µs.
    turns: int
    #: Events of descriptors that the loop has reported.
    events: int
    #: Events dropped because their descriptor had been closed or had changed hands.
    stale_events: int
    #: Timers that have fired, and that were cancelled after the loop had heard of them. Most `Timeout` objects are
    #: cancelled before, and never counted.
    timers_fired: int
    timers_cancelled: int
    #: Timers that are set now.
    timers: int
    #: Greenlets and calls that are to run in this turn or the next.
    ready: int
    #: Descriptors that the loop knows, and how many of these somebody waits on.
    descriptors: int
    waited_on: int
    #: Work under way in native threads on behalf of greenlets: `guv.tpool`, name lookups.
    jobs: int
    #: The longest time between two questions to the loop, in seconds: how long an event may have had to wait.
    #: None if it is not measured: on the Go hub it is while `guv.debug.hub_blocking_detection` is on.
    longest_turn: float | None
    #: Switches between greenlets. None unless `guv.debug.track_switches` is on, which counts them.
    switches: int | None


def collect(hub: AbstractHub) -> Statistics:
    """The figures of `hub`, which must be that of the calling thread (`WrongThreadError`)."""
    if not current_thread_is(hub):
        raise WrongThreadError(f"statistics of {hub!r} can be had only in its own thread; use call_soon_threadsafe")
    counters = hub.counters()
    longest = counters.get("longest_turn", 0)
    return Statistics(
        turns=counters.get("turns", 0),
        events=counters.get("events", 0),
        stale_events=counters.get("stale_events", 0),
        timers_fired=counters.get("timers_fired", 0),
        timers_cancelled=counters.get("timers_cancelled", 0),
        timers=len(hub.timers) - len(hub.free) + sum(1 for timeout in hub.fresh if timeout.deadline),
        ready=len(hub.ready) - 1 + len(hub.calls) + len(hub.due) + len(hub.mail),
        descriptors=len(hub.fds),
        waited_on=sum(1 for descriptor in hub.fds.values() if descriptor.awaited()),
        jobs=hub.jobs + len(hub.lookups),
        longest_turn=longest / 1e9 if longest else None,
        switches=tracing.switches(),
    )
