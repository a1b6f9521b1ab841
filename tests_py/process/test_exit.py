"""How a program ends: with the right status, nothing on stderr that is not its own, and soon."""

from __future__ import annotations

import signal
from typing import Any

import pytest

PATCHED = "import guv; guv.monkey_patch()\n"

CLEAN = {
    "normal": ("import time; time.sleep(.001)", 0),
    "sys.exit in main": ("import sys, time; time.sleep(.001); sys.exit(3)", 3),
    "sys.exit in a greenlet": ("import sys; guv.spawn(sys.exit, 4); guv.sleep(9)", 4),
    "os._exit": ("import os; guv.sleep(0); os._exit(5)", 5),
    "a greenlet that sleeps": ("guv.spawn(guv.sleep, 99); guv.sleep(.001)", 0),
    "a greenlet that reads": ("import os; r, w = os.pipe(); guv.spawn(os.read, r, 1); guv.sleep(.001)", 0),
    "a thread that goes on": ("import threading as t, time; t.Thread(target=time.sleep, args=(.05,)).start()", 0),
    "a daemon thread": (
        "import threading as t, time; t.Thread(target=time.sleep, args=(99,), daemon=True).start(); time.sleep(.001)",
        0,
    ),
    "a hub in a native thread": (
        "from guv._originals import start_new_thread as go, time_sleep; go(guv.sleep, (.001,)); "  # noqa: ISC004
        "guv.sleep(.001); time_sleep(.05)",
        0,
    ),
    "a native pool": ("from guv import tpool; assert tpool.execute(int, '3') == 3", 0),
    "an alarm handler": ("import signal; signal.signal(signal.SIGALRM, print); guv.sleep(0)", 0),
}


@pytest.mark.parametrize("case", CLEAN)
def test_exit_statusAndSilence(script: Any, case: str) -> None:
    code, status = CLEAN[case]
    script(PATCHED + code, status=status)


def test_exit_unhandledError_isReportedOnce(script: Any) -> None:
    script(PATCHED + "guv.sleep(0); 1/0", status=1, stderr="ZeroDivisionError")


def test_exit_keyboardInterrupt_endsByTheSignal(script: Any) -> None:
    code = "import os, signal\nguv.spawn(os.kill, os.getpid(), signal.SIGINT)\nguv.sleep(9)"
    script(PATCHED + code, status=-signal.SIGINT, stderr="KeyboardInterrupt")


@pytest.mark.parametrize("order", ["before", "after"])
def test_atexit_handlerThatSleeps_runs(script: Any, order: str) -> None:
    handler = "import atexit, time\natexit.register(lambda: (time.sleep(.001), print('ran')))\n"
    patched = PATCHED + "guv.sleep(0)\n"
    assert script(handler + patched if order == "before" else patched + handler) == "ran\n"
