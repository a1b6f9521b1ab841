"""`guv.tpool.ThreadPoolExecutor`, on both hubs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent import futures
from typing import Any

import pytest

import guv
from guv import tpool
from guv.hubs.abc import AbstractHub

Script = Callable[..., str]
pytestmark = pytest.mark.usefixtures("hub", "fresh_pool")


def fail(error: BaseException) -> None:
    raise error


def test_executor_map_yieldsAndKeepsOrder() -> None:
    ran: list[int] = []
    guv.spawn(ran.append, 1)
    with tpool.ThreadPoolExecutor(2, "squares") as executor:
        assert list(executor.map(lambda n: n * n, range(10))) == [n * n for n in range(10)]
        name = executor.submit(lambda: threading.current_thread().name).result()
    assert name in ("squares_0", "squares_1")
    assert ran == [1]
    assert isinstance(executor, futures.Executor)


def test_executor_future_keepsItsResultWhenAWaiterIsKilledOrTimesOut(gate: Any) -> None:
    executor = tpool.ThreadPoolExecutor(1)
    future = executor.submit(gate, "kept")
    gate.begun.wait()
    killed = guv.spawn(future.result)
    guv.gyield()
    guv.gyield()
    killed.kill()
    with pytest.raises(futures.TimeoutError):
        future.result(0.001)
    with guv.Timeout(0.001, False):
        future.result()
    waiters = [guv.spawn(future.result) for _ in range(3)]
    gate.open()
    assert [waiter.wait() for waiter in waiters] == ["kept"] * 3
    assert future.result() == "kept"


def test_executor_futureAskedOftenWithALimit_keepsNothingOfThat(gate: Any, hub: AbstractHub) -> None:
    future = tpool.ThreadPoolExecutor(1).submit(gate)
    callbacks = len(future._done_callbacks)
    for _ in range(3):
        with pytest.raises(futures.TimeoutError):
            future.result(0.001)
    assert len(future._done_callbacks) == callbacks
    refused: list[BaseException | None] = []
    hub.schedule_call_now(lambda: refused.append(_error_of(future.result)))
    guv.gyield()
    guv.gyield()
    assert isinstance(refused[0], RuntimeError)
    assert "a callback in the hub" in str(refused[0])
    gate.open()


def _error_of(call: Callable[[], object]) -> BaseException | None:
    try:
        call()
    except Exception as error:
        return error
    return None


def test_executor_exceptionCancelAndCallbacks_areAsTheStandardOnes(gate: Any, hub: AbstractHub) -> None:
    executor = tpool.ThreadPoolExecutor(1)
    held = executor.submit(gate)
    failing, cancelled = executor.submit(fail, KeyError("x")), executor.submit(int)
    called: list[Any] = []
    failing.add_done_callback(called.append)
    assert cancelled.cancel()
    gate.open()
    held.result()
    assert isinstance(failing.exception(), KeyError)
    with pytest.raises(KeyError):
        failing.result()
    with pytest.raises(futures.CancelledError):
        cancelled.result()
    executor.shutdown()
    assert called == [failing]
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(int)


def test_executor_shutdown_waitsOrCancels(gate: Any) -> None:
    executor = tpool.ThreadPoolExecutor(1)
    held, queued = executor.submit(gate, 1), executor.submit(int)
    gate.begun.wait()
    executor.shutdown(wait=False, cancel_futures=True)
    assert queued.cancelled()
    ending = guv.spawn(executor.shutdown)
    guv.gyield()
    guv.gyield()
    assert not ending.dead
    gate.open()
    ending.wait()
    assert held.result() == 1
    with guv.Timeout(20):
        while executor._pool.threads:
            guv.sleep(0.001)


def test_executor_initializer_runsOncePerThreadAndItsFailureBreaksThePool(
    gate: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[int] = []
    with tpool.ThreadPoolExecutor(1, initializer=made.append, initargs=(5,)) as executor:
        list(executor.map(int, range(5)))
    assert made == [5]
    tries: list[int] = []

    def prepare() -> None:
        tries.append(1)
        gate()
        raise KeyError("x")

    executor = tpool.ThreadPoolExecutor(1, initializer=prepare)
    pending = [executor.submit(int) for _ in range(3)]
    gate.open()
    for future in pending:
        with pytest.raises(futures.BrokenExecutor):
            future.result()
    assert tries == [1]
    with pytest.raises(futures.BrokenExecutor):
        executor.submit(int)
    assert "Exception in initializer" in caplog.text
    for wrong in ({"max_workers": 0}, {"max_workers": -1}):
        with pytest.raises(ValueError, match="greater than 0"):
            tpool.ThreadPoolExecutor(**wrong)
    with pytest.raises(TypeError, match="callable"):
        tpool.ThreadPoolExecutor(initializer=5)  # type: ignore[arg-type]


def test_executor_endOfProgram_doesWhatWasSubmitted(script: Script) -> None:
    code = """
    import guv
    from guv import tpool
    from guv._originals import time_sleep
    tpool.ThreadPoolExecutor(1).submit(lambda: (time_sleep(0.05), print("done")))
    """
    assert script(code) == "done\n"
