"""`trampoline` and `gyield`: what support modules are built on."""

from __future__ import annotations

import errno
import os
import select
import socket
import sys
import tempfile
from collections.abc import Iterator

import pytest
from greenlet import GreenletExit, getcurrent

import guv
from guv.const import READ, WRITE
from guv.hubs.abc import AbstractHub

pytestmark = pytest.mark.usefixtures("any_hub")

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    left, right = socket.socketpair()
    with left, right:
        yield left, right


def waited_for(hub: AbstractHub, sock: socket.socket) -> bool:
    return any(sock.fileno() in waiting for waiting in hub.listeners.values())


# ---- arguments ----


@pytest.mark.parametrize("evtype", [0, -1, 4, READ | WRITE | 4])
def test_trampoline_with_an_unknown_evtype_is_refused(evtype: int, pair: Pair) -> None:
    with pytest.raises(ValueError, match="evtype must be READ, WRITE or"):
        guv.trampoline(pair[0], evtype)


def test_trampoline_with_a_closed_object_is_refused(pair: Pair) -> None:
    pair[0].close()
    with pytest.raises(ValueError, match="open descriptor, not -1"):
        guv.trampoline(pair[0], READ)


def test_trampoline_with_something_without_fileno_is_an_error() -> None:
    with pytest.raises(AttributeError):
        guv.trampoline("7", READ)  # type: ignore[arg-type]


def test_trampoline_takes_whatever_has_a_fileno(pair: Pair) -> None:
    class Connection:
        def fileno(self) -> int:
            return pair[0].fileno()

    assert guv.trampoline(Connection(), WRITE) == WRITE


# ---- what it returns ----


def test_trampoline_for_both_returns_what_there_is(pair: Pair) -> None:
    left, right = pair
    assert guv.trampoline(left, READ | WRITE) == WRITE
    right.send(b"x")
    assert guv.trampoline(left, READ | WRITE) == READ | WRITE


def test_trampoline_for_both_with_a_full_buffer_waits_for_input(pair: Pair) -> None:
    left, right = pair
    left.setblocking(False)
    try:
        while True:
            left.send(b"x" * 65536)
    except BlockingIOError:
        pass
    guv.spawn_after(0.005, right.send, b"x")
    assert guv.trampoline(left, READ | WRITE) == READ


def test_hang_up_counts_as_readable(pair: Pair) -> None:
    guv.spawn_after(0.002, pair[1].close)
    assert guv.trampoline(pair[0], READ) == READ
    assert pair[0].recv(1) == b""


def test_write_to_a_pipe_without_a_reader_counts_as_ready() -> None:
    r, w = os.pipe()
    os.close(r)
    assert guv.trampoline(w, WRITE) == WRITE
    with pytest.raises(BrokenPipeError):
        os.write(w, b"x")
    os.close(w)


@pytest.mark.parametrize("evtype", [READ, WRITE, READ | WRITE])
def test_regular_file_is_always_ready(evtype: int) -> None:
    with tempfile.TemporaryFile() as file:
        assert guv.trampoline(file, evtype) == evtype


def test_epoll_object_can_be_waited_for(pair: Pair) -> None:
    with select.epoll() as inner:
        inner.register(pair[0], select.EPOLLIN)
        guv.spawn_after(0.002, pair[1].send, b"x")
        assert guv.trampoline(inner, READ) == READ
        assert inner.poll(0) == [(pair[0].fileno(), select.EPOLLIN)]


def test_descriptor_that_is_not_open_raises_ebadf() -> None:
    r, w = os.pipe()
    os.close(r)
    os.close(w)
    with pytest.raises(OSError) as caught:
        guv.trampoline(r, READ)
    assert caught.value.errno == errno.EBADF


def test_ready_descriptor_lets_the_others_run_all_the_same(pair: Pair) -> None:
    order: list[str] = []
    guv.spawn(order.append, "other")
    guv.trampoline(pair[0], WRITE)
    assert order == ["other"]


# ---- timeouts ----


class TooLate(Exception):
    pass


INSTANCE = KeyError("this very one")


def test_timeout_by_default_raises_timeout(pair: Pair) -> None:
    with pytest.raises(guv.Timeout):
        guv.trampoline(pair[0], READ, 0.002)


def test_timeout_raises_the_class_it_was_given(pair: Pair) -> None:
    with pytest.raises(TooLate):
        guv.trampoline(pair[0], READ, 0.002, TooLate)


def test_timeout_raises_the_instance_it_was_given(pair: Pair) -> None:
    with pytest.raises(KeyError) as caught:
        guv.trampoline(pair[0], READ, 0.002, INSTANCE)
    assert caught.value is INSTANCE


def test_timeout_of_zero_raises_if_nothing_is_there(pair: Pair) -> None:
    with pytest.raises(TooLate):
        guv.trampoline(pair[0], READ, 0, TooLate)


def test_timeout_that_is_not_reached_leaves_no_timer(any_hub: AbstractHub, pair: Pair) -> None:
    for _ in range(10):
        guv.trampoline(pair[0], WRITE, 60)
    assert [timer for timer in any_hub.timers if timer is not None] == []


def test_timeout_later_waits_share_one_timer(any_hub: AbstractHub, pair: Pair) -> None:
    left, right = pair
    for _ in range(5):
        right.send(b"x")
        assert guv.trampoline(left, READ, 30) == READ
        left.recv(1)
    assert any_hub.statistics().timers == 1
    with pytest.raises(guv.Timeout):
        guv.trampoline(left, READ, 0.001)  # the limit may come nearer
    any_hub.forget(left.fileno(), stays_open=True)
    assert any_hub.statistics().timers == 0


def test_timeout_of_the_one_before_is_not_that_of_the_next(any_hub: AbstractHub, pair: Pair) -> None:
    left, right = pair
    with pytest.raises(guv.Timeout):
        guv.trampoline(left, READ, 0.001)
    guv.spawn_after(0.005, right.send, b"x")
    assert guv.trampoline(left, READ, 30) == READ


def test_timeout_for_both_directions_leaves_no_waiter(any_hub: AbstractHub, pair: Pair) -> None:
    left, _ = pair
    left.setblocking(False)
    try:
        while True:
            left.send(b"x" * 65536)
    except BlockingIOError:
        pass
    with pytest.raises(TooLate):
        guv.trampoline(left, READ | WRITE, 0.002, TooLate)
    assert not waited_for(any_hub, left)


# ---- several who wait ----


def test_one_of_several_that_times_out_leaves_the_others_waiting(pair: Pair) -> None:
    def wait(timeout: float) -> str:
        try:
            guv.trampoline(pair[0], READ, timeout, TooLate)
        except TooLate:
            return "too late"
        return "ready"

    waiting = [guv.spawn(wait, timeout) for timeout in (60, 0.002, 60)]
    assert waiting[1].wait() == "too late"
    pair[1].send(b"x")
    assert [one.wait() for one in waiting] == ["ready", "too late", "ready"]


def test_one_of_several_that_is_killed_leaves_the_others_waiting(pair: Pair) -> None:
    waiting = [guv.spawn(guv.trampoline, pair[0], READ) for _ in range(3)]
    guv.gyield()
    waiting[0].kill()
    pair[1].send(b"x")
    assert [one.wait() for one in waiting[1:]] == [READ, READ]


def test_several_are_woken_in_the_order_of_their_arrival(pair: Pair) -> None:
    order: list[int] = []

    def wait(n: int) -> None:
        guv.trampoline(pair[0], READ)
        order.append(n)

    waiting = [guv.spawn(wait, n) for n in range(5)]
    guv.gyield()
    pair[1].send(b"x")
    for one in waiting:
        one.wait()
    assert order == [0, 1, 2, 3, 4]


def test_reader_and_writer_wait_on_one_descriptor_apart(pair: Pair) -> None:
    left, right = pair
    reader = guv.spawn(guv.trampoline, left, READ)
    writer = guv.spawn(guv.trampoline, left, WRITE)
    assert writer.wait() == WRITE
    right.send(b"x")
    assert reader.wait() == READ


# ---- numbers that are used again ----


def test_closed_without_a_word_and_reused_number_works_for_its_new_owner() -> None:
    for _ in range(50):
        r, w = os.pipe()
        waiting = guv.spawn(guv.trampoline, r, READ)
        guv.gyield()
        os.write(w, b"x")
        assert waiting.wait() == READ
        os.close(r)  # the hub is not told
        os.close(w)


def test_forgotten_number_wakes_the_old_waiter_and_not_the_new_one(any_hub: AbstractHub) -> None:
    r, w = os.pipe()
    old = guv.spawn(guv.trampoline, r, READ)
    guv.gyield()
    any_hub.forget(r)
    os.close(r)
    again, w2 = os.pipe()
    assert again == r
    new = guv.spawn(guv.trampoline, again, READ)
    with pytest.raises(OSError) as caught:
        old.wait()
    assert caught.value.errno == errno.EBADF
    os.write(w2, b"x")
    assert new.wait() == READ
    for fd in (w, again, w2):
        os.close(fd)


# ---- other ways to be resumed ----


def test_kill_while_waiting_does_not_shorten_the_next_wait(pair: Pair) -> None:
    log: list[object] = []

    def wait() -> None:
        try:
            guv.trampoline(pair[0], READ)
        except GreenletExit:
            log.append("killed")
        log.append(guv.trampoline(pair[0], READ))

    waiting = guv.spawn(wait)
    guv.gyield()
    pair[1].send(b"x")  # an event and a kill in one turn
    waiting.kill()
    waiting.wait()
    assert log == ["killed", READ]


def test_foreign_switch_does_not_end_the_wait(pair: Pair) -> None:
    waiting = guv.spawn(guv.trampoline, pair[0], READ)
    guv.gyield()
    current = getcurrent()
    guv.hubs.get_hub().ready.append(current)
    waiting.switch()  # somebody who is not the hub
    assert not waiting.dead
    pair[1].send(b"x")
    assert waiting.wait() == READ


def test_timeout_around_the_wait_takes_the_waiter_away(any_hub: AbstractHub, pair: Pair) -> None:
    with guv.Timeout(0.002, False):
        guv.trampoline(pair[0], READ)
    assert not waited_for(any_hub, pair[0])


# ---- gyield ----


def test_gyield_comes_back_after_everyone_else_has_run_once() -> None:
    order: list[str] = []

    def work(name: str) -> None:
        for turn in range(2):
            order.append(f"{name}{turn}")
            guv.gyield()

    working = [guv.spawn(work, name) for name in "ab"]
    guv.gyield()
    order.append("main")
    for one in working:
        one.wait()
    assert order == ["a0", "b0", "main", "a1", "b1"]


def test_gyield_lets_descriptors_be_served(pair: Pair) -> None:
    pair[1].send(b"x")
    waiting = guv.spawn(guv.trampoline, pair[0], READ)
    for _ in range(1_000_000):
        if waiting.dead:
            break
        guv.gyield()
    assert waiting.dead


def test_gyield_without_switch_back_is_resumed_by_whoever_switches() -> None:
    log: list[object] = []

    def sleeper() -> None:
        guv.gyield(switch_back=False)
        log.append("resumed")

    sleeping = guv.spawn(sleeper)
    for _ in range(5):
        guv.gyield()
    assert log == []
    guv.hubs.get_hub().ready.append(sleeping)
    sleeping.wait()
    assert log == ["resumed"]


def test_waiting_greenlet_is_not_collected(pair: Pair) -> None:
    import gc

    log: list[int] = []
    guv.spawn_n(lambda: log.append(guv.trampoline(pair[0], READ)))
    guv.gyield()
    gc.collect()
    pair[1].send(b"x")
    guv.sleep(0.005)
    assert log == [READ]


def test_main_of_python_can_wait_without_anything_spawned() -> None:
    with open(sys.executable, "rb") as file:
        assert guv.trampoline(file, READ) == READ
