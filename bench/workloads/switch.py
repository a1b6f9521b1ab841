"""Two green threads that give way to each other. What is checked is cheap, so that it hardly counts."""

from __future__ import annotations

from ..libraries import Coroutines, Green
from ..stopwatch import Metrics, Stopwatch, require
from ..workload import Parameters, Workload


def check(changes: int, switches: int) -> None:
    require(changes > switches - 10, f"{changes} changes of turn in {switches} switches")


def green(library: Green, parameters: Parameters) -> Metrics:
    each, give_way = parameters["switches"] // 2, library.give_way
    last, changes = -1, 0

    def run(who: int) -> None:
        nonlocal last, changes
        for _ in range(each):
            if last != who:
                last = who
                changes += 1
            give_way()

    with Stopwatch() as watch:
        library.join([library.spawn(run, who) for who in (0, 1)])
    check(changes, 2 * each)
    return watch.each(2 * each)


async def coroutines(library: Coroutines, parameters: Parameters) -> Metrics:
    import asyncio

    each, sleep = parameters["switches"] // 2, asyncio.sleep
    last, changes = -1, 0

    async def run(who: int) -> None:
        nonlocal last, changes
        for _ in range(each):
            if last != who:
                last = who
                changes += 1
            await sleep(0)

    with Stopwatch() as watch:
        await asyncio.gather(run(0), run(1))
    check(changes, 2 * each)
    return watch.each(2 * each)


WORKLOAD = Workload(
    "switch",
    {"yield and resume": {"switches": 300_000}},
    quick={"switches": 2_000},
    green=green,
    coroutines=coroutines,
    libraries=("guv", "gevent", "eventlet", "asyncio", "uvloop"),
)
