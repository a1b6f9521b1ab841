"""Timeouts: nested, silent, with exceptions of one's own, by hand, and at the very moment of their expiry."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

import guv
from guv import Semaphore, Timeout, with_timeout
from guv.hubs.abc import AbstractHub
from guv.testing import MockClock


@pytest.fixture(autouse=True)
def clock(hub: AbstractHub) -> Iterator[MockClock]:
    with MockClock(patch_time=False) as made:
        yield made


def test_timeout_thatExpires_isRaisedAsItself(clock: MockClock) -> None:
    with pytest.raises(Timeout) as caught, Timeout(1) as timeout:
        guv.sleep(2)
    assert caught.value is timeout
    assert clock.time() == 1
    assert not timeout.pending
    assert str(timeout) == "1 second"


def test_timeout_ofABlockThatEndsInTime_neverFires(clock: MockClock) -> None:
    with Timeout(1) as timeout:
        guv.sleep(0.5)
        assert timeout.pending
    assert not timeout.pending
    guv.sleep(5)


def test_timeout_silent_endsItsBlockOnly() -> None:
    log = []
    with Timeout(2, False):
        with Timeout(1, False):
            guv.sleep(5)
        log.append("after the inner one")
        guv.sleep(5)
        log.append("never")
    assert log == ["after the inner one"]


def test_timeout_outer_passesASilentInnerOne() -> None:
    with pytest.raises(Timeout) as caught, Timeout(1) as outer, Timeout(2, False):
        guv.sleep(5)
    assert caught.value is outer


@pytest.mark.parametrize("exception", [KeyError, KeyError("mine")])
def test_timeout_withAnException_raisesThat(exception: Any) -> None:
    with pytest.raises(KeyError), Timeout(1, exception):
        guv.sleep(2)


def test_timeout_ofNone_neverFires() -> None:
    with Timeout(None) as timeout:
        assert not timeout.pending
        guv.sleep(1000)
    assert str(timeout) == ""


@pytest.mark.parametrize("seconds", [0, -1])
def test_timeout_ofNoTime_firesAtTheFirstWait(seconds: int, clock: MockClock) -> None:
    with pytest.raises(Timeout), Timeout(seconds):
        guv.sleep(1)
    assert clock.time() == 0


def test_timeout_byHand_isStartedCancelledAndStartedAgain(clock: MockClock) -> None:
    timeout = Timeout(1)
    assert timeout.pending
    guv.sleep(0.75)
    timeout.start()  # begins again
    guv.sleep(0.75)
    timeout.cancel()
    timeout.cancel()
    guv.sleep(3)
    timeout.start()
    with pytest.raises(Timeout) as caught:
        guv.sleep(3)
    assert caught.value is timeout
    assert clock.time() == 5.5
    guv.sleep(3)  # fires once
    timeout.start()
    timeout.close()


def test_startNew_takesATimeoutOrSeconds() -> None:
    running = Timeout(1)
    assert Timeout.start_new(running) is running
    running.cancel()
    assert Timeout.start_new(running).pending
    running.cancel()
    other = Timeout.start_new(2, False)
    assert (other.seconds, other.exception, other.pending) == (2, False, True)
    other.cancel()
    assert not Timeout.start_new(None).pending


def test_timeout_cancelledInTheTurnOfItsExpiry_doesNotFire() -> None:
    """Somebody who was woken by the same turn cancels it before the hub gets there, or it fires; never both."""
    for first in True, False:
        log: list[str] = []

        def work(log: list[str] = log) -> None:
            try:
                guv.sleep(1)
                log.append("slept")
            except Timeout:
                log.append("fired")
            guv.sleep(5)
            log.append("undisturbed")

        worker = guv.spawn(work)
        guv.gyield()
        timeout = Timeout(1)
        timeout.greenlet = worker
        canceller = guv.spawn_after(1 if first else 1.0000001, timeout.cancel)
        worker.join()
        canceller.join()
        assert len(log) == 2
        assert log[1] == "undisturbed"


def test_timeout_andHandOverInOneTurn_deliverExactlyOne(clock: MockClock) -> None:
    clock.autojump_threshold = math.inf
    semaphore, log = Semaphore(0), list[str]()

    def work() -> None:
        try:
            with Timeout(1):
                semaphore.acquire()
            log.append("permit")
        except Timeout:
            log.append("timeout")

    worker = guv.spawn(work)
    guv.gyield()
    guv.gyield()
    clock.jump(2)
    semaphore.release()
    worker.join()
    assert (log, semaphore.counter) in ((["permit"], 0), (["timeout"], 1))


def test_timeout_inAGreenletThatHasEnded_isForgotten() -> None:
    def leave_one_behind() -> None:
        Timeout(1)

    guv.spawn(leave_one_behind).wait()
    guv.sleep(2)


def test_timeout_thatFiresWhileTheGreenletRuns_comesAtItsNextWait(clock: MockClock) -> None:
    log = []
    with Timeout(1, False):
        clock.jump(5)  # a computation
        log.append("computed")
        guv.sleep(1)
        log.append("never")
    assert log == ["computed"]


def test_manyTimeouts_cancelledAndFired_leaveNoTimers(hub: AbstractHub) -> None:
    for _ in range(50):
        with Timeout(10):
            pass
        with Timeout(10):
            guv.gyield()
        with Timeout(0.001, False):
            guv.sleep(1)
    guv.gyield()
    assert not [timeout for timeout in hub.timers if isinstance(timeout, Timeout)]
    assert not [timeout for timeout in hub.fresh if timeout.deadline]


def test_withTimeout_returnsTheResult_orTheValueForTheTimeout() -> None:
    assert with_timeout(1, int, "7", base=8) == 7
    assert with_timeout(1, guv.sleep, 2, timeout_value="late") == "late"
    with pytest.raises(Timeout):
        with_timeout(1, guv.sleep, 2)
    with pytest.raises(Timeout) as caught, Timeout(1) as outer:
        with_timeout(2, guv.sleep, 3, timeout_value="not this one's")
    assert caught.value is outer


def test_timeout_copiedOrPickled_doesNotRun() -> None:
    with Timeout(3, False) as timeout:
        for twin in copy.copy(timeout), pickle.loads(pickle.dumps(timeout)):
            assert (twin.seconds, twin.exception, twin.pending) == (3, False, False)
        assert "pending" in repr(timeout)
    assert "pending" not in repr(timeout)


@pytest.mark.parametrize(
    ("timeout", "text"),
    [((2,), "2 seconds"), ((1, False), "1 second (silent)"), ((1, KeyError), "1 second (<class 'KeyError'>)")],
)
def test_timeout_asText_saysHowLongAndWhat(timeout: tuple[Any, ...], text: str) -> None:
    made = Timeout(*timeout)
    made.cancel()
    assert str(made) == text


def test_timeout_restarted_before_the_loop_heard_of_it_runs_once(hub: AbstractHub, clock: MockClock) -> None:
    timeout, other = Timeout(1), Timeout(9)  # the other one stands behind it, so the list of fresh ones keeps it
    timeout.cancel()
    timeout.start()
    guv.sleep(0.5)
    timeout.cancel()
    timeout.start()
    guv.sleep(0.9)
    assert timeout.pending
    with pytest.raises(Timeout) as caught:
        guv.sleep(0.2)
    assert caught.value is timeout
    other.cancel()
