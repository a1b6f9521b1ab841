"""Fairness of programs that look instead of waiting.

Threads may poll: `while not stop.is_set(): work()`, a lock that is tried again and again, `select` with timeout 0. The
interpreter gives the others their turn. Greenlets are not preempted, so a call that looks without waiting calls
`be_fair`: at the second such look of a turn of the loop that has lasted for `FAIR`, the others run.
So a single look does not switch, and a program whose greenlets wait now and then never does here.

Nor does a look of a finalizer that the garbage collector runs: the collector keeps the ends of its lists on the stack,
which would be another greenlet's while this one is away.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from greenlet import getcurrent

from .._originals import monotonic_ns
from .current import current_hub
from .switch import gyield

#: Nanoseconds for which looks may keep the others from running. As long as an interpreter's switch interval.
FAIR: Final = 5_000_000


_collecting = False


def _note_collection(phase: str, info: dict[str, int]) -> None:
    global _collecting
    _collecting = phase == "start"


gc.callbacks.append(_note_collection)


def be_fair() -> None:
    """Called by what looks and does not wait, before it takes anything: an exception may arrive here, as at any yield.

    Does nothing in the hub, in a finalizer that the collector runs, and in a thread without a hub, whose looks can't
    keep a greenlet from running.
    """
    current: Any = getcurrent()
    try:
        hub = current.hub
    except AttributeError:
        hub = current_hub()
        if hub is None:
            return
    if not hub.looking_since:
        hub.looking_since = monotonic_ns()
    elif monotonic_ns() - hub.looking_since > FAIR and current is not hub and not _collecting:
        gyield()


def fair(original: Callable[..., Any]) -> Callable[..., Any]:
    """`original`, a function that looks and does not wait, made fair."""

    @wraps(original)
    def look(*args: Any) -> Any:
        be_fair()
        return original(*args)

    return look
