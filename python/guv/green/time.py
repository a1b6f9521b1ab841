"""Cooperative :mod:`time`: `sleep` yields to the other greenlets."""

from __future__ import annotations

from .._originals import monotonic_ns, time_sleep
from ..hubs.switch import gyield, sleep_until
from . import names_of


def sleep(seconds: float, /) -> None:
    """As `time.sleep`, but other greenlets run meanwhile. 0 lets them run once.

    Raises what `time.sleep` raises for a negative, infinite or NaN time and for a wrong type.
    """
    if seconds.__class__ is not float and seconds.__class__ is not int:
        if not hasattr(seconds, "__index__") and not isinstance(seconds, float):
            time_sleep(seconds)  # type: ignore[unreachable] # raises the TypeError
        seconds = float(seconds)
    if 0 < seconds < 9e9:
        sleep_until(monotonic_ns() + int(seconds * 1e9))
    elif seconds == 0:
        gyield()
    else:
        time_sleep(seconds)  # raises the ValueError or OverflowError


PATCHES = [("time", "sleep", sleep)]

__getattr__ = names_of("time")
