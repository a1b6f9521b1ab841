"""The contract between hub and loop: operations in, completions out. Each loop that guv has keeps it to the word.

These tests write `hub.ops` and call `exchange` themselves; nothing is scheduled.
"""

from __future__ import annotations

import errno
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator

import pytest

from guv.const import READ, WRITE
from guv.hubs import wire
from guv.hubs.abc import AbstractHub

Pair = tuple[socket.socket, socket.socket]

SECOND = 1_000_000_000


@pytest.fixture
def pair(hub: AbstractHub) -> Iterator[Pair]:
    left, right = socket.socketpair()
    with left, right:
        yield left, right


@pytest.fixture(autouse=True)
def settled(hub: AbstractHub) -> None:
    """What the hub itself has to say at first (its wakeup pipe, for instance) is not of interest here."""
    exchange(hub)


def exchange(hub: AbstractHub, *ops: tuple[int, int, int], timeout: int = 0) -> list[tuple[int, int, int]]:
    """Hand over operations (kind, id, argument); completions come back as (flags, errno, id)."""
    for kind, ident, argument in ops:
        hub.ops.extend((kind | ident << 8, argument))
    words = [*hub.exchange(timeout), *hub.expired]
    hub.expired.clear()
    return [(word & 255, word >> 8 & 255, word >> 16) for word in words]


def now() -> int:
    return time.monotonic_ns()


# ---- timers ----


def test_timer_that_is_due_completes_once(hub: AbstractHub) -> None:
    assert exchange(hub, (wire.TIMER, 70, now() - 1)) == [(wire.IS_TIMER, 0, 70)]
    assert exchange(hub) == []


def test_timers_complete_in_order_of_their_deadlines(hub: AbstractHub) -> None:
    start = now() - SECOND
    ops = [(wire.TIMER, 70 + n, start + deadline) for n, deadline in enumerate((30, 10, 20, 10))]
    assert [token for _, _, token in exchange(hub, *ops)] == [71, 73, 72, 70]


def test_timer_is_never_early(hub: AbstractHub) -> None:
    deadline = now() + 3_000_000
    exchange(hub, (wire.TIMER, 70, deadline))
    while not exchange(hub, timeout=-1):
        pass
    assert now() >= deadline


def test_timer_that_is_cancelled_does_not_complete(hub: AbstractHub) -> None:
    assert exchange(hub, (wire.TIMER, 70, now() - 1), (wire.CANCEL, 70, 0)) == []


def test_timer_that_is_set_again_moves(hub: AbstractHub) -> None:
    assert exchange(hub, (wire.TIMER, 70, now() - 1), (wire.TIMER, 70, now() + 60 * SECOND)) == []
    assert exchange(hub, (wire.TIMER, 70, now() - 1)) == [(wire.IS_TIMER, 0, 70)]


def test_cancel_of_what_has_fired_changes_nothing(hub: AbstractHub) -> None:
    exchange(hub, (wire.TIMER, 70, now() - 1))
    assert exchange(hub, (wire.CANCEL, 70, 0), (wire.CANCEL, 71, 0)) == []


# ---- waiting ----


def test_exchange_with_timeout_zero_returns_at_once(hub: AbstractHub) -> None:
    exchange(hub, (wire.TIMER, 70, now() + 3600 * SECOND))
    assert exchange(hub, timeout=0) == []


def test_exchange_returns_when_its_timeout_is_over(hub: AbstractHub) -> None:
    start = now()
    assert exchange(hub, timeout=2_000_000) == []
    assert now() - start >= 1_900_000


def test_exchange_returns_when_its_timeout_is_over_though_a_timer_is_set_for_later(hub: AbstractHub) -> None:
    assert exchange(hub, (wire.TIMER, 70, now() + 3600 * SECOND), timeout=2_000_000) == []


def test_wake_ends_a_wait_from_another_thread(hub: AbstractHub) -> None:
    thread = threading.Timer(0.01, hub.wake)
    thread.start()
    exchange(hub, timeout=-1)  # or the test hangs, and fails by its time limit
    thread.join()


def test_wake_before_the_wait_ends_it(hub: AbstractHub) -> None:
    hub.wake()
    exchange(hub, timeout=-1)


# ---- descriptors ----


def test_arm_of_a_ready_descriptor_completes_each_time(hub: AbstractHub, pair: Pair) -> None:
    fd = pair[0].fileno()
    pair[1].send(b"x")
    for _ in range(3):
        assert exchange(hub, (wire.ARM, fd, READ)) == [(wire.READABLE, 0, fd)]
    assert exchange(hub) == []


def test_watch_completes_at_edges_only(hub: AbstractHub, pair: Pair) -> None:
    fd = pair[0].fileno()
    assert exchange(hub, (wire.WATCH, fd, READ)) == []
    pair[1].send(b"x")
    assert exchange(hub) == [(wire.READABLE, 0, fd)]
    assert exchange(hub) == []
    pair[1].send(b"y")
    assert exchange(hub) == [(wire.READABLE, 0, fd)]


def test_arm_adds_a_direction_to_a_watch(hub: AbstractHub, pair: Pair) -> None:
    fd = pair[0].fileno()
    exchange(hub, (wire.WATCH, fd, READ))
    assert exchange(hub, (wire.ARM, fd, WRITE)) == [(wire.WRITABLE, 0, fd)]
    pair[1].send(b"x")
    flags = [flags for flags, _, _ in exchange(hub)]
    assert flags
    assert flags[0] & wire.READABLE


def test_hang_up_is_told_and_counts_for_reading(hub: AbstractHub, pair: Pair) -> None:
    fd = pair[0].fileno()
    exchange(hub, (wire.WATCH, fd, READ))
    pair[1].close()
    flags, code, ident = exchange(hub)[0]
    assert flags & wire.READABLE
    assert flags & wire.HANGUP
    assert (code, ident) == (0, fd)


def test_error_of_a_pipe_counts_for_writing(hub: AbstractHub) -> None:
    r, w = os.pipe()
    os.close(r)
    flags, _, _ = exchange(hub, (wire.ARM, w, WRITE))[0]
    assert flags & wire.WRITABLE
    assert flags & wire.FAILED
    os.close(w)


@pytest.mark.parametrize("evtype", [READ, WRITE, READ | WRITE])
def test_regular_file_completes_at_once_with_what_was_asked_for(evtype: int, hub: AbstractHub) -> None:
    with tempfile.TemporaryFile() as file:
        fd = file.fileno()
        [(flags, code, ident)] = exchange(hub, (wire.ARM, fd, evtype))
        assert flags & evtype == evtype
        assert (code, ident) == (0, fd)


def test_arm_of_a_closed_descriptor_completes_with_ebadf(hub: AbstractHub) -> None:
    r, w = os.pipe()
    os.close(r)
    os.close(w)
    assert exchange(hub, (wire.ARM, r, READ)) == [(wire.IS_ERROR, errno.EBADF, r)]


def test_watch_of_a_closed_descriptor_is_dropped_quietly(hub: AbstractHub) -> None:
    r, w = os.pipe()
    os.close(r)
    os.close(w)
    assert exchange(hub, (wire.WATCH, r, READ)) == []


def test_forgotten_descriptor_that_stays_open_is_silent(hub: AbstractHub, pair: Pair) -> None:
    fd = pair[0].fileno()
    exchange(hub, (wire.WATCH, fd, READ))
    assert exchange(hub, (wire.FORGET, fd, 1)) == []
    pair[1].send(b"x")
    assert exchange(hub) == []


def test_number_that_is_reused_without_a_word_is_registered_anew(hub: AbstractHub) -> None:
    for _ in range(20):
        r, w = os.pipe()
        os.write(w, b"x")
        assert exchange(hub, (wire.ARM, r, READ)) == [(wire.READABLE, 0, r)]
        os.close(r)
        os.close(w)


def test_more_results_than_fit_come_with_the_next_exchanges(hub: AbstractHub) -> None:
    many = 10_000
    tokens = set()
    for start in range(0, many, 1000):
        ops = ((wire.TIMER, 1000 + n, now() - SECOND) for n in range(start, start + 1000))
        tokens.update(token for _, _, token in exchange(hub, *ops))
    while more := exchange(hub):
        tokens.update(token for _, _, token in more)
    assert tokens == set(range(1000, 1000 + many))


def test_more_operations_than_fit_are_all_carried_out(hub: AbstractHub) -> None:
    many = 10_000
    ops = ((wire.TIMER, 1000 + n, now() - SECOND) for n in range(many))
    tokens = {token for _, _, token in exchange(hub, *ops)}
    while more := exchange(hub):
        tokens.update(token for _, _, token in more)
    assert tokens == set(range(1000, 1000 + many))
