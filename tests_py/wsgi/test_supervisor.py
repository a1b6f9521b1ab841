"""The supervisor of worker processes: pauses before it replaces them, and signals whenever they come."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from guv.wsgi._supervisor import Backoff

# The workers take orders from the standard input that they share, a byte each.
PROGRAM = """
import os, signal, sys
from guv.wsgi._supervisor import READY, Backoff, Supervisor

Backoff.FIRST = float(sys.argv[1])

def say(text):
    print(text, flush=True)

def work(report, life):
    mine = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)]
    say(f"worker: blocked {signal.pthread_sigmask(signal.SIG_BLOCK, [])}, handlers {set(mine)}")
    while True:
        order = os.read(0, 1)
        if order == b"r":
            os.write(report, READY)
        elif order == b"w":
            signal.pause()
        else:
            os._exit(7)

supervisor = Supervisor(work, 1, 20.0, say)
supervisor.on_ready = lambda: say("serving")
supervisor.on_stop = lambda: say("stopping")
status = supervisor.run()
say("stopped")
sys.exit(status)
"""


class Supervised:
    def __init__(self, first_pause: float) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(first_pause)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def order(self, orders: bytes) -> None:
        self.process.stdin.write(orders)
        self.process.stdin.flush()

    def line(self, pattern: str) -> None:
        """The next line must fit; those of the workers themselves are passed over."""
        line = self.process.stdout.readline().decode()
        while line.startswith("worker:") and "worker:" not in pattern:
            line = self.process.stdout.readline().decode()
        assert re.fullmatch(pattern, line.rstrip("\n")), line

    def send(self, number: int) -> None:
        self.process.send_signal(number)


@pytest.fixture
def supervise():
    running = []

    def start(first_pause: float) -> Supervised:
        running.append(Supervised(first_pause))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
        one.process.communicate(timeout=20)


def test_pauses_double_up_to_a_bound_while_processes_do_not_last():
    backoff = Backoff()
    now = 1000.0
    pauses = []
    for _ in range(9):
        pauses.append(backoff.ended(now, lived=0.1))
        now += pauses[-1]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_process_that_has_lasted_is_replaced_at_once_and_ends_the_row_of_failures():
    backoff = Backoff()
    backoff.ended(1000.0, lived=0.0)
    backoff.ended(1001.0, lived=0.0)
    assert backoff.ended(1050.0, lived=Backoff.LASTING) == 0.0
    assert backoff.ended(1051.0, lived=0.0) == Backoff.FIRST


def test_processes_that_end_together_are_one_failure():
    backoff = Backoff()
    assert [backoff.ended(1000.0, 0.0), backoff.ended(1000.125, 0.0)] == [0.5, 0.375]
    assert backoff.until == 1000.5


def test_worker_that_dies_once_it_serves_is_replaced_after_pauses_that_double(supervise):
    supervised = supervise(0.01)
    supervised.order(b"r")
    supervised.line("serving")
    for pause in ("0.01", "0.02", "0.04"):
        supervised.order(b"x")
        supervised.line(rf"worker \d+ ended with status 7; it is replaced in {pause} s")
        supervised.order(b"r")
    supervised.send(signal.SIGTERM)
    supervised.line("stopping")
    supervised.line("stopped")
    assert supervised.process.wait(20) == 0


def test_signals_are_obeyed_during_a_pause(supervise):
    """The pause is longer than any test."""
    supervised = supervise(900.0)
    supervised.order(b"r")
    supervised.line("serving")
    supervised.order(b"x")
    supervised.line(r"worker \d+ ended with status 7; it is replaced in 900 s")
    supervised.send(signal.SIGHUP)
    supervised.order(b"r")
    supervised.line("reloaded: 1 new workers serve")
    supervised.order(b"x")
    supervised.line(r"worker \d+ ended with status 7; it is replaced in 900 s")
    supervised.send(signal.SIGTERM)
    supervised.line("stopping")
    supervised.line("stopped")
    assert supervised.process.wait(20) == 0


def test_reload_asked_for_during_another_follows_it(supervise):
    """The program may have changed again since the workers that are coming up have read it."""
    supervised = supervise(0.01)
    supervised.line("worker: .*")
    supervised.order(b"rw")
    supervised.line("serving")
    supervised.send(signal.SIGHUP)
    supervised.line("worker: .*")
    supervised.send(signal.SIGHUP)
    supervised.order(b"rw")
    supervised.line("reloaded: 1 new workers serve")
    supervised.order(b"rw")
    supervised.line("reloaded: 1 new workers serve")
    supervised.send(signal.SIGTERM)
    supervised.line("stopping")
    supervised.line("stopped")


def test_reload_that_fails_leaves_the_old_worker_and_the_next_one_is_obeyed(supervise):
    supervised = supervise(0.01)
    supervised.order(b"rw")
    supervised.line("serving")
    supervised.send(signal.SIGHUP)
    supervised.order(b"x")
    supervised.line(r"worker \d+ ended with status 7 before it served; the old workers stay")
    supervised.send(signal.SIGHUP)
    supervised.order(b"r")
    supervised.line("reloaded: 1 new workers serve")


def test_worker_begins_with_no_signal_blocked_or_handled(supervise):
    supervise(0.01).line(r"worker: blocked set\(\), handlers \{<Handlers.SIG_DFL: 0>\}")
