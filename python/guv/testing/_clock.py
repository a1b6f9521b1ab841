"""`MockClock`: time that passes only when a test wants it to.

While a clock is in force, guv's reading of the time is replaced wherever a module of guv has it, for this thread only,
and the hub gets a class of its own whose timers stand in a heap here. Descriptors stay with the real loop. So the
real clock's path is untouched, and nothing is left when the block ends.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, cast

from .._originals import get_ident, monotonic_ns
from ..debug._modules import replace_in_modules
from ..hubs.abc import AbstractHub
from ..hubs.current import get_hub
from ..hubs.deadline import NEVER, deadline_after
from ..hubs.heap import TimerHeap
from ..hubs.timeout import Timeout
from ..hubs.timer import Timer
from ..hubs.wire import CANCEL, IS_TIMER, TIMER
from ._blocked import holding

#: Modules that need the real time: they measure how long the loop or the program takes.
_REAL = ("guv.hubs.abc", "guv.hubs.epoll", "guv.hubs.tracing", "guv.debug", "guv.testing")

_clocks: dict[AbstractHub, MockClock] = {}


class MockClock:
    """A context manager in which time stands still, and jumps to the next deadline when everybody waits.

    ::

        with MockClock() as clock:
            guv.sleep(3600)         # takes microseconds
            assert clock.time() == 3600

    All that waits in this thread with guv or the patched standard library goes by it: `sleep`, `Timeout`, timeouts of
    sockets, locks and queues. So do `time.time`, `time.monotonic`, `time.perf_counter` and their ``_ns`` variants,
    wherever a module has them, unless `patch_time` is false. Other threads have the real time.

    When nobody can go on, and nothing has come for `autojump_threshold` seconds of real time, the clock jumps to the
    next deadline. 0, the default, suits tests whose peers are all in this thread; a test with native threads or
    other processes needs some 0.01 s; `math.inf` leaves it to `jump`. Work in `guv.tpool` and name lookups are
    waited for however long they take.

    `rate` seconds of the clock pass in each real second; 0: none. Both can be changed at any time.

    It counts for the hub of the thread that enters it: enter it once, before what it is to govern goes to sleep.
    """

    def __init__(self, rate: float = 0, autojump_threshold: float = 0, *, patch_time: bool = True) -> None:
        if not rate >= 0:
            raise ValueError(f"a clock can't run at the rate {rate!r}: give 0 or more")
        if not autojump_threshold >= 0:
            raise ValueError(
                f"autojump_threshold must be a number of seconds from 0 to math.inf, not {autojump_threshold!r}"
            )
        self.autojump_threshold = autojump_threshold
        self.patch_time = patch_time
        self._rate = float(rate)
        self._hub: AbstractHub | None = None
        self._thread = 0
        self._base = 0  # nanoseconds of this clock at ...
        self._real_base = 0  # ... this real time
        self._began = 0
        self._epoch = 0  # what time.time_ns() is ahead of this clock
        self._timers = TimerHeap()
        self._to_loop: list[int] = []  # operations of our own
        self._undo: list[Callable[[], object]] = []

    # ---- for tests ----

    def time(self) -> float:
        """Seconds of this clock since the block was entered."""
        return (self._now() - self._began) / 1e9

    def jump(self, seconds: float) -> None:
        """Let `seconds` pass at once. What is due then runs at the next turn of the hub. Never yields."""
        if not seconds >= 0:
            raise ValueError(f"time can't go back: jump() was asked for {seconds!r} seconds")
        self._base += int(seconds * 1e9)

    @property
    def rate(self) -> float:
        """Seconds of this clock in a real second."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        if not rate >= 0:
            raise ValueError(f"a clock can't run at the rate {rate!r}: give 0 or more")
        self._base, self._real_base = self._now(), monotonic_ns()
        self._rate = float(rate)

    def __repr__(self) -> str:
        state = f"at {self.time():.6f} s" if self._hub is not None else "not in force"
        return f"<MockClock {state}>"

    def __enter__(self) -> MockClock:
        hub = get_hub()
        if self._hub is not None:
            raise RuntimeError(f"{self!r} is in force already")
        if hub in _clocks:
            raise RuntimeError(f"{_clocks[hub]!r} is in force in this thread: clocks don't nest")
        self._hub = hub
        self._thread = get_ident()
        self._began = self._base = self._real_base = monotonic_ns()
        self._epoch = time.time_ns() - self._base
        _clocks[hub] = self
        self._take_timers(hub)
        kind = type(hub)
        hub.__class__ = type(kind.__name__, (_OnMockClock, kind), {"__slots__": (), "__module__": kind.__module__})
        self._undo.append(lambda: setattr(hub, "__class__", kind))
        self._replace_guvs_clock()
        if self.patch_time:
            self._replace_standard_clocks()
        return self

    def __exit__(
        self, typ: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        hub = self._hub
        assert hub is not None
        self._hub = None
        while self._undo:
            self._undo.pop()()
        del _clocks[hub]
        if not hub.closed:
            self._give_timers_back(hub)

    # ---- the time ----

    def _now(self) -> int:
        """Nanoseconds on the scale of CLOCK_MONOTONIC."""
        if self._rate:
            return self._base + int((monotonic_ns() - self._real_base) * self._rate)
        return self._base

    def _here(self, mocked: Callable[[], Any], real: Callable[[], Any]) -> Callable[[], Any]:
        """A clock that is `mocked` in this thread and `real` in others."""

        def clock() -> Any:
            return mocked() if get_ident() == self._thread else real()

        clock.__name__ = clock.__qualname__ = real.__name__
        return clock

    def _replace_guvs_clock(self) -> None:
        mocked = self._here(self._now, monotonic_ns)
        _exchange_guvs_clock(monotonic_ns, mocked, but=_REAL)
        self._undo.append(lambda: _exchange_guvs_clock(mocked, monotonic_ns))

    def _replace_standard_clocks(self) -> None:
        now = self._now
        clocks: dict[str, Callable[[], Any]] = {
            "monotonic": lambda: now() / 1e9, "monotonic_ns": now,
            "perf_counter": lambda: now() / 1e9, "perf_counter_ns": now,
            "time": lambda: (now() + self._epoch) / 1e9, "time_ns": lambda: now() + self._epoch,
        }  # fmt: skip
        pairs = []
        for name, mocked in clocks.items():
            real = getattr(time, name)
            clock = self._here(mocked, real)
            pairs.append((real, clock))
        replace_in_modules(pairs, guvs=False)
        self._undo.append(lambda: replace_in_modules([(clock, real) for real, clock in pairs], guvs=False))

    # ---- the timers ----

    def _take_timers(self, hub: AbstractHub) -> None:
        """Those that the real loop has, or would have got."""
        self._sort_out(hub)
        for token, entry in enumerate(hub.timers):
            if entry is not None and not self._timers.deadline(token):
                deadline = hub.deadline_of(token)
                if deadline:
                    self._to_loop += (CANCEL | token << 8, 0)
                    self._timers.set(token, deadline)

    def _give_timers_back(self, hub: AbstractHub) -> None:
        self._sort_out(hub)
        late = monotonic_ns() - self._now()
        for token, deadline in self._timers:
            hub.ops.extend((TIMER | token << 8, min(deadline + late, NEVER)))
        for timeout in hub.fresh:
            if isinstance(timeout, Timeout):
                timeout.started += late if timeout.started else 0
            elif timeout.deadline:
                timeout.deadline = min(timeout.deadline + late, NEVER)
        self._timers = TimerHeap()

    def _sort_out(self, hub: AbstractHub) -> None:
        """Keep the operations on timers here, and leave the others to the loop."""
        ops, hub.ops, self._to_loop = hub.ops, self._to_loop, []
        for i in range(0, len(ops), 2):
            kind, token = ops[i] & 255, ops[i] >> 8
            if kind == TIMER:
                self._timers.set(token, ops[i + 1])
            elif kind == CANCEL:
                if not self._timers.cancel(token):
                    hub.ops.extend(ops[i : i + 2])  # one that the loop has still
            else:
                hub.ops.extend(ops[i : i + 2])

    def _due(self) -> list[int]:
        """Completions of the timers that are due."""
        return [token << 16 | IS_TIMER for token in self._timers.due(self._now())]

    def _wait(self, hub: AbstractHub, timeout: int, exchange: Callable[[int], Iterable[int]]) -> Iterable[int]:
        """Nobody is ready: wait for an event, or let time pass."""
        deadline = self._timers.next()
        if deadline is None or deadline >= NEVER:
            return exchange(timeout)
        if self._rate:
            left = max(0, int((deadline - self._now()) / self._rate))
            timeout = left if timeout < 0 else min(timeout, left)
        if hub in holding or hub.jobs or hub.lookups or self.autojump_threshold == math.inf:
            return exchange(timeout)
        patience = int(self.autojump_threshold * 1e9)
        if 0 <= timeout < patience:
            return exchange(timeout)
        found = exchange(patience)
        if not found and not hub.mail:
            self._base += max(0, deadline - self._now())
        return found

    def _deadline_of(self, token: int) -> int:
        """As the hub's; 0 if it is not known."""
        return self._timers.deadline(token)


def _exchange_guvs_clock(old: Callable[[], Any], new: Callable[[], Any], but: tuple[str, ...] = ()) -> None:
    """Let the modules of guv that read the clock by `old` do so by `new`; those too that are imported later."""
    for name, module in list(sys.modules.items()):
        if name.startswith("guv.") and not name.startswith(but) and vars(module).get("monotonic_ns") is old:
            module.monotonic_ns = new  # type: ignore[attr-defined]


class _OnMockClock:
    """What a hub is beside its own class while a clock is in force."""

    __slots__ = ()

    def exchange(self, timeout: int) -> Iterable[int]:
        """As `AbstractHub.exchange`, with the clock's timers."""
        hub = cast(AbstractHub, self)
        clock = _clocks[hub]
        clock._sort_out(hub)
        exchange: Callable[[int], Iterable[int]] = super().exchange  # type: ignore[misc]
        due = clock._due()
        if due or not timeout:
            return [*exchange(0), *due]
        found = clock._wait(hub, timeout, exchange)
        return [*found, *clock._due()]

    def submit(self) -> None:
        """As `AbstractHub.submit`, for what is not a timer."""
        _clocks[cast(AbstractHub, self)]._sort_out(cast(AbstractHub, self))
        super().submit()  # type: ignore[misc]

    def deadline_of(self, token: int) -> int:
        """As `AbstractHub.deadline_of`."""
        return _clocks[cast(AbstractHub, self)]._deadline_of(token)

    def schedule_call_global(self, seconds: float, cb: Callable[..., object], *args: Any, **kwargs: Any) -> Timer:
        """As `AbstractHub.schedule_call_global`, by the clock."""
        timer: Timer = super().schedule_call_global(seconds, cb, *args, **kwargs)  # type: ignore[misc]
        timer.deadline = deadline_after(seconds)
        return timer
