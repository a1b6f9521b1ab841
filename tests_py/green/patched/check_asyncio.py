"""asyncio in several threads at once, each with a loop of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import greenlet
import pytest

try:
    import uvloop
except ImportError:
    uvloop = None


def run(main, how):
    if how == "uvloop":
        loop = uvloop.new_event_loop()
        try:
            return loop.run_until_complete(main)
        finally:
            loop.close()
    return asyncio.run(main)


@pytest.fixture(params=["asyncio", "uvloop"])
def how(request):
    if request.param == "uvloop" and uvloop is None:
        pytest.skip("uvloop is not installed")
    return request.param


def test_five_loops_run_at_once_and_each_thread_sees_its_own(task, how):
    barrier = threading.Barrier(5)

    async def main(number):
        mine = asyncio.get_running_loop()
        for _ in range(5):
            await asyncio.sleep(0.002)
            assert asyncio.get_running_loop() is mine
        await mine.run_in_executor(None, barrier.wait, 10)
        return number, mine

    running = [task(lambda i=i: run(main(i), how)) for i in range(5)]
    results = [each.result() for each in running]
    assert [number for number, _ in results] == list(range(5))
    assert len({id(loop) for _, loop in results}) == 5
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()


def test_threads_run_beside_a_loop(task, how):
    steps = []

    async def main():
        while len(steps) < 3:
            await asyncio.sleep(0.001)
        return "done"

    running = task(lambda: run(main(), how))
    for i in range(3):
        steps.append(i)
        event = threading.Event()
        event.wait(0.005)
    assert running.result() == "done"


def test_loop_is_called_from_another_thread(task, how):
    async def main():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        calling = task(lambda: loop.call_soon_threadsafe(future.set_result, 42))
        found = await asyncio.wait_for(future, 10)
        calling.result()
        there = asyncio.run_coroutine_threadsafe
        return found, await asyncio.to_thread(lambda: there(asyncio.sleep(0, "back"), loop).result(10))

    assert run(main(), how) == (42, "back")


def test_streams_serve_threads(task, how):
    import socket

    async def echo(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    async def main(ready, stop):
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        ready.append(server.sockets[0].getsockname())
        while not stop:
            await asyncio.sleep(0.002)
        server.close()
        await server.wait_closed()

    ready, stop = [], []
    serving = task(lambda: run(main(ready, stop), how))
    event = threading.Event()
    while not ready:
        event.wait(0.002)
    for _ in range(3):
        with socket.create_connection(ready[0], 10) as sock:
            sock.sendall(b"hello\n")
            assert sock.recv(9) == b"HELLO\n"
    stop.append(1)
    serving.result()


def test_children_are_waited_for():
    async def main():
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-S", "-c", "print(input() * 2)", stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        out, _ = await child.communicate(b"ab\n")
        return out, child.returncode

    assert asyncio.run(main()) == (b"abab\n", 0)


def test_time_limits_and_cancellation_work():
    async def main():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.sleep(10), 0.01)
        sleeping = asyncio.ensure_future(asyncio.sleep(10))
        await asyncio.sleep(0)
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping
        return await asyncio.gather(*(asyncio.sleep(0.001, i) for i in range(3)))

    assert asyncio.run(main()) == [0, 1, 2]


def test_loop_run_in_a_greenlet_below_is_that_of_the_thread(task):
    def run():
        here = greenlet.getcurrent()
        loop = asyncio.new_event_loop()

        async def visit():
            await asyncio.sleep(0.01)
            here.switch(asyncio.get_running_loop())
            await asyncio.sleep(0.01)

        below = greenlet.greenlet(lambda: loop.run_until_complete(visit()))
        assert below.switch() is loop
        assert asyncio.get_running_loop() is loop
        asyncio._set_running_loop(loop)  # as Playwright does
        below.switch()
        assert below.dead
        assert asyncio._get_running_loop() is None
        loop.close()

    run()
    for thread in [task(run) for _ in range(3)]:
        thread.result()


def test_loops_in_threads_close_their_own_generators(task, how):
    """The hooks for asynchronous generators are the thread's, in which other loops begin and end meanwhile."""
    closed = []

    async def endless(number):
        try:
            while True:
                yield number
        finally:
            await asyncio.sleep(0)
            closed.append((number, asyncio.get_running_loop()))

    async def main(number):
        mine = asyncio.get_running_loop()
        await asyncio.sleep(0.003 * number)
        left = endless(number)
        await anext(left)
        await asyncio.sleep(0.003 * (5 - number))
        another = endless(number)
        await anext(another)
        await asyncio.sleep(0.003 * number)
        kept.append((left, another))
        return mine

    kept = []
    before = sys.get_asyncgen_hooks()
    running = [task(lambda i=i: run_to_the_end(main(i), how)) for i in range(5)]
    loops = [each.result() for each in running]
    assert sorted(number for number, _ in closed) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert all(loops[number] is loop for number, loop in closed)
    assert sys.get_asyncgen_hooks() == before


def test_debug_mode_of_a_loop_is_seen_by_its_thread_alone(task):
    """In debug mode coroutines keep their origin, for as long as the loop runs, and in its thread."""

    async def main(seconds):
        await asyncio.sleep(seconds)
        return sys.get_coroutine_origin_tracking_depth() > 0

    running = [task(lambda d=d: asyncio.run(main(0.02 if d else 0.04), debug=d)) for d in (True, False, True)]
    assert [each.result() for each in running] == [True, False, True]
    assert sys.get_coroutine_origin_tracking_depth() == 0


def run_to_the_end(main, how):
    """As `run`, with the generators that are left closed."""
    loop = uvloop.new_event_loop() if how == "uvloop" else asyncio.new_event_loop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
