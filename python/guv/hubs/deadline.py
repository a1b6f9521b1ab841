"""Deadlines: when a wait ends, in nanoseconds of CLOCK_MONOTONIC.

Loops keep them as ints of 64 bits, and programs wait for `math.inf` seconds: what no clock will reach is `NEVER`.
"""

from __future__ import annotations

from typing import Final

from .._originals import monotonic_ns

#: Seconds from which on a wait is for ever: 126 years.
ENDLESS: Final = 4e9

#: A deadline that never comes: 146 years after the machine has started.
NEVER: Final = 1 << 62


def deadline_from(start: int, seconds: float) -> int:
    """The deadline `seconds` after `start`, `NEVER` for `ENDLESS` and more; it is not 0. Raises ValueError for NaN."""
    if seconds < ENDLESS:
        return start + int(max(seconds, -ENDLESS) * 1e9) or 1
    if seconds != seconds:
        raise ValueError(f"a time to wait must be a number of seconds, not {seconds!r}")
    return NEVER


def deadline_after(seconds: float) -> int:
    """The deadline `seconds` from now. The hottest waits have the case of less than `ENDLESS` in place."""
    return deadline_from(monotonic_ns(), seconds)
