"""`MockClock` and `wait_all_blocked`, on both hubs."""

from __future__ import annotations

import math
import os
import queue
import time
from collections.abc import Callable
from typing import Any

import pytest

import guv
from guv import debug, tpool
from guv._originals import monotonic_ns as real_ns
from guv._originals import start_new_thread, time_sleep
from guv.hubs import get_hub
from guv.hubs.abc import AbstractHub
from guv.testing import MockClock, wait_all_blocked

pytestmark = pytest.mark.usefixtures("hub")


def test_clock_leftBlock_leavesNothingBehind(hub: AbstractHub) -> None:
    kind, clock = type(hub), time.monotonic
    with MockClock():
        assert time.monotonic is not clock
        assert isinstance(hub, kind)
        assert guv.greenthread.monotonic_ns is not real_ns  # type: ignore[attr-defined]
    assert type(hub) is kind
    assert time.monotonic is clock
    assert guv.greenthread.monotonic_ns is real_ns  # type: ignore[attr-defined]


def test_clock_standardClocks_goByItWhereverTheyWereImported() -> None:
    before = time.time(), time.monotonic()
    with MockClock() as clock:
        began = time.time(), time.monotonic(), time.perf_counter(), time.time_ns(), time.monotonic_ns()
        guv.sleep(1000)
        assert time.time() - began[0] == pytest.approx(1000)
        assert time.monotonic() - began[1] == pytest.approx(1000)
        assert time.perf_counter() - began[2] == pytest.approx(1000)
        assert time.time_ns() - began[3] == time.monotonic_ns() - began[4] == 1000 * 10**9
        assert clock.time() == 1000
        with pytest.raises(queue.Empty):  # has `from time import monotonic as time`, and is not patched here
            queue.Queue().get(timeout=0)
    assert began[0] - before[0] < 60 > time.time() - before[0]
    assert time.monotonic() - before[1] < 60


def test_clock_moduleImportedMeanwhile_goesByItUntilTheEnd(script: Callable[..., str]) -> None:
    out = script("""
        import guv
        from guv.testing import MockClock
        with MockClock() as clock:
            clock.jump(1000)
            from guv.lock import Condition
            condition = Condition()
            with condition:
                condition.wait_for(lambda: False, timeout=5)
            print(clock.time())
        import guv._originals, guv.lock
        print(guv.lock.monotonic_ns is guv._originals.monotonic_ns, guv.lock.monotonic_ns.__module__)
    """)
    assert out == "1005.0\nTrue time\n"


def test_clock_patchTimeFalse_leavesTheStandardClocksAlone() -> None:
    real = time.monotonic
    with MockClock(patch_time=False) as clock:
        assert time.monotonic is real
        guv.sleep(100)
        assert clock.time() == 100


def test_clock_otherThreads_haveTheRealTime() -> None:
    with MockClock() as clock:
        clock.jump(10**6)
        there = tpool.execute(time.monotonic_ns)
        assert abs(there - real_ns()) < 60 * 10**9
        assert time.monotonic_ns() > there + 10**14


def test_clock_withoutAutojump_waitsForJumps() -> None:
    with MockClock(autojump_threshold=math.inf) as clock:
        sleeper = guv.spawn(guv.sleep, 10)
        wait_all_blocked(0.01)
        assert clock.time() == 0
        clock.jump(9.5)
        wait_all_blocked()
        assert not sleeper.dead
        clock.jump(0.5)
        wait_all_blocked()
        assert sleeper.dead


def test_clock_withARate_runsByItself() -> None:
    with MockClock(rate=10**5, autojump_threshold=math.inf) as clock:
        guv.sleep(1000)  # 10 ms
        assert clock.time() >= 1000
        clock.rate = 0
        stands = clock.time()
        time_sleep(0.001)
        assert clock.time() == stands


def test_clock_descriptorReady_comesBeforeTheJump() -> None:
    read, write = os.pipe()
    with MockClock() as clock:
        guv.spawn_after(7, os.write, write, b"x")
        assert guv.trampoline(read, 1, 100) == 1
        assert clock.time() == 7
        guv.sleep(200)
        assert clock.time() == 207
    os.close(read)
    os.close(write)


def test_clock_nativeThreadAtWork_doesNotJump() -> None:
    with MockClock() as clock, guv.Timeout(10):
        assert tpool.execute(lambda: time_sleep(0.02) or "done") == "done"
        assert clock.time() == 0


def test_clock_nativeThreadOfOthers_isWaitedForAsLongAsTheThreshold(hub: AbstractHub) -> None:
    with MockClock(autojump_threshold=60) as clock, guv.Timeout(10):
        from guv.event import Event

        event = Event()
        start_new_thread(lambda: (time_sleep(0.02), hub.call_soon_threadsafe(event.send, 1)), ())
        assert event.wait() == 1
        assert clock.time() == 0


def test_clock_timersFromBeforeAndAfter_keepTheirDistance() -> None:
    early, late = guv.spawn(guv.sleep, 50), guv.spawn(guv.sleep, 10**6)
    wait_all_blocked()
    timeout = guv.Timeout(100)
    with MockClock() as clock:
        early.wait()
        assert 0 < clock.time() <= 50
        brief = guv.spawn(guv.sleep, 0.01)
        wait_all_blocked()
    brief.wait()  # in real time again
    assert timeout.pending
    assert not late.dead
    timeout.cancel()
    late.kill()


def test_clock_everybodyWaitsForEver_isADeadlockAtOnce() -> None:
    from guv.event import Event

    debug.deadlock_detection(True)  # pytest-timeout has a signal handler, which might help
    try:
        with MockClock(), pytest.raises(guv.exceptions.DeadlockError):
            Event().wait()
    finally:
        debug.deadlock_detection(None)


def test_clock_greenletThatNeverBlocks_doesNotStopOthersIo() -> None:
    read, write = os.pipe()
    done: list[int] = []

    def spin() -> None:
        while not done:
            guv.gyield()

    with MockClock():
        guv.spawn(spin)
        os.write(write, b"x")
        done.append(guv.trampoline(read, 1))
    os.close(read)
    os.close(write)


def test_clock_manyTimersAtOnce_allFireInOrder() -> None:
    woken: list[int] = []

    def nap(n: int) -> None:
        guv.sleep(n)
        woken.append(n)

    with MockClock():
        threads = [guv.spawn(nap, n % 977) for n in range(5000)]
        for thread in threads:
            thread.wait()
    assert woken == sorted(n % 977 for n in range(5000))


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: MockClock(rate=-1), "can't run at the rate -1"),
        (lambda: MockClock(autojump_threshold=-1), "from 0 to math.inf"),
        (lambda: MockClock().jump(-1), "time can't go back"),
    ],
)
def test_clock_wrongArguments_areRefused(wrong: Callable[[], Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        wrong()


def test_clock_enteredTwiceOrNested_isRefused() -> None:
    with MockClock() as clock:
        with pytest.raises(RuntimeError, match="in force already"):
            clock.__enter__()
        with pytest.raises(RuntimeError, match="don't nest"):
            MockClock().__enter__()
        guv.sleep(1)
        assert clock.time() == 1
    with clock:
        assert clock.time() == 0


def test_waitAllBlocked_chainOfWakeups_isFollowedToItsEnd() -> None:
    log: list[int] = []

    def step(n: int) -> None:
        guv.gyield()
        log.append(n)
        if n:
            guv.spawn(step, n - 1)
        else:
            get_hub().schedule_call_now(log.append, -1)

    guv.spawn(step, 5)
    wait_all_blocked()
    assert log == [5, 4, 3, 2, 1, 0, -1]


def test_waitAllBlocked_dataInSocket_isDelivered() -> None:
    read, write = os.pipe()
    got: list[bytes] = []

    def reader() -> None:
        while True:
            guv.trampoline(read, 1)
            got.append(os.read(read, 1))

    thread = guv.spawn(reader)
    wait_all_blocked()
    os.write(write, b"abc")
    wait_all_blocked()
    assert got == [b"a", b"b", b"c"]
    thread.kill()
    os.close(read)
    os.close(write)


def test_waitAllBlocked_severalAtOnce_allReturn() -> None:
    threads = [guv.spawn(wait_all_blocked) for _ in range(3)]
    for thread in threads:
        thread.wait()


def test_waitAllBlocked_cushion_waitsForWhatComesMeanwhile(hub: AbstractHub) -> None:
    log: list[int] = []
    start_new_thread(lambda: (time_sleep(0.01), hub.call_soon_threadsafe(log.append, 1)), ())
    while not log:  # a cushion that suits no machine would make this a guess
        wait_all_blocked(0.02)
    assert log == [1]
