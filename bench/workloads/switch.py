"""Two green threads that give way to each other."""

from __future__ import annotations

from ..libraries import Coroutines, Green
from ..stopwatch import Metrics, Stopwatch, require
from ..workload import Parameters, Workload


class Turns:
    """Counts how often the turn went to the other one."""

    def __init__(self) -> None:
        self.count = 0
        self.last = -1

    def note(self, who: int) -> None:
        if who != self.last:
            self.last = who
            self.count += 1

    def check(self, switches: int) -> None:
        require(self.count > switches - 10, f"{self.count} changes of turn in {switches} switches")


def green(library: Green, parameters: Parameters) -> Metrics:
    each = parameters["switches"] // 2
    turns, give_way = Turns(), library.give_way

    def run(who: int) -> None:
        for _ in range(each):
            turns.note(who)
            give_way()

    with Stopwatch() as watch:
        library.join([library.spawn(run, who) for who in (0, 1)])
    turns.check(2 * each)
    return watch.each(2 * each)


async def coroutines(library: Coroutines, parameters: Parameters) -> Metrics:
    import asyncio

    each = parameters["switches"] // 2
    turns, sleep = Turns(), asyncio.sleep

    async def run(who: int) -> None:
        for _ in range(each):
            turns.note(who)
            await sleep(0)

    with Stopwatch() as watch:
        await asyncio.gather(run(0), run(1))
    turns.check(2 * each)
    return watch.each(2 * each)


WORKLOAD = Workload(
    "switch",
    {"yield and resume": {"switches": 300_000}},
    quick={"switches": 2_000},
    green=green,
    coroutines=coroutines,
    libraries=("guv", "gevent", "eventlet", "asyncio", "uvloop"),
)
