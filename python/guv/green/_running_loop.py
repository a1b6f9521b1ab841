"""One running asyncio loop for each greenlet, where asyncio has one for each thread.

asyncio keeps it in C. Once a greenlet is seen to run a loop, a trace function of `greenlet` saves and
restores it at each switch; when the last of them has ended the trace function goes. Programs
without a loop pay nothing, and asyncio is not imported for them.

With the loop goes what it sets for its thread while it runs: the hooks that tell it of asynchronous generators, and in
debug mode how much of its origin a coroutine keeps.

Greenlets that a program makes itself, below one of ours, are parts of that one: they share its loop, as they would in a
thread. Playwright runs its loop in one of them and sets what runs in the other.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, gettrace, greenlet, settrace

from .._originals import thread_local
from ..hubs.abc import AbstractHub
from ..hubs.signals import acts_for

#: A loop, None for nobody's; its hooks for a generator's first iteration and for its end; the depth of origins.
State = tuple[Any, Any, Any, int]

_get: Callable[[], Any] | None = None
_set: Callable[[Any], None]


class _Thread(thread_local):
    """What is known in one thread of the operating system."""

    def __init__(self) -> None:
        self.loops: dict[greenlet, State] = {}  # greenlet, one that stands for a thread -> what it runs
        self.idle: State = (None, None, None, 0)  # of those that run none
        self.before: Any = None  # the trace function that was there


_thread = _Thread()


def notice() -> None:
    """If the current greenlet runs an asyncio loop, let that be seen by it alone from now on."""
    global _get, _set
    if _get is None:
        asyncio = sys.modules.get("_asyncio") or sys.modules.get("asyncio.events")
        if asyncio is None or not hasattr(asyncio, "_set_running_loop"):
            return
        _set = asyncio._set_running_loop
        _get = asyncio._get_running_loop
    loop = _get()
    if loop is not None:
        remember(loop)


def remember(loop: Any) -> None:
    """The current greenlet runs `loop`, or is about to: the rest of its state is taken at its next switch."""
    loops = _thread.loops
    current = _owner(getcurrent())
    if current not in loops:
        if not loops:
            _thread.before = gettrace()
            settrace(_trace)
            _thread.idle = (None, None, None, _depth_before(loop))
        loops[current] = _thread.idle


def _state(loop: Any) -> State:
    """What is in force now, while `loop` runs."""
    hooks = sys.get_asyncgen_hooks()
    return loop, hooks.firstiter, hooks.finalizer, sys.get_coroutine_origin_tracking_depth()


def _depth_before(loop: Any) -> int:
    """The depth of origins that was in force before `loop` ran."""
    if getattr(loop, "_coroutine_origin_tracking_enabled", False):
        return loop._coroutine_origin_tracking_saved_depth  # type: ignore[no-any-return]
    return 0 if loop.get_debug() else sys.get_coroutine_origin_tracking_depth()


def _restore(state: State) -> None:
    loop, firstiter, finalizer, depth = state
    _set(loop)
    sys.set_asyncgen_hooks(firstiter, finalizer)
    if depth != sys.get_coroutine_origin_tracking_depth():
        sys.set_coroutine_origin_tracking_depth(depth)


def _owner(g: greenlet) -> greenlet:
    """The greenlet that stands for a thread and that `g` is a part of: the outermost below the hub."""
    g = acts_for(g)
    if isinstance(g, AbstractHub):
        return g
    parent = g.parent
    while parent is not None and not isinstance(parent, AbstractHub):
        g, parent = parent, parent.parent
    return g


def _trace(event: str, args: tuple[greenlet, greenlet]) -> None:
    """Called by `greenlet` after each switch."""
    before = _thread.before
    if before is not None:
        before(event, args)
    origin, target = map(_owner, args)
    if origin is target:
        return
    loops = _thread.loops
    running = _get()  # type: ignore[misc]
    known = loops.get(origin)
    if running is not None:
        if known is None or known[0] is not running:
            loops[origin] = _state(running)
    else:
        if known is not None:
            del loops[origin]
        if target in loops:
            _thread.idle = _state(None)
    wanted = loops.get(target, _thread.idle)
    if wanted[0] is not running:
        _restore(wanted)
    if not loops and gettrace() is _trace:
        settrace(before)
