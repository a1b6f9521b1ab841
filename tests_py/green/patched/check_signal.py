"""Waiting for signals, and handlers that run while everybody waits."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time

import pytest


@pytest.fixture
def usr1():
    """Counts SIGUSR1."""
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda signum, frame: seen.append(signum))
    yield seen
    signal.signal(signal.SIGUSR1, before)


@pytest.fixture
def blocked_usr2():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def soon(function, *args):
    """Call `function` from another thread in a moment."""
    timer = threading.Timer(0.03, function, args)
    timer.start()
    return timer


def kill(signum):
    os.kill(os.getpid(), signum)


def test_handler_runs_while_main_waits(usr1, pair):
    for wait in (
        lambda: time.sleep(0.2), lambda: threading.Event().wait(0.2), lambda: pair[0].recv(1),
        lambda: threading.Lock().acquire() and threading.Lock().acquire(timeout=0.2),
    ):  # fmt: skip
        pair[0].settimeout(0.2)
        del usr1[:]
        timer = soon(kill, signal.SIGUSR1)
        try:
            wait()
        except TimeoutError:
            pass
        timer.join()
        assert usr1 == [signal.SIGUSR1]


def test_handler_that_raises_ends_the_wait_of_main():
    def handler(signum, frame):
        raise ZeroDivisionError

    before = signal.signal(signal.SIGUSR1, handler)
    timer = soon(kill, signal.SIGUSR1)
    try:
        with pytest.raises(ZeroDivisionError):
            time.sleep(10)
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)


def test_pause_returns_after_a_handler(usr1):
    timer = soon(kill, signal.SIGUSR1)
    assert signal.pause() is None
    assert usr1 == [signal.SIGUSR1]
    timer.join()


def test_sigwait_lets_others_run_and_takes_the_signal(blocked_usr2):
    for wait, number in (
        (lambda: signal.sigwait([signal.SIGUSR2]), int),
        (lambda: signal.sigwaitinfo({signal.SIGUSR2}), lambda info: info.si_signo),
        (lambda: signal.sigtimedwait([signal.SIGUSR2], 10), lambda info: info.si_signo),
    ):  # fmt: skip
        timer = soon(kill, signal.SIGUSR2)
        assert number(wait()) == signal.SIGUSR2
        timer.join()


def test_sigtimedwait_gives_up_and_refuses_wrong_times(blocked_usr2):
    assert signal.sigtimedwait([signal.SIGUSR2], 0) is None
    assert signal.sigtimedwait([signal.SIGUSR2], 0.02) is None
    with pytest.raises(ValueError):
        signal.sigtimedwait([signal.SIGUSR2], -1)


def test_timers_of_the_kernel_go_off_while_all_wait():
    seen = []
    before = (
        signal.signal(signal.SIGPROF, lambda *args: seen.append(1)),
        signal.signal(signal.SIGVTALRM, lambda *args: seen.append(2)),
    )
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.01)
        end = time.monotonic() + 5
        while not seen and time.monotonic() < end:
            pass
        assert seen == [2]
        assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    finally:
        signal.signal(signal.SIGPROF, before[0])
        signal.signal(signal.SIGVTALRM, before[1])


def test_wakeup_descriptor_of_the_program_hears_of_signals(usr1):
    a, b = socket.socketpair()
    with a, b:
        a.setblocking(False)
        before = signal.set_wakeup_fd(a.fileno())
        try:
            kill(signal.SIGUSR1)
            assert b.recv(1) == bytes([signal.SIGUSR1])
        finally:
            assert signal.set_wakeup_fd(before) == a.fileno()


def test_handlers_are_told_as_they_were_set(usr1):
    handler = signal.getsignal(signal.SIGUSR1)
    assert signal.signal(signal.SIGUSR1, signal.SIG_IGN) is handler
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
    assert signal.signal(signal.SIGUSR1, handler) is signal.SIG_IGN
    signal.raise_signal(signal.SIGUSR1)
    assert usr1 == [signal.SIGUSR1]
    for wrong in (signal.SIGUSR1, 5.5), (9999, signal.SIG_IGN), (signal.SIGKILL, signal.SIG_IGN):
        with pytest.raises((TypeError, ValueError, OSError)):
            signal.signal(*wrong)


def test_handlers_are_set_in_the_main_thread_only(task):
    def refused():
        with pytest.raises(ValueError, match="signal only works in main thread of the main interpreter"):
            signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        with pytest.raises(ValueError, match="set_wakeup_fd only works in main thread"):
            signal.set_wakeup_fd(-1)

    task(refused).result()


def test_thread_that_forks_is_the_main_one_of_the_child(task):
    def fork():
        child = os.fork()
        if not child:
            try:
                signal.signal(signal.SIGUSR1, signal.SIG_IGN)
                signal.set_wakeup_fd(-1)
                os._exit(0)
            finally:
                os._exit(1)
        return os.waitpid(child, 0)[1]

    assert task(fork).result() == 0
