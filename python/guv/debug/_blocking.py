"""Which greenlet keeps the hub from its loop: `hub_blocking_detection`.

A goroutine compares the turns of a Go hub with the clock, without the GIL; a hub in Python is looked at by a thread.
When a turn lasts too long a native thread of ours waits for the GIL and looks at the stack of the hub's thread.
CPython hands the GIL over between two bytecodes, after 5 ms at the latest; a C function that keeps it is found on its
return, with the line that called it on top of the stack still.
"""

from __future__ import annotations

import atexit
import gc
import os
import select
import signal
import struct
import sys
import traceback
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from greenlet import greenlet

from .._originals import (
    allocate_lock,
    current_frames,
    fstat,
    get_ident,
    monotonic_ns,
    os_close,
    os_read,
    os_write,
    poll,
    start_new_thread,
)
from ..hubs import current, fork
from ..hubs.abc import AbstractHub
from ..hubs.deadlock import own_threads
from ._stacks import name_of, root_of, stack_of

_RECORD = struct.Struct("=qq")  # hub's number, when the block began; as pyext/watchdog.go writes it
_STOP = _RECORD.pack(0, 0)  # no hub has the number 0
_LOOK = _RECORD.pack(-1, 0)  # there is a new hub


@dataclass(frozen=True)
class Block:
    """A turn of a hub that has lasted too long."""

    #: Seconds since the hub was last seen to turn, when the stack was taken.
    seconds: float
    #: Name and `threading.get_ident()` of the hub's thread.
    thread: str
    ident: int
    #: Which greenlet ran: its name, and the greenlet itself, which must be left alone in the reporting thread.
    name: str
    greenlet: greenlet | None
    #: The innermost call, and all of them, outermost first.
    filename: str
    line: int
    function: str
    stack: tuple[traceback.FrameSummary, ...]
    #: Whether the hub was back at its loop when its stack could be taken at last: another thread held the GIL, or the
    #: block has just ended.
    over: bool

    def __str__(self) -> str:
        lines = "".join(traceback.StackSummary.from_list(list(self.stack)).format())
        if self.over:
            return (
                f"guv: the hub of thread {self.thread!r} could not go on for {self.seconds:.3f} s: another thread held "
                f"the GIL, or a greenlet has blocked it until just now\n{lines}"
            )
        return (
            f"guv: the hub of thread {self.thread!r} is blocked for {self.seconds:.3f} s by {self.name}, "
            f"at {self.filename}:{self.line} in {self.function}\n{lines}"
        )


Report = Callable[[Block], object]


def _to_stderr(block: Block) -> None:
    print(block, file=sys.stderr, end="", flush=True)


class _Monitor:
    """The thread that reports, and what it watches."""

    def __init__(self, threshold: int, report: Report) -> None:
        self.threshold = threshold  # nanoseconds
        self.report = report
        self.lock = allocate_lock()  # for `thread` and the pipe; held for moments
        self.thread = 0  # its ident, 0 while there is none
        self.ended = allocate_lock()  # held while there is a thread
        self.pipe: tuple[int, int] = (-1, -1)
        self.inode = 0
        self.counted: dict[int, weakref.ref[AbstractHub]] = {}  # hubs whose loop reports, by number
        self.looked_at: list[weakref.ref[AbstractHub]] = []  # the others; replaced, never changed in place

    def watch(self, hub: AbstractHub) -> None:
        """Watch one more hub. Called in its thread."""
        with self.lock:
            if not self.thread:
                self.pipe = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
                self.inode = fstat(self.pipe[0]).st_ino
                self.thread = -1
                self.ended.acquire()
                start_new_thread(self._run, (self.pipe[0],))
        if hub.report_blocks(self.threshold, self.pipe[1]):
            self.counted[hub.number] = weakref.ref(hub)  # type: ignore[attr-defined]
        else:
            self.looked_at = [*self.looked_at, weakref.ref(hub)]
            os_write(self.pipe[1], _LOOK)

    def stop(self) -> None:
        """End the watch and the thread; blocks this one for the moment that takes."""
        for reference in list(self.counted.values()):
            hub = reference()
            if hub is not None and not hub.closed:
                hub.report_blocks(0, -1)
        with self.lock:
            if not self.thread:
                return
            os_write(self.pipe[1], _STOP)
        if self.thread != get_ident():
            self.ended.acquire(True, 10)  # what it reports may take a while
        self._close()

    def abandon(self) -> None:
        """In a forked child: the thread is the parent's."""
        if self.thread:
            try:
                ours = fstat(self.pipe[0]).st_ino == self.inode
            except OSError:
                ours = False
            if ours:
                self._close()

    def _close(self) -> None:
        for fd in self.pipe:
            os_close(fd)
        self.pipe = (-1, -1)

    # ---- the thread ----

    def _run(self, bell: int) -> None:
        self.thread = get_ident()
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are for the program's threads
        try:
            self._look(bell)
        finally:
            self.thread = 0
            self.ended.release()

    def _look(self, bell: int) -> None:
        listening = poll()
        listening.register(bell, select.POLLIN)
        reported: dict[AbstractHub, int] = {}
        while True:
            listening.poll(max(1, self.threshold // 4_000_000) if self.looked_at else None)
            try:
                records = os_read(bell, 256 * _RECORD.size)
            except BlockingIOError:
                records = b""
            for number, began in _RECORD.iter_unpack(records):
                if not number:
                    return
                hub = self.counted.get(number, lambda: None)()
                if hub is not None:
                    self._found(hub, began)
            reported = self._compare(reported)

    def _compare(self, reported: dict[AbstractHub, int]) -> dict[AbstractHub, int]:
        """Look at the hubs that don't report. `reported` says of which turn of theirs that was done."""
        now = monotonic_ns()
        seen = {}
        for reference in self.looked_at:
            hub = reference()
            if hub is None or hub.closed:
                self.looked_at = [other for other in self.looked_at if other is not reference]
                continue
            began = hub.busy_since()
            if began and now - began >= self.threshold:
                seen[hub] = began
                if reported.get(hub) != began:
                    self._found(hub, began)
        return seen

    def _found(self, hub: AbstractHub, began: int) -> None:
        frame = current_frames().get(hub.thread)
        if frame is None:
            return  # the thread has ended
        stack = stack_of(frame)
        over = frame.f_code is type(hub).exchange.__code__
        running = _running_greenlet(hub)
        innermost = stack[-1]
        block = Block(
            (monotonic_ns() - began) / 1e9, _thread_name(hub.thread), hub.thread,
            "an unknown greenlet" if running is None else _name(hub, running), running,
            innermost.filename, innermost.lineno or 0, innermost.name, stack, over,
        )  # fmt: skip
        del frame
        try:
            self.report(block)
        except Exception as error:
            sys.excepthook(type(error), error, error.__traceback__)


def _running_greenlet(hub: AbstractHub) -> greenlet | None:
    """The one greenlet of the hub's thread that is not suspended."""
    root = root_of(hub)
    for g in gc.get_objects():
        if isinstance(g, greenlet) and g and not g.dead and g.gr_frame is None and root_of(g) is root:
            return g
    return None


def _name(hub: AbstractHub, g: greenlet) -> str:
    if g is hub.main:
        return "the main greenlet"
    if g is hub:
        return "a callback in the hub"
    return f"greenlet {name_of(g)}"


def _thread_name(ident: int) -> str:
    threading: Any = sys.modules.get("threading")
    thread = threading and threading._active.get(ident)
    return str(ident) if thread is None else str(thread.name)


_monitor: _Monitor | None = None


def hub_blocking_detection(state: bool = False, resolution: float = 1, report: Report | None = None) -> None:
    """Report each turn of a hub that lasts longer than `resolution` seconds, once and while it lasts.

    Concerns the hubs of all threads, those made later included, and a forked child's. `report` is called with a
    `Block` in a native thread of guv's: it must leave greenlets alone, and may write or count; by default the
    block is printed to `sys.stderr` with its stack. `False` ends it. ``GUV_BLOCKED_MS=200`` in the environment turns it
    on when guv is imported.

    It costs two readings of the clock a turn. The time spent waiting for events does not count, and a greenlet that
    does not use up its turn alone is not to blame alone: the report names whoever runs at that moment.
    """
    global _monitor
    if state and not resolution > 0:
        raise ValueError(f"the resolution must be a positive number of seconds, not {resolution!r}")
    if _monitor is not None:
        current.arrivals.remove(_monitor.watch)
        _monitor.stop()
        _monitor = None
    if state:
        _begin(_Monitor(max(1_000_000, int(resolution * 1e9)), report or _to_stderr))


def _begin(monitor: _Monitor) -> None:
    global _monitor
    _monitor = monitor
    current.arrivals.append(monitor.watch)
    for hub in current.all_hubs():
        monitor.watch(hub)


def _count_thread() -> int:
    return int(_monitor is not None and _monitor.thread != 0)


@atexit.register
def _at_exit() -> None:
    hub_blocking_detection(False)


def _after_fork() -> None:
    inherited = _monitor
    if inherited is not None:
        current.arrivals.remove(inherited.watch)
        inherited.abandon()
        _begin(_Monitor(inherited.threshold, inherited.report))


own_threads.append(_count_thread)
fork.harmless_threads.append(_count_thread)
os.register_at_fork(after_in_child=_after_fork)
