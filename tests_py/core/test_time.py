"""Sleeps, timeouts, timers and waits on descriptors, in the time of a `MockClock` and on both hubs."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator

import pytest

import guv
from guv import tpool
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


LONG_WAITS: dict[str, Callable[[float, int], object]] = {
    "sleep": lambda seconds, fd: guv.sleep(seconds),
    "Timeout": lambda seconds, fd: (guv.Timeout(seconds), Event().wait()),
    "spawn_after": lambda seconds, fd: guv.spawn_after(seconds, int).wait(),
    "trampoline": lambda seconds, fd: guv.trampoline(fd, 1, seconds),
    "trampoline, both": lambda seconds, fd: guv.trampoline(fd, 3, seconds),
    "Event.wait": lambda seconds, fd: Event().wait(seconds),
    "wait": lambda seconds, fd: guv.wait([Event()], seconds),
    "Future.result": lambda seconds, fd: tpool.Future[None]().result(seconds),
}


@pytest.mark.parametrize("seconds", [3e6, 1e10, 1e300, math.inf])
@pytest.mark.parametrize("wait", LONG_WAITS.values(), ids=LONG_WAITS)
def test_wait_of_years_goes_on_and_loses_no_operation_of_others(
    wait: Callable[[float, int], object], seconds: float, pipe: tuple[int, int], all_blocked: Blocked
) -> None:
    silent, other_end = os.pipe()
    waiting = guv.spawn(wait, seconds, silent)
    reading = guv.spawn(guv.trampoline, pipe[0], 1)
    all_blocked()
    guv.spawn(os.write, pipe[1], b"x")
    assert reading.wait() == 1
    assert not waiting.ready()
    waiting.kill()
    os.close(silent)
    os.close(other_end)


@pytest.mark.parametrize("make", [guv.sleep, guv.Timeout, lambda seconds: guv.spawn_after(seconds, int)])
def test_wait_of_nan_seconds_is_refused(make: Callable[[float], object]) -> None:
    with pytest.raises(ValueError, match="nan"):
        make(math.nan)


@pytest.mark.parametrize("seconds", [-1, -1e10, -math.inf])
def test_wait_until_a_time_long_past_ends_at_once(seconds: float, mock_clock: MockClock) -> None:
    guv.sleep(seconds)
    assert guv.spawn_after(seconds, int).wait() == 0
    with guv.Timeout(seconds, False):
        guv.sleep(1)
    assert mock_clock.time() == 0


def test_mock_clock_does_not_jump_to_the_end_of_an_endless_sleep(mock_clock: MockClock) -> None:
    endless = guv.spawn(guv.sleep, math.inf)
    guv.sleep(3e9)
    assert mock_clock.time() == 3e9
    assert not endless.join(5)
    endless.kill()
