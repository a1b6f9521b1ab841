"""Who is there, who waits for what, and where: the greenlets, listeners and timers of the calling thread.

All of it is found by walking the objects of the process when somebody asks, which takes milliseconds; nothing is
recorded for it before, except what `track_switches` and `track_spawns` record. Nothing here yields.
"""

from __future__ import annotations

import gc
import sys
import traceback
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, TextIO

from greenlet import getcurrent, greenlet

from .._originals import monotonic_ns
from ..hubs import tracing
from ..hubs.abc import AbstractHub
from ..hubs.current import current_hub
from ..hubs.deadlock import waits_for
from ..hubs.descriptor import Crowd
from ..hubs.timeout import Timeout
from ..hubs.timer import Timer
from ..hubs.wire import TIMER

#: Whether the formatted lists show the stacks of those who wait.
listener_stacks = False
timer_stacks = False


@dataclass(frozen=True)
class GreenletState:
    """What one greenlet is doing."""

    greenlet: greenlet
    #: Its own name, or that of the thread that it is, else its `repr`.
    name: str
    #: "running", "to start", or the call that it waits in and the line that made the call.
    waits_for: str
    #: Seconds that it has waited; None unless `track_switches` was on when it went away.
    waiting: float | None
    #: Outermost call first. Empty for one that has not started.
    stack: tuple[traceback.FrameSummary, ...]

    def __str__(self) -> str:
        since = "" if self.waiting is None else f", for {self.waiting:.3f} s"
        lines = "".join(traceback.StackSummary.from_list(list(self.stack)).format())
        return f"{self.name}: {self.waits_for}{since}\n{lines}"


def name_of(g: greenlet) -> str:
    """What to call a greenlet in a report."""
    if isinstance(g, AbstractHub):
        return "hub"
    threading: Any = sys.modules.get("threading")
    if threading is not None:
        if g.parent is None and threading.current_thread() is threading.main_thread():
            return "main"
        thread = threading._active.get(getattr(g, "thread_ident", None))
        if thread is not None:
            return str(thread.name)
    name = getattr(g, "name", None)
    return name if isinstance(name, str) else repr(g)


def root_of(g: greenlet) -> greenlet:
    """The greenlet that its thread began with."""
    while g.parent is not None:
        g = g.parent
    return g


def living_greenlets(root: greenlet) -> list[greenlet]:
    """The greenlets of the thread that began with `root`: running, suspended, or yet to start; without ended ones and
    closed hubs."""
    found = [g for g in gc.get_objects() if isinstance(g, greenlet) and not g.dead and g is not root]
    return [g for g in found if root_of(g) is root and not (isinstance(g, AbstractHub) and g.closed)] + [root]


def stack_of(frame: FrameType | None) -> tuple[traceback.FrameSummary, ...]:
    """The calls that led to `frame`, outermost first. Source lines are read when they are printed."""
    calls: list[tuple[CodeType, int]] = []
    while frame is not None:  # quickly: if it is another thread's, that goes on as soon as it can
        calls.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return tuple(
        traceback.FrameSummary(code.co_filename, line, code.co_name, lookup_line=False)
        for code, line in reversed(calls)
    )


def greenlet_stacks() -> list[GreenletState]:
    """Every greenlet of the calling thread: its name, what it waits for, for how long, and its stack.

    For how long is known only of those that went away while `track_switches` was on. The hub, greenlets yet to
    start and the caller itself are among them.
    """
    current = getcurrent()
    now = monotonic_ns()
    states = []
    for g in living_greenlets(root_of(current)):
        since = tracing.away_since(g)
        frame = sys._getframe(1) if g is current else g.gr_frame
        if g is current:
            waits = "running"
        elif not g:
            waits = "to start"
        else:
            waits = "the event loop" if isinstance(g, AbstractHub) else waits_for(g)
        waiting = None if since is None or g is current else (now - since) / 1e9
        states.append(GreenletState(g, name_of(g), waits, waiting, stack_of(frame)))
    return states


def format_greenlet_stacks() -> str:
    """`greenlet_stacks` as text."""
    return "\n".join(map(str, greenlet_stacks()))


def print_greenlet_strace(file: TextIO | None = None) -> None:
    """Print the stack of each greenlet of the calling thread to `file`, by default `sys.stderr`."""
    print(format_greenlet_stacks(), file=file or sys.stderr)


def hub_listener_stacks(state: bool = False) -> None:
    """Whether `format_hub_listeners` shows the stack of each waiting greenlet. Costs nothing before it is called."""
    global listener_stacks
    listener_stacks = state


def hub_timer_stacks(state: bool = False) -> None:
    """Whether `format_hub_timers` shows the stack of each waiting greenlet. Costs nothing before it is called."""
    global timer_stacks
    timer_stacks = state


def format_hub_listeners() -> str:
    """Who waits on which descriptor of the calling thread's hub, one a line; "" if there is no hub."""
    hub = current_hub()
    if hub is None:
        return ""
    lines = []
    for fd, descriptor in sorted(hub.fds.items()):
        if descriptor.awaited():  # the pipe of signals is not, for who waits there is no part of the program
            for word, there in ("read", descriptor.reader), ("write", descriptor.writer):
                waiters = there if isinstance(there, Crowd) else [] if there is None else [there]
                lines += [f"{word} {fd}: {_described(waiter, listener_stacks)}" for waiter in waiters]
    return "\n".join(lines)


def format_hub_timers() -> str:
    """The timers of the calling thread's hub, one a line, the next to fire first; "" if there is no hub."""
    hub = current_hub()
    if hub is None:
        return ""
    unsent = {op >> 8: due for op, due in zip(hub.ops[::2], hub.ops[1::2], strict=True) if op & 255 == TIMER}
    timers: list[tuple[int, Any]] = [(timeout.deadline, timeout) for timeout in hub.fresh if timeout.deadline]
    for token, entry in enumerate(hub.timers):
        if entry is not None:
            timers.append((unsent.get(token) or hub.deadline_of(token), entry))
    timers.sort(key=lambda timer: timer[0])
    now = monotonic_ns()
    return "\n".join(f"in {(due - now) / 1e9:.3f} s: {_described(entry, timer_stacks)}" for due, entry in timers)


def _described(waiter: Any, with_stack: bool) -> str:
    """A line for a greenlet or a callback that a descriptor or a timer will wake."""
    if isinstance(waiter, Timeout):
        return f"{waiter!r} in {name_of(waiter.greenlet)}"
    if isinstance(waiter, Timer):
        return f"calls {waiter.call!r}"
    if not isinstance(waiter, greenlet):
        waiter = getattr(waiter, "current", getattr(waiter, "waiter", waiter))  # a wait for two things at once
    if not isinstance(waiter, greenlet):
        return f"calls {waiter!r}"
    text = f"{name_of(waiter)}: {waits_for(waiter) if waiter.gr_frame is not None else 'running'}"
    if with_stack and waiter.gr_frame is not None:
        lines = traceback.StackSummary.from_list(list(stack_of(waiter.gr_frame))).format()
        text = f"{text}\n{''.join(lines).rstrip()}"
    return text
