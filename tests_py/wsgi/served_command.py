"""``python -m guv.wsgi`` in a process of its own, as the tests see it."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

APP = """
import os, sys, time
TEXT = {text!r}
def app(environ, start_response):
    if environ["PATH_INFO"] == "/held":
        print("held", file=sys.stderr, flush=True)
        while not os.path.exists("go"):
            time.sleep(0.01)
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
        self.rest = ""  # what it wrote to stderr at last

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

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def get(self, path: str = "/") -> list[str]:
        connection = self.connect()
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode().split()
        finally:
            connection.close()

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def status(self) -> int:
        """The exit status, once it has ended by itself."""
        _, self.rest = self.process.communicate(timeout=20)
        return self.process.returncode

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """The exit status, and what is left of stderr."""
        if self.process.poll() is None:
            self.send(number)
        _, err = self.process.communicate(timeout=20)
        return self.process.returncode, err
