"""Greenthreads: outcome, links, waiting for one and for many, killing, contextvars."""

from __future__ import annotations

import contextvars
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from greenlet import GreenletExit

import guv
from guv import Event, GreenThread, Semaphore, TEvent, Timeout
from guv.event import AsyncResult
from guv.hubs.abc import AbstractHub
from guv.testing import MockClock


@pytest.fixture(autouse=True)
def clock(hub: AbstractHub) -> Iterator[MockClock]:
    with MockClock(patch_time=False) as made:
        yield made


def fail(error: BaseException, after: float = 0) -> None:
    if after:
        guv.sleep(after)
    raise error


def later(seconds: float, value: Any = None) -> Any:
    guv.sleep(seconds)
    return value


# ---- outcome


def test_greenThread_thatReturned_saysSo() -> None:
    thread = guv.spawn(later, 1, 7)
    assert (thread.ready(), thread.successful(), thread.value, thread.exception, thread.started) == (
        False, False, None, None, False,
    )  # fmt: skip
    assert thread.wait() == 7
    assert (thread.ready(), thread.successful(), thread.value, thread.exception, thread.started) == (
        True, True, 7, None, True,
    )  # fmt: skip


def test_greenThread_thatFailed_keepsTheExceptionForEachWait() -> None:
    error = KeyError()
    thread = guv.spawn(fail, error)
    for _ in range(2):
        with pytest.raises(KeyError) as caught:
            thread.wait()
        assert caught.value is error
    assert (thread.ready(), thread.successful(), thread.value, thread.exception) == (True, False, None, error)


def test_join_ofAGreenThreadThatFails_raisesNothingAndTheErrorIsReported(capfd: pytest.CaptureFixture[str]) -> None:
    thread = guv.spawn(fail, KeyError("seen"))
    assert thread.join()
    assert "KeyError: 'seen'" in capfd.readouterr().err
    with pytest.raises(KeyError):
        thread.wait()


def test_wait_forAGreenThreadThatFails_keepsTheErrorFromBeingReported(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError):
        guv.spawn(fail, KeyError()).wait()
    assert capfd.readouterr().err == ""


def test_join_withATimeout_saysWhetherItHasEnded(clock: MockClock) -> None:
    thread = guv.spawn(later, 2)
    assert not thread.join(1)
    assert clock.time() == 1
    assert thread.join(5)
    assert clock.time() == 2
    assert thread.join(0)


def test_get_withoutAResultInTime_raisesTimeout() -> None:
    thread = guv.spawn(later, 2, 7)
    with pytest.raises(Timeout, match="1 second"):
        thread.get(timeout=1)
    with pytest.raises(Timeout):
        thread.get(block=False)
    assert thread.get() == 7


def test_wait_forItself_isRefused() -> None:
    def work() -> None:
        threads[0].wait()

    threads = [guv.spawn(work)]
    with pytest.raises(RuntimeError, match="for itself"):
        threads[0].wait()


def test_waiter_thatIsKilled_leavesTheGreenThreadAndOtherWaitersAlone() -> None:
    thread = guv.spawn(later, 2, 7)
    waiters = [guv.spawn(thread.wait) for _ in range(3)]
    guv.sleep(1)
    waiters[1].kill()
    assert [waiters[0].wait(), waiters[2].wait()] == [7, 7]


# ---- names


def test_name_isAShortOneUntilItIsSet() -> None:
    thread = guv.spawn(later, 1)
    assert thread.name == f"GreenThread-{thread.minimal_ident}"
    thread.name = "poller"
    assert thread.name == "poller"
    assert "'poller'" in repr(thread)


def test_minimalIdent_ofTheDead_isUsedAgain() -> None:
    first, second = guv.spawn(later, 1), guv.spawn(later, 1)
    numbers = first.minimal_ident, second.minimal_ident
    assert len(set(numbers)) == 2
    guv.joinall([first, second])
    del first, second
    gc.collect()
    third = guv.spawn(later, 1)
    assert third.minimal_ident <= max(numbers)


# ---- links


def test_link_isCalledWithItsArgumentsInOrder_andAtOnceIfItHasEnded() -> None:
    log: list[Any] = []
    thread = guv.spawn(later, 1, 7)
    thread.link(lambda t, *a, **k: log.append((t.value, a, k)), 1, two=2)
    thread.link(lambda t: log.append("second"))
    thread.wait()
    thread.link(lambda t: log.append("late"))
    assert log == [(7, (1,), {"two": 2}), "second", "late"]


def test_linkValueAndLinkException_areCalledForTheirOutcomeOnly(capfd: pytest.CaptureFixture[str]) -> None:
    log: list[str] = []
    for thread in guv.spawn(later, 1), guv.spawn(fail, KeyError(), 1):
        thread.link_value(lambda t: log.append("value"))
        thread.link_exception(lambda t: log.append("exception"))
        thread.join()
    assert log == ["value", "exception"]


def test_unlink_ofEachKind_removesOne() -> None:
    log: list[Any] = []
    thread = guv.spawn(later, 1)

    def note(ended: object, what: str = "") -> None:
        log.append(what)

    thread.link(note, "a")
    thread.link(note, "b")
    thread.link_value(note, "c")
    thread.rawlink(note)
    assert thread.unlink(note, "a")
    assert not thread.unlink(note, "a")
    assert thread.unlink(note, "c")
    assert thread.unlink(note)
    thread.wait()
    assert log == ["b"]


def test_link_thatRaises_isReportedAndStopsNoOther(capfd: pytest.CaptureFixture[str]) -> None:
    log: list[str] = []
    thread = guv.spawn(later, 1)
    thread.link(lambda t: fail(OSError("link")))
    thread.link(lambda t: log.append("called"))
    thread.wait()
    assert log == ["called"]
    assert "OSError: link" in capfd.readouterr().err


# ---- contextvars


def test_spawn_inheritsAContextOfItsOwn() -> None:
    variable = contextvars.ContextVar("variable", default=0)
    variable.set(1)

    def work() -> int:
        seen = variable.get()
        variable.set(2)
        return seen

    threads = guv.spawn(work), guv.spawn_after(1, work)
    variable.set(3)
    assert [thread.wait() for thread in threads] == [1, 1]
    assert variable.get() == 3


# ---- killing


def test_kill_beforeTheStart_runsNothingAndFiresLinks() -> None:
    log: list[Any] = []
    for args, kind in ((), GreenletExit), ((KeyError,), KeyError), ((KeyError("x"),), KeyError):
        thread: GreenThread[Any] = guv.spawn(log.append, "ran")
        thread.link(lambda t: log.append(type(t.exception)))
        thread.kill(*args)
        with pytest.raises(kind):
            thread.wait()
    assert log == [GreenletExit, KeyError, KeyError]


def test_kill_ofTheDead_doesNothing() -> None:
    thread = guv.spawn(later, 0, 7)
    thread.wait()
    thread.kill()
    assert thread.value == 7


def test_kill_ofItself_raises() -> None:
    def work() -> None:
        guv.kill(guv.greenthread.getcurrent(), KeyError("me"))

    with pytest.raises(KeyError):
        guv.spawn(work).wait()


def test_cancel_ofOneThatHasStarted_doesNothing() -> None:
    started, delayed = guv.spawn(later, 2, 1), guv.spawn_after(1, later, 1, 2)
    guv.gyield()
    started.cancel()
    delayed.cancel()
    assert started.wait() == 1
    assert isinstance(delayed.exception, GreenletExit)


def test_killall_endsStartedAndUnstarted_andWaitsForThem(clock: MockClock) -> None:
    def stubborn() -> None:
        try:
            guv.sleep(60)
        except GreenletExit:
            guv.sleep(3)

    started = [guv.spawn(stubborn), guv.spawn(later, 60)]
    guv.gyield()
    unstarted = guv.spawn(later, 60)
    assert not guv.killall([*started, unstarted], timeout=1)
    assert clock.time() == 1
    assert guv.wait(started) == [started[1], started[0]]
    assert clock.time() == 3
    assert guv.killall(started)
    assert isinstance(unstarted.exception, GreenletExit)


def test_killall_withoutBlock_neverYields() -> None:
    from guv.testing import assert_no_switches

    threads = [guv.spawn(later, 60) for _ in range(3)]
    guv.gyield()
    with assert_no_switches():
        assert not guv.killall(threads, block=False)
    assert len(guv.wait(threads)) == 3


# ---- many


def test_wait_forAMix_returnsThoseThatAreReadyInThatOrder(clock: MockClock) -> None:
    event: Event[int] = Event()
    result: AsyncResult[int] = AsyncResult()
    flag, semaphore = TEvent(), Semaphore(0)
    thread = guv.spawn(later, 3)
    guv.spawn_after(1, semaphore.release)
    guv.spawn_after(2, result.set, 1)
    guv.spawn_after(4, event.send)
    flag.set()
    things: list[Any] = [event, result, flag, semaphore, thread]
    assert guv.wait(things, timeout=3.5) == [flag, semaphore, result, thread]
    assert clock.time() == 3.5
    assert guv.wait(things, count=2) == [result, flag]
    assert set(guv.wait(things)) == set(things)
    assert semaphore.counter == 1


def test_iwait_givesEachOnceAsItBecomesReady() -> None:
    threads = [guv.spawn(later, seconds, seconds) for seconds in (3, 1, 2)]
    assert [thread.value for thread in guv.iwait([*threads, threads[0]])] == [1, 2, 3]


def test_iwait_thatIsGivenUp_leavesNoLinks() -> None:
    threads = [guv.spawn(later, seconds) for seconds in (1, 2)]
    for _ in guv.iwait(threads):
        break
    gc.collect()
    assert threads[1]._links is None


def test_wait_withNothingOrNoTime_returnsWhatIsReady() -> None:
    done = guv.spawn(later, 0)
    done.wait()
    assert guv.wait([]) == []
    assert guv.wait([guv.spawn(later, 1), done], timeout=0) == [done]


def test_joinall_returnsAll_orThoseThatEndedInTime() -> None:
    threads = [guv.spawn(later, seconds) for seconds in (1, 2, 3)]
    assert guv.joinall(threads, timeout=2.5) == threads[:2]
    assert guv.joinall(threads) == threads
    assert guv.joinall(threads, count=1) == threads[:1]


def test_joinall_withRaiseError_raisesTheFirstFailureAsSoonAsItHappens(
    clock: MockClock, capfd: pytest.CaptureFixture[str]
) -> None:
    threads = [guv.spawn(later, 60), guv.spawn(fail, KeyError(), 1)]
    with pytest.raises(KeyError):
        guv.joinall(threads, raise_error=True)
    assert clock.time() == 1
    assert capfd.readouterr().err == ""
    threads[0].kill()
    assert guv.joinall(threads[:1], raise_error=True) == threads[:1]  # a kill is no failure


def test_joinall_withRaiseError_leavesLaterFailuresToTheReport(capfd: pytest.CaptureFixture[str]) -> None:
    late = guv.spawn(fail, ZeroDivisionError("late"), 60)
    with pytest.raises(KeyError):
        guv.joinall([guv.spawn(fail, KeyError(), 1), late], raise_error=True)
    assert guv.joinall([late], timeout=1, raise_error=True) == []
    assert capfd.readouterr().err == ""
    guv.sleep(60)
    assert "ZeroDivisionError: late" in capfd.readouterr().err


def test_joinall_ofEventsToo_waitsForThem() -> None:
    event: Event[None] = Event()
    guv.spawn_after(1, event.send)
    things: list[Any] = [guv.spawn(later, 2), event]
    assert guv.joinall(things) == things
