"""``python -m guv.wsgi``: worker processes, their life and end."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

APP = """
import os, time
TEXT = {text!r}
def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.3)
    body = f"{{TEXT}} {{os.getpid()}} {{environ['wsgi.multiprocess']}}".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
def factory():
    return app
"""


class Command:
    """The command in a process; every line it writes to stderr is read."""

    def __init__(self, folder: Path, hub: str, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-W", "error", "-m", "guv.wsgi", "--chdir", str(folder), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "GUV_HUB": hub},
        )
        self.port = 0

    def line(self, pattern: str) -> re.Match[str]:
        """The next line that fits; lines before it are passed over."""
        seen = ""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            seen += line
            match = re.search(pattern, line)
            if match:
                return match
        raise AssertionError(f"no line fits {pattern!r} in:\n{seen}")

    def started(self) -> Command:
        self.port = int(self.line(r"serves \S+ on http://127\.0\.0\.1:(\d+)")[1])
        return self

    def get(self, path: str = "/") -> list[str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode().split()
        finally:
            connection.close()

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def status(self) -> int:
        """The exit status, once it has ended by itself."""
        self.process.communicate(timeout=20)
        return self.process.returncode

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """The exit status, and what is left of stderr."""
        if self.process.poll() is None:
            self.send(number)
        _, err = self.process.communicate(timeout=20)
        return self.process.returncode, err


@pytest.fixture
def command(tmp_path):
    running = []

    def start(*arguments: str, text: str = "one", hub: str = "epoll") -> Command:
        (tmp_path / "program.py").write_text(APP.format(text=text))
        running.append(Command(tmp_path, hub, *arguments, "-b", "127.0.0.1:0"))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.terminate()
        one.process.communicate(timeout=20)


def test_workers_serve_and_stop_with_a_summary(command, hub_kind):
    served = command("program:app", "-w", "2", hub=hub_kind).started()
    for _ in range(3):
        text, pid, multiprocess = served.get()
        assert (text, multiprocess) == ("one", "True")
        assert int(pid) != served.process.pid
    status, err = served.end()
    assert status == 0
    assert "stopped after 3 requests" in err
    assert "Error" not in err


@pytest.mark.slow
def test_stop_lets_a_request_finish(command):
    served = command("program:factory()").started()
    replies: list[list[str]] = []
    asking = threading.Thread(target=lambda: replies.append(served.get("/slow")))
    asking.start()
    served.get()  # by now the slow one is on its way
    status, err = served.end()
    asking.join()
    assert replies[0][0] == "one"
    assert (status, "stopped after 2 requests" in err) == (0, True)


def test_reload_serves_the_new_program_and_refuses_nobody(command, tmp_path):
    served = command("program:app", "-w", "2").started()
    (tmp_path / "program.py").write_text(APP.format(text="two, and longer"))
    served.send(signal.SIGHUP)
    texts = []
    while not texts or texts[-1] != "two,":
        texts.append(served.get()[0])
    served.line("reloaded: 2 new workers serve")
    assert set(texts) <= {"one", "two,"}
    assert served.end()[0] == 0


@pytest.mark.slow
def test_reload_of_a_broken_program_keeps_the_old(command, tmp_path):
    served = command("program:app").started()
    (tmp_path / "program.py").write_text("raise RuntimeError('broken')")
    served.send(signal.SIGHUP)
    served.line("the old workers stay")
    assert served.get()[0] == "one"
    assert served.end()[0] == 0


@pytest.mark.slow
def test_killed_worker_is_replaced(command):
    served = command("program:app").started()
    pid = int(served.get()[1])
    os.kill(pid, signal.SIGKILL)
    served.line(f"worker {pid} was killed by SIGKILL; it is replaced")
    assert int(served.get()[1]) != pid
    assert served.end(signal.SIGINT)[0] == 0


@pytest.mark.slow
def test_workers_end_when_the_supervisor_is_killed(command):
    served = command("program:app").started()
    pid = int(served.get()[1])
    served.end(signal.SIGKILL)
    # the worker held stderr and stdout open: that both have ended says that it has, too
    assert not Path(f"/proc/{pid}/exe").exists() or Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"


def test_program_that_can_not_be_imported_ends_the_command(command):
    served = command("nosuch:app")
    served.line("ModuleNotFoundError: No module named 'nosuch'")
    served.line("ended with status 3 before it served")
    assert served.status() == 3


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:x", "127.0.0.1:65536"])
def test_address_that_can_not_be_used_is_named(tmp_path, address):
    served = Command(tmp_path, "epoll", "program:app", "-b", address)
    served.line("can't serve")
    assert served.status() == 1
