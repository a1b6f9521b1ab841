"""Many calls pending at once: what it costs to set one, and to fire it, and how late the last one is."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from ..libraries import Coroutines, Green
from ..stopwatch import Metrics, require, resident_bytes
from ..workload import Metric, Parameters, Workload

#: Seconds over which the deadlines are spread.
SPREAD = 0.5
#: Seconds that setting one timer may take in the slowest library, on a machine that has other things to do.
SLOWEST = 30e-6


class Run:
    """The plan of one measurement, and what came of it."""

    def __init__(self, timers: int) -> None:
        self.timers = timers
        self.fired = 0
        self.memory = resident_bytes()
        self.start = time.perf_counter()
        self.first = self.start + 0.3 + timers * SLOWEST  # nothing is due before all are set
        self.last = self.first + SPREAD
        self.cpu = time.process_time()

    def fire(self) -> None:
        self.fired += 1

    def set_all(self, call_later: Callable[[float, Callable[[], Any]], Any]) -> list[Any]:
        pick, clock, fire = random.Random(1).random, time.perf_counter, self.fire
        handles = [call_later(self.first + pick() * SPREAD - clock(), fire) for _ in range(self.timers)]
        self.set_cpu = time.process_time() - self.cpu
        self.memory = resident_bytes() - self.memory
        require(clock() < self.first and self.fired == 0, "a timer was due before the last was set")
        self.cpu = time.process_time()
        return handles

    def unfinished(self) -> bool:
        require(time.perf_counter() < self.last + 30, f"{self.fired} of {self.timers} timers fired")
        return self.fired < self.timers

    def result(self) -> Metrics:
        fire_cpu = time.process_time() - self.cpu
        return {
            "cpu": (self.set_cpu + fire_cpu) * 1e6 / self.timers,
            "set": self.set_cpu * 1e6 / self.timers,
            "fire": fire_cpu * 1e6 / self.timers,
            "memory": self.memory / self.timers,
            "late": max(0.0, time.perf_counter() - self.last) * 1e3,
        }


def green(library: Green, parameters: Parameters) -> Metrics:
    call_later = library.call_later
    library.join([library.spawn(library.sleep, 0)])  # the hub runs
    run = Run(parameters["timers"])
    handles = run.set_all(call_later)
    while run.unfinished():
        library.sleep(0.01)
    require(len(handles) == run.timers, "timers were lost")
    return run.result()


async def coroutines(library: Coroutines, parameters: Parameters) -> Metrics:
    import asyncio

    run = Run(parameters["timers"])
    handles = run.set_all(asyncio.get_running_loop().call_later)
    while run.unfinished():
        await asyncio.sleep(0.01)
    require(len(handles) == run.timers, "timers were lost")
    return run.result()


WORKLOAD = Workload(
    "timers",
    {"a pending timer of 100,000, set and fired": {"timers": 100_000}},
    quick={"timers": 2_000},
    metrics=(
        Metric("cpu", "µs CPU"),
        Metric("set", "µs CPU to set"),
        Metric("fire", "µs CPU to fire"),
        Metric("memory", "bytes each"),
        Metric("late", "ms that the last is late"),
    ),
    green=green,
    coroutines=coroutines,
    libraries=("guv", "gevent", "eventlet", "asyncio", "uvloop"),
)
