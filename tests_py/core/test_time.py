"""Sleeps, timeouts, timers and waits on descriptors, in the time of a `MockClock` and on both hubs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

import guv
from guv.event import Event
from guv.greenthread import GreenletExit
from guv.hubs.abc import AbstractHub
from guv.testing import MockClock

Blocked = Callable[..., None]
pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for fd in ends:
        os.close(fd)


def test_sleepers_wake_in_order_of_deadline_and_not_before(mock_clock: MockClock) -> None:
    woken: list[tuple[float, float]] = []

    def nap(seconds: float) -> None:
        guv.sleep(seconds)
        woken.append((seconds, mock_clock.time()))

    for thread in [guv.spawn(nap, seconds) for seconds in (30, 10, 20, 0, 5)]:
        thread.wait()
    assert woken == [(0, 0), (5, 5), (10, 10), (20, 20), (30, 30)]


def test_kill_of_a_ready_greenlet_does_not_shorten_its_next_wait(mock_clock: MockClock) -> None:
    log: list[object] = []

    def work() -> None:
        try:
            guv.gyield()
        except GreenletExit:
            log.append("killed")
        guv.sleep(10)
        log.append(mock_clock.time())

    thread = guv.spawn(work)
    guv.gyield()
    thread.kill()
    log.append("caller")
    thread.wait()
    assert log == ["killed", "caller", 10]


def test_timeouts_nest_and_only_the_right_one_is_silent(mock_clock: MockClock) -> None:
    with guv.Timeout(100) as outer:
        with guv.Timeout(1, False):
            guv.sleep(50)
        assert mock_clock.time() == 1
        with pytest.raises(guv.Timeout) as caught, guv.Timeout(2) as inner:
            guv.sleep(50)
        assert caught.value is inner
        assert mock_clock.time() == 3
    assert not outer.pending
    guv.sleep(200)


def test_several_waiters_on_one_descriptor_are_all_woken_in_order(pipe: tuple[int, int], all_blocked: Blocked) -> None:
    order: list[int] = []

    def wait(number: int) -> None:
        guv.trampoline(pipe[0], 1)
        order.append(number)

    threads = [guv.spawn(wait, number) for number in range(4)]
    all_blocked()
    os.write(pipe[1], b"x")
    for thread in threads:
        thread.wait()
    assert order == [0, 1, 2, 3]


@pytest.mark.parametrize("evtype", [1, 3])
def test_wait_that_times_out_raises_what_it_was_told(mock_clock: MockClock, evtype: int, pipe: tuple[int, int]) -> None:
    with pytest.raises(guv.Timeout):
        guv.trampoline(pipe[0], evtype, 10)
    with pytest.raises(KeyError, match="mine"):
        guv.trampoline(pipe[0], evtype, 20, KeyError("mine"))
    assert mock_clock.time() == 30
    os.write(pipe[1], b"x")
    assert guv.trampoline(pipe[0], evtype, 5) == 1
    assert mock_clock.time() == 30


def test_listener_is_called_at_each_readiness_until_removed(
    hub: AbstractHub, pipe: tuple[int, int], all_blocked: Blocked
) -> None:
    seen: list[bytes] = []
    listener = hub.add(1, pipe[0], lambda: seen.append(os.read(pipe[0], 1)))
    for letter in b"abc":
        os.write(pipe[1], bytes([letter]))
        all_blocked()
    hub.remove(listener)
    hub.remove(listener)
    os.write(pipe[1], b"d")
    all_blocked()
    assert seen == [b"a", b"b", b"c"]


def test_timer_can_be_cancelled_and_moves_nobody_else(hub: AbstractHub, mock_clock: MockClock) -> None:
    seen: list[str] = []
    first = hub.schedule_call_global(10, seen.append, "a")
    hub.schedule_call_global(10, seen.append, "b")
    first.cancel()
    first.cancel()
    guv.sleep(11)
    assert seen == ["b"]


def test_event_that_nobody_sends_times_out(mock_clock: MockClock) -> None:
    assert Event().wait(7) is None
    assert mock_clock.time() == 7
