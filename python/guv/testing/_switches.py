"""Does this code yield? `assert_switches` and `assert_no_switches`."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from greenlet import getcurrent, greenlet

from ..debug._stacks import stack_of
from ..hubs import tracing


class _Recorder:
    """Sees the first time that one greenlet yields."""

    def __init__(self) -> None:
        self.watched = getcurrent()
        self.stack: tuple[traceback.FrameSummary, ...] | None = None

    def __call__(self, event: str, args: tuple[greenlet, greenlet]) -> None:
        if args[0] is not self.watched or self.stack is not None or event == "turned":
            return
        frame = sys._getframe(2) if event == "turn" else self.watched.gr_frame
        self.stack = stack_of(frame)


@contextmanager
def _recorded() -> Iterator[_Recorder]:
    recorder = _Recorder()
    tracing.add(recorder)
    try:
        yield recorder
    finally:
        tracing.remove(recorder)


@contextmanager
def assert_switches() -> Iterator[None]:
    """Raise AssertionError at the end of the block if the current greenlet has not yielded in it.

    To yield with nobody else ready counts.
    """
    with _recorded() as recorder:
        yield
    if recorder.stack is None:
        raise AssertionError("the block was to let other greenlets run, but it never yielded")


@contextmanager
def assert_no_switches() -> Iterator[None]:
    """Raise AssertionError at the end of the block if the current greenlet has yielded in it; says where."""
    with _recorded() as recorder:
        yield
    if recorder.stack is not None:
        lines = "".join(traceback.StackSummary.from_list(list(recorder.stack)).format())
        raise AssertionError(f"the block was not to let other greenlets run, but it yielded here:\n{lines}")
