"""A time limit around a block that ends at once: set and cancelled; one block in a hundred yields."""

from __future__ import annotations

from ..libraries import Coroutines, Green, Missing
from ..stopwatch import Metrics, Stopwatch, require
from ..workload import Parameters, Workload

BLOCKS = 100


def green(library: Green, parameters: Parameters) -> Metrics:
    timeout, give_way, entered = library.timeout, library.give_way, 0
    try:
        with timeout(0.02):
            library.sleep(10)
    except timeout:  # type: ignore[misc]
        entered = 1
    require(entered == 1, "a timeout that should have fired did not")
    with Stopwatch() as watch:
        for _ in range(parameters["timeouts"] // BLOCKS):
            for _ in range(BLOCKS - 1):
                with timeout(10):
                    entered += 1
            with timeout(10):
                give_way()
                entered += 1
    require(entered == parameters["timeouts"] + 1, "a block did not end")
    return watch.each(parameters["timeouts"])


async def coroutines(library: Coroutines, parameters: Parameters) -> Metrics:
    import asyncio

    if not hasattr(asyncio, "timeout"):
        raise Missing("asyncio.timeout came with Python 3.11")
    timeout, sleep, entered = asyncio.timeout, asyncio.sleep, 0
    with Stopwatch() as watch:
        for _ in range(parameters["timeouts"] // BLOCKS):
            for _ in range(BLOCKS - 1):
                async with timeout(10):
                    entered += 1
            async with timeout(10):
                await sleep(0)
                entered += 1
    require(entered == parameters["timeouts"], "a block did not end")
    return watch.each(parameters["timeouts"])


WORKLOAD = Workload(
    "timeouts",
    {"with Timeout(10): a block that ends at once": {"timeouts": 200_000}},
    quick={"timeouts": 2_000},
    green=green,
    coroutines=coroutines,
    libraries=("guv", "gevent", "eventlet", "asyncio", "uvloop"),
)
