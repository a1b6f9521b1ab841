"""A lone sleeper: how late it wakes. A reader waits beside it in vain, as in any server."""

from __future__ import annotations

import socket
import time

from ..libraries import Coroutines, Green
from ..stopwatch import Metrics, Stopwatch, require
from ..workload import CPU, Metric, Parameters, Subject, Workload, in_a_child


def wanted(turn: int) -> float:
    """Seconds to sleep: 1 to 5 ms, never the same twice in a row."""
    return (1_000 + turn * 397 % 4_000) / 1e6


def result(late: list[float], watch: Stopwatch) -> Metrics:
    late.sort()
    # uvloop counts in whole milliseconds from a time that it has read before.
    require(late[0] > -0.002, f"a sleep ended {-late[0] * 1e3:.2f} ms too soon")
    times = len(late)
    return {
        "late": late[times // 2] * 1e6,
        "late_p99": late[times * 99 // 100] * 1e6,
        "cpu": watch.cpu * 1e6 / times,
    }


def green(library: Green, parameters: Parameters) -> Metrics:
    ends = socket.socketpair()
    library.spawn(library.wait_readable, ends[0].fileno())
    library.sleep(0.01)
    late, sleep, clock = [], library.sleep, time.perf_counter
    with Stopwatch() as watch:
        for turn in range(parameters["times"]):
            seconds = wanted(turn)
            start = clock()
            sleep(seconds)
            late.append(clock() - start - seconds)
    return result(late, watch)


async def coroutines(library: Coroutines, parameters: Parameters) -> Metrics:
    import asyncio

    ends = socket.socketpair()
    asyncio.get_running_loop().add_reader(ends[0].fileno(), print)
    late, sleep, clock = [], asyncio.sleep, time.perf_counter
    with Stopwatch() as watch:
        for turn in range(parameters["times"]):
            seconds = wanted(turn)
            start = clock()
            await sleep(seconds)
            late.append(clock() - start - seconds)
    asyncio.get_running_loop().remove_reader(ends[0].fileno())
    return result(late, watch)


def measure(subject: Subject, workload: Workload, parameters: Parameters) -> Metrics:
    if subject.library == "c":
        return subject.program("sleep", parameters["times"])
    return in_a_child(subject, workload, parameters)


WORKLOAD = Workload(
    "sleep",
    {"lateness of a lone sleep": {"times": 200}},
    quick={"times": 5},
    metrics=(Metric("late", "µs at the median"), Metric("late_p99", "µs at p99"), CPU),
    green=green,
    coroutines=coroutines,
    measure=measure,
)
