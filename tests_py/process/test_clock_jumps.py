"""The system's clock is set, forwards and back: no wait ends early or late, for all deadlines are in CLOCK_MONOTONIC."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

#: Loaded before the C library: the time of day is a day late and a day early by turns.
SHIM = """
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long jump(void) {
    static long asked;
    return __atomic_fetch_add(&asked, 1, __ATOMIC_RELAXED) & 1 ? 86400 : -86400;
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += jump();
    return failed;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    int failed = syscall(SYS_gettimeofday, now, zone);
    now->tv_sec += jump();
    return failed;
}
"""

WAITS = """
import guv
guv.monkey_patch()
import os, queue, select, selectors, socket, subprocess, threading, time
from guv import tpool
from guv._originals import time_sleep

assert abs(time.time() - time.time()) > 80_000        # the clock does jump
a, b = socket.socketpair()
a.settimeout(.03)
poll = select.poll()
poll.register(a, select.POLLIN)
epoll = select.epoll()
epoll.register(a, select.EPOLLIN)
selector = selectors.DefaultSelector()
selector.register(a, selectors.EVENT_READ)
condition, lock, fifo = threading.Condition(), threading.Lock(), queue.Queue()
lock.acquire()
program = subprocess.Popen(["sleep", "60"])

def times_out(kind, function, *args):
    def wait():
        try:
            function(*args)
        except kind:
            return
        raise AssertionError(f"{function} did not time out")
    return wait

def in_condition():
    with condition:
        assert not condition.wait(.03)

def with_timeout():
    with guv.Timeout(.03, False):
        guv.sleep(60)
        raise AssertionError("not timed out")

def of_timer():
    done = threading.Event()
    threading.Timer(.03, done.set).start()
    assert done.wait(60)

waits = {
    "sleep": lambda: time.sleep(.03), "guv.sleep": lambda: guv.sleep(.03), "Timeout": with_timeout, "Timer": of_timer,
    "spawn_after": lambda: guv.spawn_after(.03, int).wait(), "Condition": in_condition,
    "Event": lambda: threading.Event().wait(.03), "Lock": lambda: lock.acquire(timeout=.03),
    "Semaphore": lambda: threading.Semaphore(0).acquire(timeout=.03), "recv": times_out(TimeoutError, a.recv, 1),
    "Queue": times_out(queue.Empty, fifo.get, True, .03), "join": lambda: guv.spawn(guv.sleep, 60).join(.03),
    "select": lambda: select.select([a], [], [], .03), "poll": lambda: poll.poll(30), "epoll": lambda: epoll.poll(.03),
    "selector": lambda: selector.select(.03), "tpool": lambda: tpool.execute(time_sleep, .03),
    "wait": times_out(subprocess.TimeoutExpired, program.wait, .03),
    "trampoline": times_out(guv.Timeout, guv.trampoline, a.fileno(), guv.const.READ, .03),
}
for name, wait in waits.items():
    began = time.monotonic()
    wait()
    took = time.monotonic() - began
    assert .03 <= took + 1e-9 < 20, (name, took)
program.kill()
program.wait()
for each in a, b, epoll, selector:
    each.close()
print(len(waits))
"""


@pytest.fixture
def shim(tmp_path: Path) -> str:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    source, library = tmp_path / "jumps.c", tmp_path / "jumps.so"
    source.write_text(SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return str(library)


def test_waits_clockJumpsAtEachLook_endInTime(script: Any, environment: dict[str, str], shim: str) -> None:
    environment["LD_PRELOAD"] = shim
    assert script(WAITS) == "19\n"


def test_goSources_useNoTimeOfDay() -> None:
    """Go asks the kernel without the C library, where nothing can stand in between. A `time.Time` carries the monotonic
    clock too, and differences are in that one, unless it is turned into a number or stripped."""
    sources = [path for folder in ("hub", "pyext", "trampoline") for path in (ROOT / folder).rglob("*.go")]
    asking = [
        f"{path}: {line.strip()}"
        for path in sources if not path.name.endswith("_test.go")
        for line in path.read_text().splitlines() if re.search(r"\.Unix(Nano|Micro|Milli)?\(|\.Round\(0\)|CLOCK_REALTIME", line)
    ]  # fmt: skip
    assert sources and not asking, asking
