"""Green threads that do next to nothing: a thousand started, a thousand joined, and again."""

from __future__ import annotations

from ..libraries import Coroutines, Green
from ..stopwatch import Metrics, Stopwatch, require
from ..workload import Parameters, Workload


def green(library: Green, parameters: Parameters) -> Metrics:
    batch = parameters["batch"]
    batches = max(1, int(parameters["batches"] * library.share))
    ran: list[None] = []

    with Stopwatch() as watch:
        for _ in range(batches):
            library.join([library.spawn(ran.append, None) for _ in range(batch)])
    require(len(ran) == batches * batch, f"{len(ran)} of {batches * batch} ran")
    return watch.each(batches * batch)


async def coroutines(library: Coroutines, parameters: Parameters) -> Metrics:
    import asyncio

    batch, batches = parameters["batch"], parameters["batches"]
    ran: list[None] = []

    async def note() -> None:
        ran.append(None)

    with Stopwatch() as watch:
        for _ in range(batches):
            await asyncio.gather(*[asyncio.create_task(note()) for _ in range(batch)])
    require(len(ran) == batches * batch, f"{len(ran)} of {batches * batch} ran")
    return watch.each(batches * batch)


WORKLOAD = Workload(
    "spawn",
    {"spawn and join": {"batch": 1000, "batches": 60}},
    quick={"batches": 2},
    green=green,
    coroutines=coroutines,
    libraries=("guv", "gevent", "eventlet", "asyncio", "uvloop", "threads"),
)
