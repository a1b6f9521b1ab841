"""`guv.asyncio`: coroutines that wait for greenthreads, and the other way round."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Script = Callable[..., str]

SETUP = """
        import guv; guv.monkey_patch()
        import asyncio
        from guv.asyncio import spawn_for_awaitable
        def work(x): guv.sleep(0.001); return x + 1
        async def double(x): await asyncio.sleep(0.001); return 2 * x
        def outcome(of):
            try: return of()
            except BaseException as error: return repr(error)
"""

CASES = {
    "greenThread_awaited_givesItsResultOrError": (
        """
        def fail(): raise ValueError(3)
        async def main():
            print(await guv.spawn(work, 1), await asyncio.gather(guv.spawn(work, 2), guv.spawn(work, 3)))
            ended = guv.spawn(work, 4)
            ended.join()
            print(await ended)
            await guv.spawn(fail)
        print(outcome(lambda: asyncio.run(main())))
        """,
        "2 [3, 4]\n5\nValueError(3)\n",
    ),
    "greenThread_awaitedByATaskThatIsCancelled_isKilled": (
        """
        async def main():
            thread = guv.spawn(guv.sleep, 60)
            async def waits(): await thread
            task = asyncio.ensure_future(waits())
            await asyncio.sleep(0.001)
            task.cancel()
            print(outcome(await asyncio.wait([task]) and task.cancelled), outcome(thread.get))
        asyncio.run(main())
        """,
        "True GreenletExit()\n",
    ),
    "greenThread_killedWhileAwaited_cancelsWhoAwaitsIt": (
        """
        async def main():
            thread = guv.spawn(guv.sleep, 60)
            guv.spawn_after(0.001, thread.kill)
            try: await thread
            except asyncio.CancelledError: print("cancelled")
        asyncio.run(main())
        """,
        "cancelled\n",
    ),
    "greenThread_awaitedWithoutALoop_saysSo": (
        """
        print(outcome(lambda: guv.spawn(work, 1).__await__()))
        """,
        "RuntimeError('no running event loop')\n",
    ),
    "greenThread_thatRaisesStopIteration_saysSoInTheCoroutine": (
        """
        def stop(): raise StopIteration(1)
        async def main(): await guv.spawn(stop)
        print(outcome(lambda: asyncio.run(main())))
        """,
        "RuntimeError('a greenthread raised StopIteration, which no coroutine can raise')\n",
    ),
    "awaitable_spawned_givesItsResultOrError": (
        """
        async def fail(): raise KeyError(1)
        print(spawn_for_awaitable(double(4)).wait(), outcome(spawn_for_awaitable(fail()).wait))
        """,
        "8 KeyError(1)\n",
    ),
    "awaitable_spawnedInALoopThatRuns_runsThere": (
        """
        async def which(): return asyncio.get_running_loop()
        async def main():
            loop = asyncio.get_running_loop()
            print(await spawn_for_awaitable(which(), loop) is loop)
        asyncio.run(main())
        """,
        "True\n",
    ),
    "awaitable_whoseGreenThreadIsKilled_isCancelled": (
        """
        async def waits():
            try: await asyncio.sleep(60)
            finally: print("cancelled")
        thread = spawn_for_awaitable(waits())
        guv.sleep(0.01)
        thread.kill()
        print(thread.join(10), outcome(thread.wait))
        """,
        "cancelled\nTrue GreenletExit()\n",
    ),
}


@pytest.mark.parametrize(("source", "expected"), CASES.values(), ids=CASES.keys())
def test_bridge(script: Script, source: str, expected: str) -> None:
    assert script(SETUP + source) == expected


def test_awaitable_inALoopOfANativeThread_isWaitedForWithoutThePatch(script: Script) -> None:
    out = script("""
        import asyncio, threading
        import guv
        from guv.asyncio import spawn_for_awaitable
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        asked, answer = guv.Event(), asyncio.Event()
        async def ask():
            thread_hub.call_soon_threadsafe(asked.send)
            await answer.wait()
            return "answered"
        async def ask_in_vain():
            try: await asyncio.sleep(60)
            finally: print("cancelled")
        thread_hub = guv.hubs.get_hub()
        asking = spawn_for_awaitable(ask(), loop)
        asked.wait()  # which would never come if the other greenlet blocked the thread
        loop.call_soon_threadsafe(answer.set)
        print(asking.wait())
        vain = spawn_for_awaitable(ask_in_vain(), loop)
        guv.sleep(0.01)
        vain.kill()
        loop.call_soon_threadsafe(loop.call_later, 0.01, loop.stop)
        thread.join()
        loop.close()
    """)
    assert out == "answered\ncancelled\n"
