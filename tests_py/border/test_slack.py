"""Threads of the Go runtime may be woken late, those of Python not."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from guv._border import SLACK

Script = Callable[..., str]


@pytest.mark.skipif(not os.path.exists("/proc/self/timerslack_ns"), reason="needs /proc/PID/timerslack_ns")
def test_slack_ofGosThreads_isLongAndThatOfPythons_isAsBefore(script: Script, hub_kind: str) -> None:
    if hub_kind != "hub":
        pytest.skip("the hub in Python has no Go threads")
    code = """
import os, pathlib, threading
def slack(thread): return int(pathlib.Path(f"/proc/{thread}/timerslack_ns").read_text())
before = slack(os.getpid())
import guv
guv.sleep(0.001)
ours = slack(os.getpid())
python = {os.getpid()}
gos = {slack(int(thread)) for thread in os.listdir("/proc/self/task") if int(thread) not in python}
started = []
thread = threading.Thread(target=lambda: started.append(slack(threading.get_native_id())))
thread.start()
thread.join()
print(before == ours == started[0], *gos)
"""
    assert script(code).split() == ["True", str(SLACK)]
