"""One trace function of `greenlet` for everyone who wants to see the switches of a thread.

`greenlet.settrace` has room for one function. Here several can be added and removed in any order; they are called as
that one is, with ("switch" or "throw", (origin, target)), after each switch. The function that was there before is
called too, and put back when the last of ours is gone. Everything is of the calling thread alone. Nothing yields.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, gettrace, greenlet, settrace

from .._originals import monotonic_ns, thread_local
from .current import get_hub
from .turn import Turn

Tracer = Callable[[str, "tuple[greenlet, greenlet]"], object]


class _Thread(thread_local):
    """What is known in one thread of the operating system."""

    def __init__(self) -> None:
        self.tracers: list[Tracer] = []
        self.installed = False
        self.before: Any = None  # the trace function that was there
        self.track: Track | None = None


_thread = _Thread()


def add(tracer: Tracer) -> None:
    """Have `tracer` called after each switch from now on.

    Also with "turn" and "turned", and the same greenlet twice, when a greenlet that parks begins and ends to run the
    loop's turn. Makes the hub of the thread.
    """
    _thread.tracers = [*_thread.tracers, tracer]
    _set_turn(_TracedTurn)
    if not _thread.installed:
        _thread.before = gettrace()
        _thread.installed = True
        settrace(_trace)


def remove(tracer: Tracer) -> None:
    """Undo one `add`."""
    left = list(_thread.tracers)
    left.remove(tracer)
    _thread.tracers = left
    if not left:
        _set_turn(Turn)
        _leave()


def _set_turn(kind: type[Turn]) -> None:
    for entry in get_hub().ready:
        if isinstance(entry, Turn):
            entry.__class__ = kind


def _leave() -> None:
    if gettrace() is _trace:  # otherwise somebody stands above us and would call us still
        settrace(_thread.before)
        _thread.before = None
        _thread.installed = False


def _trace(event: str, args: tuple[greenlet, greenlet]) -> None:
    before = _thread.before
    if before is not None:
        before(event, args)
    tracers = _thread.tracers
    for tracer in tracers:
        tracer(event, args)
    if not tracers:
        _leave()


class _TracedTurn(Turn):
    """A `Turn` that tells the tracers when a greenlet begins and ends to wait with the loop on its own stack.

    A greenlet that yields while nobody else is ready never switches; this is how it can be seen to yield.
    """

    __slots__ = ()

    def switch(self) -> None:
        current = getcurrent()
        for tracer in _thread.tracers:
            tracer("turn", (current, current))
        try:
            super().switch()
        finally:
            for tracer in _thread.tracers:
                tracer("turned", (current, current))


class Track:
    """The number of switches of a thread, and when each suspended greenlet went away."""

    def __init__(self) -> None:
        self.switches = 0
        self.since: weakref.WeakKeyDictionary[greenlet, int] = weakref.WeakKeyDictionary()
        self.turning: dict[greenlet, int] = {}  # those who wait already, but run the loop's next turn first

    def __call__(self, event: str, args: tuple[greenlet, greenlet]) -> None:
        if event == "turn":
            self.turning[args[0]] = monotonic_ns()
        elif event == "turned":
            self.turning.pop(args[0], None)
        else:
            self.switches += 1
            self.since[args[0]] = self.turning.get(args[0]) or monotonic_ns()


def track(state: bool) -> None:
    """Begin or end tracking the switches of this thread; either may be repeated."""
    if state and _thread.track is None:
        _thread.track = Track()
        add(_thread.track)
    elif not state and _thread.track is not None:
        remove(_thread.track)
        _thread.track = None


def switches() -> int | None:
    """How many switches this thread has made since `track`; None if they are not counted."""
    return None if _thread.track is None else _thread.track.switches


def away_since(suspended: greenlet) -> int | None:
    """When a suspended greenlet of this thread went away, in nanoseconds of CLOCK_MONOTONIC, if that is known."""
    return None if _thread.track is None else _thread.track.since.get(suspended)
