"""A byte to and fro over a socketpair, each end waiting with the library's raw readiness wait before it reads.

What a support module for a C library pays: the library knows nothing of the descriptor but its number.
"""

from __future__ import annotations

import posix  # the system calls themselves: a patched os.read would wait too
import socket

from ..libraries import Coroutines, Green
from ..stopwatch import Metrics, Stopwatch, require
from ..workload import Parameters, Subject, Workload, in_a_child


def pair() -> tuple[tuple[socket.socket, socket.socket], int, int]:
    ends = socket.socketpair()
    for end in ends:
        end.setblocking(False)
    return ends, ends[0].fileno(), ends[1].fileno()


def green(library: Green, parameters: Parameters) -> Metrics:
    keep, left, right = pair()
    rounds = int(parameters["rounds"] * library.share)
    wait, read, write, seen = library.wait_readable, posix.read, posix.write, bytearray()

    def ping() -> None:
        for turn in range(rounds):
            write(left, bytes((turn & 255,)))
            wait(left)
            seen.extend(read(left, 16))

    def pong() -> None:
        for _ in range(rounds):
            wait(right)
            write(right, read(right, 16))

    with Stopwatch() as watch:
        library.join([library.spawn(ping), library.spawn(pong)])
    require(seen == bytes(turn & 255 for turn in range(rounds)), "other bytes came back than were sent")
    require(keep[0].fileno() == left, "a socket was closed")
    return watch.each(rounds)


async def coroutines(library: Coroutines, parameters: Parameters) -> Metrics:
    import asyncio

    keep, left, right = pair()
    rounds, loop = parameters["rounds"], asyncio.get_running_loop()
    read, write, seen = posix.read, posix.write, bytearray()

    async def wait(fd: int) -> None:
        ready = loop.create_future()
        loop.add_reader(fd, ready.set_result, None)
        try:
            await ready
        finally:
            loop.remove_reader(fd)

    async def ping() -> None:
        for turn in range(rounds):
            write(left, bytes((turn & 255,)))
            await wait(left)
            seen.extend(read(left, 16))

    async def pong() -> None:
        for _ in range(rounds):
            await wait(right)
            write(right, read(right, 16))

    with Stopwatch() as watch:
        await asyncio.gather(ping(), pong())
    require(seen == bytes(turn & 255 for turn in range(rounds)), "other bytes came back than were sent")
    require(keep[0].fileno() == left, "a socket was closed")
    return watch.each(rounds)


def measure(subject: Subject, workload: Workload, parameters: Parameters) -> Metrics:
    if subject.library == "c":
        return subject.program("pingpong", parameters["rounds"])
    return in_a_child(subject, workload, parameters)


WORKLOAD = Workload(
    "trampoline",
    {"round trip over raw descriptors (trampoline)": {"rounds": 20_000}},
    quick={"rounds": 500},
    green=green,
    coroutines=coroutines,
    measure=measure,
)
