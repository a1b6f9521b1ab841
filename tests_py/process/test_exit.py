"""How a program ends: with the right status, nothing on stderr that is not its own, and soon."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
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
    "a hub in a native thread that goes on": (
        "from guv._originals import start_new_thread as go, time_sleep; go(guv.sleep, (99,)); "  # noqa: ISC004
        "time_sleep(.05); guv.sleep(.001)",
        0,
    ),
    "a lookup under way": ("import socket; guv.spawn(socket.getaddrinfo, 'localhost', 80); guv.sleep(0)", 0),
    "a job under way": (
        "from guv import tpool, _originals as o; guv.spawn(tpool.execute, o.time_sleep, .2); guv.sleep(.01)",
        0,
    ),
    "sys.exit with a thread that goes on": (
        "import sys, threading as t, time; t.Thread(target=time.sleep, args=(.05,)).start(); sys.exit(6)",
        6,
    ),
    "sys.exit in a thread": (
        "import sys, threading as t; x = t.Thread(target=sys.exit, args=(7,)); x.start(); x.join()",
        0,
    ),
    "os._exit in a greenlet": ("import os; guv.spawn(os._exit, 8); guv.sleep(9)", 8),
    "a finalizer that sleeps": (
        "import time\nclass F:\n    def __del__(self, sleep=time.sleep): sleep(.001)\nkept = F(); guv.sleep(.001)",
        0,
    ),
    "a finalizer that takes a lock": (
        "import threading\nclass F:\n    def __init__(self): self.lock = threading.Lock()\n"  # noqa: ISC004
        "    def __del__(self):\n        with self.lock: pass\nkept = F(); guv.sleep(.001)",
        0,
    ),
    "weakref.finalize": (
        "import time, weakref\nclass F: pass\nkept = F(); weakref.finalize(kept, time.sleep, .001); guv.sleep(.001)",
        0,
    ),
    "greenlets with a finally": (
        "def f():\n    try: guv.sleep(99)\n    finally: guv.sleep(0)\nkept = [guv.spawn(f) for _ in range(9)]; guv.sleep(.001)",
        0,
    ),
    "two hubs in turn": ("guv.sleep(.001); guv.hubs.use_hub('epoll'); guv.sleep(.001)", 0),
    "an alarm handler": ("import signal; signal.signal(signal.SIGALRM, print); guv.sleep(0)", 0),
}


@pytest.mark.parametrize("case", CLEAN)
def test_exit_statusAndSilence(script: Any, case: str) -> None:
    code, status = CLEAN[case]
    script(PATCHED + code, status=status)


def test_exit_unhandledError_isReportedOnce(script: Any) -> None:
    script(PATCHED + "guv.sleep(0); 1/0", status=1, stderr="ZeroDivisionError")


def test_exit_textAsStatus_isPrintedAndGivesOne(script: Any) -> None:
    script(PATCHED + "import sys; guv.spawn(sys.exit, 'enough'); guv.sleep(9)", status=1, stderr="enough")


def test_exit_errorInThread_isReportedAndStatusStays(script: Any) -> None:
    code = "import threading as t; x = t.Thread(target=lambda: 1 / 0); x.start(); x.join()"
    script(PATCHED + code, status=0, stderr="ZeroDivisionError")


BUSY = """
import os, socket, sys, threading, time
def echo(sock):
    while True:
        sock.sendall(sock.recv(9))
def talk(sock):
    while True:
        sock.sendall(b"x")
        sock.recv(9)
        time.sleep(0)
def wait():
    while True:
        time.sleep(.0003)
for _ in range(5):
    a, b = socket.socketpair()
    for target, args in (echo, (a,)), (talk, (b,)), (wait, ()):
        threading.Thread(target=target, args=args, daemon=True).start()
print("up", flush=True)
threading.Event().wait()
"""


def test_exit_keyboardInterruptAtAnyMoment_endsByTheSignalAndSaysNothingElse(hub_kind: str, tmp_path: Path) -> None:
    program = tmp_path / "busy.py"
    program.write_text(PATCHED + BUSY)
    seed = random.SystemRandom().randrange(1 << 30)
    choose = random.Random(seed)
    environment = {**os.environ, "GUV_HUB": hub_kind}
    for attempt in range(6):
        with subprocess.Popen(
            [sys.executable, "-X", "dev", "-W", "error", str(program)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        ) as running:  # fmt: skip
            assert running.stdout is not None and running.stdout.readline() == "up\n"
            time.sleep(choose.random() / 50)
            running.send_signal(signal.SIGINT)
            said = running.communicate(timeout=30)[1]
        told = f"seed {seed}, attempt {attempt}, status {running.returncode}\n{said}"
        assert running.returncode == -signal.SIGINT, told
        assert said.count("Traceback") == 1 and said.rstrip().endswith("KeyboardInterrupt"), told
        assert "Exception" not in said.replace("KeyboardInterrupt", ""), told


def test_exit_keyboardInterrupt_endsByTheSignal(script: Any) -> None:
    code = "import os, signal\nguv.spawn(os.kill, os.getpid(), signal.SIGINT)\nguv.sleep(9)"
    script(PATCHED + code, status=-signal.SIGINT, stderr="KeyboardInterrupt")


@pytest.mark.parametrize("order", ["before", "after"])
def test_atexit_handlerThatSleeps_runs(script: Any, order: str) -> None:
    handler = "import atexit, time\natexit.register(lambda: (time.sleep(.001), print('ran')))\n"
    patched = PATCHED + "guv.sleep(0)\n"
    assert script(handler + patched if order == "before" else patched + handler) == "ran\n"
