"""At exit: which greenlets never ended, and which timers and descriptors are still waited for."""

from __future__ import annotations

import atexit
import os
import sys

from greenlet import getcurrent

from ..hubs.current import current_hub
from ._stacks import format_hub_listeners, format_hub_timers, greenlet_stacks

_process = 0  # that report_leaks was called in; 0 if it is off


def report_leaks(state: bool = True) -> None:
    """Print at exit what the main thread's hub still has: greenlets that never ended, listeners, timers.

    To `sys.stderr`, and nothing if there is nothing. ``GUV_LEAKS=1`` in the environment turns it on when guv is
    imported. A forked child that ends by `os._exit` reports nothing.
    """
    global _process
    _process = os.getpid() if state else 0


def leaks() -> str:
    """What the calling thread's hub has beside the calling greenlet, as text; "" if that is nothing."""
    hub = current_hub()
    if hub is None:
        return ""
    mine = {hub, hub.main, getcurrent()}
    left = [state for state in greenlet_stacks() if state.greenlet not in mine]
    parts = []
    if left:
        verb = "greenlet has" if len(left) == 1 else "greenlets have"
        parts.append(f"{len(left)} {verb} not ended:\n" + "".join(map(str, left)))
    for title, text in ("listeners", format_hub_listeners()), ("timers", format_hub_timers()):
        if text:
            parts.append(f"{title} that are left:\n{text}")
    return "\n".join(parts)


def _at_exit() -> None:
    if _process == os.getpid():
        text = leaks()
        if text:
            print(f"guv: leaks at exit\n{text}", file=sys.stderr)


atexit.register(_at_exit)
