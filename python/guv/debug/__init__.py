"""What happens in a program on guv, and what blocks it. Everything is off until asked for, and costs nothing then.

=============================  ======================================================================================
`hub_blocking_detection`       report the greenlet that keeps the hub from its loop, while it does
`greenlet_stacks`              who waits for what, where, and for how long (`track_switches`)
`spawn_tree`                   who spawned whom (`track_spawns`)
`format_hub_listeners`         who waits on which descriptor; `format_hub_timers` likewise
`spew`                         print each line that is executed
`deadlock_detection`           when a hub may raise `guv.exceptions.DeadlockError`
`report_leaks`                 at exit, say which greenlets never ended (``GUV_LEAKS=1``)
=============================  ======================================================================================

Figures of a hub: `guv.hubs.get_hub().statistics()`. Unless it says otherwise, a function here concerns the calling
thread, never yields and never blocks.
"""

from __future__ import annotations

import os

from ..hubs import deadlock as _deadlock
from ..hubs import descriptor as _descriptor
from ..hubs import tracing as _tracing
from ..hubs.abc import AbstractHub as _AbstractHub
from ._blocking import Block as Block
from ._blocking import hub_blocking_detection as hub_blocking_detection
from ._leaks import report_leaks as report_leaks
from ._spawns import Spawn as Spawn
from ._spawns import format_spawn_tree as format_spawn_tree
from ._spawns import spawn_tree as spawn_tree
from ._spawns import track_spawns as track_spawns
from ._spew import spew as spew
from ._spew import unspew as unspew
from ._stacks import GreenletState as GreenletState
from ._stacks import format_greenlet_stacks as format_greenlet_stacks
from ._stacks import format_hub_listeners as format_hub_listeners
from ._stacks import format_hub_timers as format_hub_timers
from ._stacks import greenlet_stacks as greenlet_stacks
from ._stacks import hub_listener_stacks as hub_listener_stacks
from ._stacks import hub_timer_stacks as hub_timer_stacks
from ._stacks import print_greenlet_strace as print_greenlet_strace


def track_switches(state: bool = True) -> None:
    """Count the switches of the calling thread, and note when each greenlet goes away.

    `greenlet_stacks` then says for how long each has waited, `AbstractHub.statistics` how many switches there were.
    Costs about half a microsecond a switch.
    """
    _tracing.track(state)


def hub_exceptions(state: bool = True) -> None:
    """Whether hubs report the exceptions that nothing caught, on `sys.stderr`. They do, unless told otherwise."""
    _AbstractHub.reports_errors = state


def hub_prevent_multiple_readers(state: bool = True) -> None:
    """Whether a second greenlet that waits for the same direction of one descriptor gets a RuntimeError.

    By default it may wait, as a second thread may; all are woken. Where two readers of one connection are always a
    mistake, this finds it.
    """
    _descriptor.exclusive = state


def deadlock_detection(rule: bool | None = None) -> None:
    """When a main greenlet that nothing can wake any more gets a `guv.exceptions.DeadlockError`.

    True: always. False: never, it waits on as a thread would. None, the default: unless a Python handler is installed
    for some signal (other than Python's own for SIGINT), because that might end the wait. Concerns all threads, and
    waits on guv's own primitives only, never those of the patched standard library.
    """
    _deadlock.rule = rule


def from_environment() -> None:
    """Turn on what ``GUV_BLOCKED_MS`` (milliseconds), ``GUV_LEAKS`` (1) and ``GUV_TRACK_SPAWNS`` (1) ask for.

    `guv` calls this when it is imported, if one of them is set. Raises ValueError for other values.
    """
    blocked = os.environ.get("GUV_BLOCKED_MS")
    if blocked:
        try:
            milliseconds = float(blocked)
        except ValueError:
            milliseconds = 0
        if not milliseconds > 0:
            raise ValueError(f"GUV_BLOCKED_MS must be a positive number of milliseconds, not {blocked!r}")
        hub_blocking_detection(True, milliseconds / 1000)
    for name, turn_on in ("GUV_LEAKS", report_leaks), ("GUV_TRACK_SPAWNS", track_spawns):
        wanted = os.environ.get(name, "")
        if wanted not in ("", "0", "1"):
            raise ValueError(f"{name} must be 0 or 1, not {wanted!r}")
        if wanted == "1":
            turn_on(True)
