"""``pytest -p guv.testing``, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import gc, os, threading
import pytest
import guv
from guv.event import Event
from guv.hubs.current import current_hub, get_hub

left = []

def test_first_leaves_a_greenlet():
    def waits():
        try:
            guv.sleep(1000)
        finally:
            left.append("ended")
    guv.spawn(waits)
    guv.gyield()
    left.append(get_hub())

def test_second_has_no_hub_yet_and_the_greenlet_is_ended():
    assert current_hub() is None
    assert left[0].closed and left[1] == "ended"

def test_third_leaves_one_that_takes_a_kill_for_an_error():
    def stubborn():
        for name in "first", "second":
            try:
                guv.sleep(1000)
            except BaseException:
                left.append(name)
    guv.spawn(stubborn)
    guv.gyield()

def test_fourth_sees_that_it_was_killed_again():
    assert left[-2:] == ["first", "second"]

def test_jumps(mock_clock, all_blocked):
    guv.sleep(10**6)
    all_blocked()
    assert mock_clock.time() == 10**6

@pytest.mark.guv(deadline=0.05)
def test_too_slow():
    guv.spawn(guv.sleep, 500)
    guv.sleep(1000)

@pytest.mark.guv(deadline=0.05)
def test_clock_that_stands(mock_clock):
    mock_clock.autojump_threshold = float("inf")
    guv.sleep(1000)

def test_deadlock_is_found_in_spite_of_the_deadline():
    with pytest.raises(guv.exceptions.DeadlockError):
        Event().wait()

@pytest.fixture
def slow_to_end():
    yield
    guv.sleep(1000)

@pytest.mark.guv(deadline=0.05)
def test_whose_fixture_hangs(slow_to_end):
    pass

@pytest.mark.guv(leaks=True)
def test_leaks():
    os.pipe()

@pytest.fixture
def server():
    thread = guv.spawn(guv.sleep, 1000)
    yield thread
    thread.kill()

@pytest.mark.guv(leaks=True)
def test_fixture_that_cleans_up_is_no_leak(server):
    guv.gyield()
    assert not server.dead

def test_fork_without_a_warning():
    pid = os.fork()
    if not pid:
        guv.sleep(0.001)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
"""


@pytest.fixture
def run(tmp_path: Path, hub_kind: str) -> object:
    def run(*options: str) -> str:
        (tmp_path / "test_sample.py").write_text(TESTS)
        (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\naddopts = --strict-markers\n")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "guv.testing",
            "-p",
            "no:cacheprovider",
            "-rfE",
            "-v",
            *options,
        ]
        ended = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=50,
            env={**os.environ, "GUV_HUB": hub_kind, "COLUMNS": "300", "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        return ended.stdout + ended.stderr

    return run


def test_plugin_sample_endsAsEachTestSays(run) -> None:  # type: ignore[no-untyped-def]
    told = run()
    assert "2 failed, 10 passed, 2 errors" in told, told
    assert "FAILED test_sample.py::test_too_slow - Failed: the run of test_sample.py::test_too_slow took more" in told
    assert "took more than 0.05 s; main waits for sleep at " in told
    assert "The others:" in told
    assert "FAILED test_sample.py::test_clock_that_stands" in told
    assert "ERROR test_sample.py::test_whose_fixture_hangs - Failed: tearing down" in told
    assert "ERROR test_sample.py::test_leaks - AssertionError: the block leaves behind:" in told


def test_plugin_optionForLeaks_checksEveryTest(run) -> None:  # type: ignore[no-untyped-def]
    told = run("--guv-leaks", "--guv-deadline=20", "-k", "first or fixture_that")
    assert "ERROR test_sample.py::test_first_leaves_a_greenlet" in told, told
    assert "2 passed" in told
    assert "1 error" in told
