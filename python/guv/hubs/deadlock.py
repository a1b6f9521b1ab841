"""Deadlock: whether nothing can wake the main greenlet any more, and what to say then.

The message is made once, at that moment (and for `guv.debug`): that walks all objects of the process, which takes
milliseconds. Nothing here yields.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from types import FrameType
from typing import TYPE_CHECKING

from greenlet import getcurrent, greenlet

from .._originals import thread_count
from ..exceptions import DeadlockError
from .patience import Patience

if TYPE_CHECKING:
    from .abc import AbstractHub

#: When a deadlock is reported. None: if no Python signal handler could end it; True: always; False: never.
#: Set through `guv.debug.deadlock_detection`.
rule: bool | None = None

#: How many native threads guv itself has, from each part that starts some. They only work for greenlets, whom
#: `AbstractHub.jobs` counts; every other thread might wake a hub.
own_threads: list[Callable[[], int]] = []

#: How many waiting greenlets a message names.
NAMED = 10

#: Functions that greenlets begin with: of no interest to the reader.
_BODIES = ("run", "_run")


def settle_deadlock(hub: AbstractHub) -> None:
    """Nobody is ready. If nothing will make anybody so, go on with those who wait for just that; else raise
    `DeadlockError` in the main greenlet if it waits on guv's own primitive in vain."""
    limits = sum(note[2] for note in hub.last)  # timers that only end such a wait
    if (
        len(list(islice(live_timers(hub), limits + 1))) > limits
        or hub.fresh or hub.lookups or hub.jobs or hub.mail
        or any(d.awaited() for d in hub.fds.values())
    ):  # fmt: skip
        return
    if hub.last:
        from .waiting import wake_one

        while wake_one(hub.last):
            pass
    elif thread_count() <= sum(count() for count in own_threads) and not handlers_may_help():
        waits, hub.main_waits = hub.main_waits, None
        hub.throw_main(DeadlockError(describe(hub, waits)))


def live_timers(hub: AbstractHub) -> Iterator[object]:
    """What the timers of `hub` will wake or call; not those that a wait which ended in time has left for the next."""
    for entry in hub.timers:
        if entry is not None and not (entry.__class__ is Patience and entry.waiter is None):
            yield entry


def handlers_may_help() -> bool:
    """Whether a signal could still end the wait: some Python handler but the default SIGINT one is installed."""
    if rule is not None:
        return not rule
    import signal

    from . import signals

    for number in signal.valid_signals():
        handler = signals.unwrap(signal.getsignal(number))
        if callable(handler) and handler is not signal.default_int_handler:
            return True
    return False


def describe(hub: AbstractHub, waits: object) -> str:
    """The message of a `DeadlockError`: what the main greenlet waits on, and who else waits for what."""
    current = getcurrent()  # it waits as well: the one that parked last finds the deadlock
    others = [g for g in [*parked_greenlets(hub), current] if g is not hub.main and g is not hub]
    text = f"nothing can wake the main greenlet: it waits on {waits!r} and no descriptor or timer is armed"
    if not others:
        return f"{text}, and no other greenlet exists that could act"
    named = [f"{g!r} on {waits_for(g)}" for g in others[:NAMED]]
    if len(others) > NAMED:
        named.append(f"and {len(others) - NAMED} more")
    verb = "greenlet waits" if len(others) == 1 else "greenlets wait"
    return f"{text}; {len(others)} other {verb}: {', '.join(named)}"


def parked_greenlets(hub: AbstractHub | None = None) -> list[greenlet]:
    """Greenlets that have started and are suspended, those of `hub` only where given; without the hubs themselves."""
    from .abc import AbstractHub

    return [
        g
        for g in gc.get_objects()
        if isinstance(g, greenlet)
        and not isinstance(g, AbstractHub)
        and g.gr_frame is not None
        and (hub is None or getattr(g, "hub", None) is hub)
    ]


def waits_for(g: greenlet) -> str:
    """What a greenlet, parked or calling, waits for: the guv (or patched) call it is in, and the line of the call."""
    frame = sys._getframe() if g is getcurrent() else g.gr_frame
    call: FrameType | None = None
    while frame is not None and _is_guvs(frame):
        if frame.f_code.co_name not in _BODIES:
            call = frame
        frame = frame.f_back
    where = "" if frame is None else f" at {frame.f_code.co_filename}:{frame.f_lineno}"
    if call is None:
        return f"a switch{where}"
    owner = call.f_locals.get("self")
    name = call.f_code.co_name
    return f"{type(owner).__name__}.{name}{where}" if owner is not None else f"{name}{where}"


def _is_guvs(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name == "guv" or name.startswith("guv.")
