"""`select`, `poll`, `epoll` and every selector: what they report, when, and what they make of wrong arguments."""

from __future__ import annotations

import errno
import inspect
import os
import select
import selectors
import socket
import time

import pytest

from conftest import only_patched

LEVEL, EDGE = select.EPOLLIN, select.EPOLLIN | select.EPOLLET


@pytest.fixture
def pipe():
    read, write = os.pipe()
    yield read, write
    for fd in read, write:
        try:
            os.close(fd)
        except OSError:
            pass


# ---- select


def test_select_waits_until_something_is_ready(pair, blocked):
    a, b = pair
    waiting = blocked(select.select, [a], [], [])
    b.send(b"x")
    assert waiting.result() == ([a], [], [])


def test_select_reports_all_that_is_ready(pair, pipe, blocked):
    a, b = pair
    read, write = pipe
    b.send(b"x")
    os.write(write, b"y")
    assert select.select([a, b, read], [a, write], [a, read]) == ([a, read], [a, write], [])
    a.recv(1)
    os.read(read, 1)
    waiting = blocked(select.select, (read, a), (), (), 10)
    os.write(write, b"z")
    assert waiting.result() == ([read], [], [])


def test_select_gives_up_when_time_is_over(pair):
    a, _ = pair
    assert select.select([a], [], [], 0.01) == ([], [], [])
    assert select.select([a], [], [], 0) == ([], [], [])
    assert select.select([], [], [], 0.01) == ([], [], [])


def test_select_reports_urgent_data_and_the_peers_end(tcp, blocked):
    a, b = tcp
    waiting = blocked(select.select, [], [], [a])
    b.send(b"!", socket.MSG_OOB)
    assert waiting.result() == ([], [], [a])
    assert a.recv(1, socket.MSG_OOB) == b"!"
    waiting = blocked(select.select, [a], [], [])
    b.close()
    assert waiting.result() == ([a], [], [])


def test_select_reports_room_for_output(pair, blocked):
    a, b = pair
    a.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            a.send(bytes(65536))
    waiting = blocked(select.select, [], [a], [])
    b.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            b.recv(65536)
    assert waiting.result() == ([], [a], [])


def test_select_refuses_what_is_wrong(pair):
    a, _ = pair
    for args, error in (
        (([a], [], [], -1), ValueError), (([a], [], [], "1"), TypeError), (([a], [], [], float("nan")), ValueError),
        ((1, [], []), TypeError), (([object()], [], []), TypeError), (([-1], [], []), ValueError),
        (([100000], [], []), ValueError), (([a], [], [], 1e300), OverflowError), (([a],), TypeError),
    ):  # fmt: skip
        with pytest.raises(error):
            select.select(*args)
    fd = os.dup(a.fileno())
    os.close(fd)
    with pytest.raises(OSError) as caught:
        select.select([fd], [], [], 1)
    assert caught.value.errno == errno.EBADF


def test_selects_of_several_threads_share_descriptors(pair, blocked):
    a, b = pair
    waiting = [blocked(select.select, [a], [], []) for _ in range(3)]
    b.send(b"x")
    assert [each.result() for each in waiting] == [([a], [], [])] * 3


def test_thread_that_polls_all_the_time_lets_others_run(pair, task):
    a, _ = pair
    done = []

    def spin():
        while not done:
            assert select.select([], [a], [], 1)[1] == [a]

    spinning = task(spin)
    time.sleep(0.01)
    done.append(True)
    spinning.result()


# ---- poll


def test_poll_waits_until_something_is_ready(pair, pipe, blocked):
    a, b = pair
    read, write = pipe
    poll = select.poll()
    poll.register(a, select.POLLIN)
    poll.register(read, select.POLLIN)
    assert poll.poll(10) == poll.poll(0) == []
    waiting = blocked(poll.poll)
    os.write(write, b"x")
    assert waiting.result() == [(read, select.POLLIN)]
    b.close()
    assert poll.poll(5000) == [(a.fileno(), select.POLLIN | select.POLLHUP), (read, select.POLLIN)]
    poll.unregister(read)
    poll.modify(a, 0)
    assert poll.poll(-1) == [(a.fileno(), select.POLLHUP)]
    a.close()


def test_poll_reports_what_is_no_descriptor(pair):
    a, _ = pair
    poll = select.poll()
    fd = os.dup(a.fileno())
    poll.register(fd, select.POLLIN)
    os.close(fd)
    assert poll.poll(1000) == [(fd, select.POLLNVAL)]


def test_poll_that_is_under_way_refuses_another(pair, blocked):
    a, b = pair
    poll = select.poll()
    poll.register(a, select.POLLIN)
    waiting = blocked(poll.poll)
    with pytest.raises(RuntimeError, match="concurrent poll"):
        poll.poll()
    b.send(b"x")
    assert waiting.result() == [(a.fileno(), select.POLLIN)]


def test_poll_refuses_what_is_wrong(pair):
    a, _ = pair
    poll = select.poll()
    for wrong in "x", 1 << 80, object():
        with pytest.raises((TypeError, OverflowError)):
            poll.register(a, wrong)
        with pytest.raises((TypeError, OverflowError)):
            poll.poll(wrong)
    with pytest.raises(TypeError):
        poll.register("x")
    with pytest.raises(ValueError):
        poll.register(-1)
    with pytest.raises(KeyError):
        poll.unregister(a)
    with pytest.raises(FileNotFoundError):
        poll.modify(a, select.POLLIN)
    with pytest.raises(TypeError, match=r"cannot create 'select.poll' instances"):
        type(poll)()


# ---- epoll


def test_epoll_waits_until_something_is_ready(pair, blocked):
    a, b = pair
    with select.epoll() as epoll:
        assert not epoll.closed and os.get_inheritable(epoll.fileno()) is False
        epoll.register(a, LEVEL)
        assert epoll.poll(0.01) == epoll.poll(0) == []
        waiting = blocked(epoll.poll)
        b.send(b"x")
        found = [(a.fileno(), select.EPOLLIN)]
        assert waiting.result() == found
        assert epoll.poll(1) == epoll.poll(None, 1) == epoll.poll(timeout=-1, maxevents=-1) == found
    assert epoll.closed


def test_epoll_edge_is_reported_once(pair, blocked):
    a, b = pair
    with select.epoll() as epoll:
        epoll.register(a, EDGE)
        b.send(b"x")
        assert epoll.poll(1) == [(a.fileno(), select.EPOLLIN)]
        assert epoll.poll(0.01) == []
        waiting = blocked(epoll.poll)
        b.send(b"y")
        assert waiting.result() == [(a.fileno(), select.EPOLLIN)]


def test_epoll_oneshot_is_reported_until_rearmed(pair, blocked):
    a, b = pair
    with select.epoll() as epoll:
        epoll.register(a, LEVEL | select.EPOLLONESHOT)
        b.send(b"x")
        assert epoll.poll(1) == [(a.fileno(), select.EPOLLIN)]
        waiting = blocked(epoll.poll)
        epoll.modify(a, LEVEL | select.EPOLLONESHOT)
        assert waiting.result() == [(a.fileno(), select.EPOLLIN)]


@pytest.mark.parametrize("inner", [LEVEL, EDGE])
@pytest.mark.parametrize("outer", [LEVEL, EDGE])
def test_epoll_in_epoll_is_ready_when_that_is(pair, blocked, inner, outer):
    a, b = pair
    with select.epoll() as deep, select.epoll() as top:
        deep.register(a, inner)
        top.register(deep, outer)
        waiting = blocked(top.poll)
        b.send(b"x")
        assert waiting.result() == [(deep.fileno(), select.EPOLLIN)]
        assert deep.poll() == [(a.fileno(), select.EPOLLIN)]


def test_epoll_waits_in_several_threads_and_sees_changes(pair, blocked):
    a, b = pair
    with select.epoll() as epoll:
        waiting = blocked(epoll.poll), blocked(epoll.poll, 10)
        epoll.register(a, LEVEL)
        b.send(b"x")
        assert [each.result() for each in waiting] == [[(a.fileno(), select.EPOLLIN)]] * 2
        epoll.unregister(a)
        assert epoll.poll(0.01) == []


def test_epoll_can_be_selected_and_made_from_a_descriptor(pair, blocked):
    a, b = pair
    with select.epoll() as epoll:
        epoll.register(a, LEVEL)
        waiting = blocked(select.select, [epoll], [], [])
        b.send(b"x")
        assert waiting.result() == ([epoll], [], [])
        copy = select.epoll.fromfd(os.dup(epoll.fileno()))
        assert copy.poll(1) == [(a.fileno(), select.EPOLLIN)]
        copy.close()


def test_epoll_refuses_what_is_wrong(pair):
    a, _ = pair
    epoll = select.epoll()
    epoll.register(a)
    for call, error in (
        (lambda: epoll.register(a), FileExistsError), (lambda: epoll.modify(0xFFFF, 1), OSError),
        (lambda: epoll.unregister(a.dup().detach()), FileNotFoundError), (lambda: epoll.poll("x"), TypeError),
        (lambda: epoll.poll(1, 0), ValueError), (lambda: epoll.poll(1, -2), ValueError),
        (lambda: epoll.register("x"), TypeError), (lambda: select.epoll(-2), ValueError),
        (lambda: select.epoll(flags=12356), OSError),
    ):  # fmt: skip
        with pytest.raises(error):
            call()
    epoll.close()
    epoll.close()
    for call in epoll.poll, epoll.fileno, lambda: epoll.register(a), epoll.__enter__:
        with pytest.raises(ValueError, match="I/O operation on closed epoll object"):
            call()


@only_patched
def test_epoll_that_is_closed_wakes_who_waits(pair, blocked):
    epoll = select.epoll()
    waiting = blocked(epoll.poll)
    epoll.close()
    with pytest.raises((OSError, ValueError)):
        waiting.result()


def test_types_and_signatures_are_what_they_were():
    assert repr(select.epoll) == "<class 'select.epoll'>"
    assert type(select.poll()).__module__ == "select"
    assert str(inspect.signature(select.select)) == "(rlist, wlist, xlist, timeout=None, /)"
    with select.epoll() as epoll:
        assert str(inspect.signature(epoll.poll)) == "(timeout=None, maxevents=-1)"
    assert isinstance(select.select.__name__, str) and select.select.__module__ == "select"


# ---- selectors

SELECTORS = [selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector]


@pytest.mark.parametrize("kind", SELECTORS)
def test_selector_waits_until_something_is_ready(pair, blocked, kind):
    a, b = pair
    with kind() as selector:
        key = selector.register(a, selectors.EVENT_READ, "mine")
        assert selector.select(0.01) == selector.select(0) == selector.select(-1) == []
        waiting = blocked(selector.select)
        b.send(b"x")
        assert waiting.result() == [(key, selectors.EVENT_READ)]
        key = selector.modify(a, selectors.EVENT_READ | selectors.EVENT_WRITE)
        assert selector.select(5) == [(key, selectors.EVENT_READ | selectors.EVENT_WRITE)]
        selector.unregister(a)
        assert selector.select(0.01) == []


def test_default_selector_is_the_one_of_the_kernel():
    assert selectors.DefaultSelector is selectors.EpollSelector
