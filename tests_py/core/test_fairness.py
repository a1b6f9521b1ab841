"""Looks without waiting: one switches to nobody, those that make a turn of the loop long let the others run."""

from __future__ import annotations

import gc
import threading

import pytest

import guv
from guv.hubs import fairness
from guv.hubs.current import current_hub
from guv.hubs.fairness import FAIR, be_fair

pytestmark = pytest.mark.usefixtures("hub")


class Clock:
    """What `be_fair` takes for the time."""

    def __init__(self) -> None:
        self.now = 1

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(fairness, "monotonic_ns", made)
    return made


@pytest.fixture
def ran() -> list[str]:
    """What a greenlet that is ready all the time has noted."""
    guv.gyield()
    log: list[str] = []
    guv.spawn(log.append, "other")
    return log


def test_looks_within_the_time_that_is_fair_do_not_yield(clock: Clock, ran: list[str]) -> None:
    for _ in range(1000):
        be_fair()
    clock.now += FAIR
    be_fair()
    assert not ran


def test_look_after_a_long_turn_with_another_look_yields(clock: Clock, ran: list[str]) -> None:
    be_fair()
    clock.now += FAIR + 1
    be_fair()
    assert ran == ["other"]


def test_single_look_after_a_long_turn_does_not_yield(clock: Clock, ran: list[str]) -> None:
    clock.now += 1000 * FAIR
    be_fair()
    assert not ran


def test_look_of_a_finalizer_that_the_collector_runs_does_not_yield(clock: Clock, ran: list[str]) -> None:
    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            be_fair()
            seen.append(len(ran))

    seen: list[int] = []
    be_fair()
    clock.now += FAIR + 1
    Cycle()
    gc.collect()
    assert seen == [0]
    be_fair()
    assert ran == ["other"]


def test_look_in_a_later_turn_does_not_yield(clock: Clock) -> None:
    be_fair()
    guv.gyield()
    log: list[str] = []
    guv.spawn(log.append, "other")
    clock.now += FAIR + 1
    be_fair()
    assert not log


def test_looks_in_the_hub_never_yield(clock: Clock) -> None:
    log: list[str] = []

    def call() -> None:
        for _ in range(3):
            be_fair()
            clock.now += FAIR + 1
        log.append("call")

    guv.hubs.get_hub().schedule_call_now(call)
    guv.gyield()
    guv.gyield()
    assert log == ["call"]


def test_looks_in_a_thread_without_a_hub_make_none() -> None:
    hubs: list[object] = []

    def look() -> None:
        be_fair()
        hubs.append(current_hub())

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert hubs == [None]
