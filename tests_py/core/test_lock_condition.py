"""`guv.Condition` and `guv.Barrier`: what each of them promises by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import guv
from guv import Barrier, Condition, RLock, Semaphore
from guv.hubs.abc import AbstractHub
from guv.lock import BrokenBarrierError
from guv.testing import MockClock


@pytest.fixture(autouse=True)
def clock(hub: AbstractHub) -> Iterator[MockClock]:
    with MockClock(patch_time=False) as made:
        yield made


@pytest.mark.parametrize("lock", [None, lambda: Semaphore(1)])
def test_condition_wakesInOrder_andHoldsTheLockAgain(lock: Callable[[], Any] | None) -> None:
    condition = Condition(None if lock is None else lock())
    log: list[Any] = []

    def wait(name: int) -> None:
        with condition:
            log.append((name, condition.wait(5)))

    threads = [guv.spawn(wait, i) for i in range(4)]
    guv.gyield()
    with condition:
        condition.notify(2)
        guv.sleep(1)
        assert log == []
    guv.sleep(1)
    assert log == [(0, True), (1, True)]
    with condition:
        condition.notify_all()
    guv.joinall(threads)
    assert log[2:] == [(2, True), (3, True)]
    with condition:
        assert not condition.wait(1)
    with pytest.raises(RuntimeError, match="must be held"):
        condition.notify()


def test_condition_waiterKilledAfterItWasNotified_passesTheNotificationOn() -> None:
    condition, log = Condition(), list[int]()

    def wait(name: int) -> None:
        with condition:
            condition.wait()
            log.append(name)

    threads = [guv.spawn(wait, i) for i in range(2)]
    guv.gyield()
    with condition:
        condition.notify()
    threads[0].kill()
    threads[1].join()
    assert log == [1]


@pytest.mark.parametrize("make_lock", [RLock, lambda: Semaphore(1)])
def test_condition_waiterKilledWhileItTakesTheLockAgain_hasItAndPassesTheNotificationOn(
    make_lock: Callable[[], Any],
) -> None:
    condition, log = Condition(make_lock()), list[int]()

    def wait(name: int) -> None:
        with condition:
            condition.wait()
            log.append(name)

    threads = [guv.spawn(wait, i) for i in range(2)]
    guv.gyield()
    with condition:
        condition.notify()
        guv.gyield()
        threads[0].kill(KeyError)
        threads[0].kill()
        threads[0].kill(ValueError)
        guv.gyield()
        assert not threads[0].ready()  # it may not leave its block before it has the lock
    threads[1].join()
    assert isinstance(threads[0].exception, guv.greenthread.GreenletExit)
    assert log == [1]
    with condition:
        assert not guv.spawn(condition.acquire, False).wait()  # type: ignore[call-arg]


def test_condition_waitFor_goesByThePredicate(clock: MockClock) -> None:
    condition, state = Condition(), list[int]()

    def change() -> None:
        with condition:
            state.append(1)
            condition.notify()

    guv.spawn_after(1, change)
    guv.spawn_after(2, change)
    with condition:
        assert condition.wait_for(lambda: len(state) == 2)
        assert clock.time() == 2
        assert not condition.wait_for(lambda: len(state) == 3, timeout=3)
        assert clock.time() == 5


def test_barrier_letsAllPassTogether_orBreaks() -> None:
    barrier = Barrier(3)
    threads = [guv.spawn(barrier.wait) for _ in range(2)]
    guv.sleep(1)
    assert not threads[0].ready()
    barrier.wait()
    assert sorted(thread.wait() for thread in threads) == [0, 1]
    with pytest.raises(BrokenBarrierError):
        barrier.wait(1)
    barrier.reset()
    broken = guv.spawn(barrier.wait)
    guv.gyield()
    barrier.abort()
    with pytest.raises(BrokenBarrierError):
        broken.wait()
