"""The monitor of the Go runtime may be woken late; its other threads and Python's are as punctual as before."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

Script = Callable[..., str]

#: Nanoseconds; `LATE` in pyext/monitor.c.
LATE = 100_000_000


@pytest.mark.skipif(not os.path.exists("/proc/self/timerslack_ns"), reason="needs /proc/PID/timerslack_ns")
@pytest.mark.parametrize("copy", ["first", "of a forked child"])
def test_slack_ofGosMonitor_isLongAndThatOfOtherThreads_isAsBefore(script: Script, hub_kind: str, copy: str) -> None:
    if hub_kind != "hub":
        pytest.skip("the hub in Python has no Go threads")
    code = """
import os, pathlib, sys, threading
def slack(thread): return int(pathlib.Path(f"/proc/{thread}/timerslack_ns").read_text())
def where(thread): return pathlib.Path(f"/proc/self/task/{thread}/wchan").read_text()
before = slack(os.getpid())
import guv
guv.sleep(0.001)
if sys.argv[1] != "first":
    child = os.fork()
    if child:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    guv.sleep(0.001)
from guv.green import socket
socket.getaddrinfo("localhost", 80)  # on a thread of Go's
gos = [thread for thread in map(int, os.listdir("/proc/self/task")) if thread != os.getpid()]
late = [thread for thread in gos if slack(thread) != before]
told = any("futex" in where(thread) for thread in gos)  # not everywhere
while told and "nanosleep" not in where(late[0]):  # the monitor is the only one that does
    guv.sleep(0.001)
started = []
thread = threading.Thread(target=lambda: started.append(slack(threading.get_native_id())))
thread.start()
thread.join()
print(len(gos) > 1, len(late), slack(late[0]), before == slack(os.getpid()) == started[0])
"""
    assert script(code, copy).split() == ["True", "1", str(LATE), "True"]
