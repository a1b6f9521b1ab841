"""Cooperative :mod:`sys`: what it tells of all threads, told of the greenlets that are threads, too. Never yields.

`sys._current_exceptions` stays the native one: what a parked greenlet handles is known to nobody but itself.
"""

from __future__ import annotations

import sys as _stdlib
from types import FrameType

from greenlet import getcurrent, greenlet

from ..hubs.current import all_hubs
from ..hubs.ident import get_ident
from . import names_of
from ._bootstrap.threading import running

_native_frames = _stdlib._current_frames


def _others() -> dict[int, greenlet]:
    """The threads that are greenlets, the main ones of hubs among them, without the caller; by ident."""
    found = {hub.thread: hub.main for hub in all_hubs()}
    found.update(running)
    found.pop(get_ident(), None)
    return {ident: each for ident, each in found.items() if each.gr_frame is not None and each is not getcurrent()}


def current_frames() -> dict[int, FrameType]:
    """Return a dict mapping each thread's thread id to its current stack frame."""
    frames = _native_frames()
    frames[get_ident()] = _stdlib._getframe(1)
    for ident, each in _others().items():
        frames[ident] = each.gr_frame  # type: ignore[assignment]
    return frames


PATCHES = [("sys", "_current_frames", current_frames)]

__getattr__ = names_of("sys")
