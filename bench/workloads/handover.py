"""Two green threads that wake each other, once each way: through a queue of one place, an event, a semaphore.

"own" is the library's class, "patched" the standard library's after the library has patched it. A green thread that
is woken out of turn counts wrongly, and the measurement fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..libraries import Coroutines, Green
from ..stopwatch import Metrics, Stopwatch, require
from ..workload import Parameters, Workload

Side = Callable[[], None]


def over_queue(make: Callable[..., Any], rounds: int, seen: list[int]) -> tuple[Side, Side]:
    there, back = make(1), make(1)

    def ping() -> None:
        for i in range(rounds):
            there.put(i)
            seen.append(back.get())

    def pong() -> None:
        for _ in range(rounds):
            back.put(there.get())

    return ping, pong


def over_semaphore(make: Callable[..., Any], rounds: int, seen: list[int]) -> tuple[Side, Side]:
    there, back = make(0), make(0)
    last = [-1]

    def ping() -> None:
        for i in range(rounds):
            last[0] = i
            there.release()
            back.acquire()

    def pong() -> None:
        for _ in range(rounds):
            there.acquire()
            seen.append(last[0])
            back.release()

    return ping, pong


def over_event(make: Callable[..., Any], rounds: int, seen: list[int]) -> tuple[Side, Side]:
    there, back = make(), make()
    last = [-1]

    def ping() -> None:
        for i in range(rounds):
            last[0] = i
            there.set()
            back.wait()
            back.clear()

    def pong() -> None:
        for _ in range(rounds):
            there.wait()
            there.clear()
            seen.append(last[0])
            back.set()

    return ping, pong


SHAPES = {"queue": over_queue, "event": over_event, "semaphore": over_semaphore}


def patched(what: str) -> Callable[..., Any]:
    """The class of the standard library, which by now is the library's business."""
    import queue
    import threading

    classes: dict[str, Callable[..., Any]] = {
        "queue": queue.Queue, "event": threading.Event, "semaphore": threading.Semaphore,
    }  # fmt: skip
    return classes[what]


def green(library: Green, parameters: Parameters) -> Metrics:
    what = parameters["what"]
    rounds = int(parameters["rounds"] * library.share)
    seen: list[int] = []
    make = patched(what) if parameters["patched"] else getattr(library, what)
    sides = SHAPES[what](make, rounds, seen)
    with Stopwatch() as watch:
        library.join([library.spawn(side) for side in sides])
    require(seen == list(range(rounds)), f"{len(seen)} of {rounds} arrived, or not in order")
    return watch.each(2 * rounds)


async def coroutines(library: Coroutines, parameters: Parameters) -> Metrics:
    import asyncio

    rounds, seen, last = parameters["rounds"], [], [-1]
    queues = asyncio.Queue[int](1), asyncio.Queue[int](1)
    events = asyncio.Event(), asyncio.Event()
    semaphores = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def queue_ping() -> None:
        for i in range(rounds):
            await queues[0].put(i)
            seen.append(await queues[1].get())

    async def queue_pong() -> None:
        for _ in range(rounds):
            await queues[1].put(await queues[0].get())

    async def event_ping() -> None:
        for i in range(rounds):
            last[0] = i
            events[0].set()
            await events[1].wait()
            events[1].clear()

    async def event_pong() -> None:
        for _ in range(rounds):
            await events[0].wait()
            events[0].clear()
            seen.append(last[0])
            events[1].set()

    async def semaphore_ping() -> None:
        for i in range(rounds):
            last[0] = i
            semaphores[0].release()
            await semaphores[1].acquire()

    async def semaphore_pong() -> None:
        for _ in range(rounds):
            await semaphores[0].acquire()
            seen.append(last[0])
            semaphores[1].release()

    ping, pong = {
        "queue": (queue_ping, queue_pong),
        "event": (event_ping, event_pong),
        "semaphore": (semaphore_ping, semaphore_pong),
    }[parameters["what"]]
    with Stopwatch() as watch:
        await asyncio.gather(ping(), pong())
    require(seen == list(range(rounds)), f"{len(seen)} of {rounds} arrived, or not in order")
    return watch.each(2 * rounds)


WORKLOAD = Workload(
    "handover",
    {
        f"hand over by {what} ({'patched' if of_stdlib else 'own'})": {
            "what": what, "patched": of_stdlib, "rounds": 20_000,
        }
        for what in SHAPES
        for of_stdlib in (False, True)
    },
    quick={"rounds": 200},
    green=green,
    coroutines=coroutines,
    libraries=("guv", "gevent", "eventlet", "asyncio", "uvloop", "threads"),
)  # fmt: skip
