"""gunicorn with ``-k guv.GuvWSGIWorker``: served by `guv.wsgi`, managed by gunicorn."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("gunicorn")

PROGRAM = """
import os, time
from guv.websocket import WebSocketWSGI

@WebSocketWSGI
def echo(ws):
    for message in ws:
        ws.send(message)

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/ws":
        return echo(environ, start_response)
    if path == "/held":
        open("held", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
    if path == "/fail":
        raise RuntimeError("broken application")
    told = {"/": "hello", "/held": "late", "/pid": str(os.getpid()), "/scheme": environ["wsgi.url_scheme"],
            "/body": environ["wsgi.input"].read().decode(), "/software": environ["SERVER_SOFTWARE"]}[path].encode()
    start_response("200 OK", [("Content-Length", str(len(told)))])
    return [told]
"""

SETTINGS = """
def post_request(worker, request, environ, response):
    worker.log.info("hook: %s %s %s", request.method, request.path, response.status)
"""


class Gunicorn:
    """A master and its workers on a free port of loopback."""

    def __init__(self, folder: Path, hub: str, *options: str, worker: str = "guv.GuvWSGIWorker") -> None:
        (folder / "program.py").write_text(PROGRAM)
        (folder / "gunicorn.conf.py").write_text(SETTINGS)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port = taken.getsockname()[1]
        self.log = folder / "log"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-k", worker, "-b", f"127.0.0.1:{self.port}", "--chdir", str(folder),
             "-c", str(folder / "gunicorn.conf.py"), "--log-file", str(self.log), "--access-logfile", str(folder / "access"), *options, "program:app"],
            env={**os.environ, "GUV_HUB": hub},
        )  # fmt: skip
        deadline = time.monotonic() + 30
        while True:
            try:
                self.get("/")
                return
            except OSError:
                if time.monotonic() > deadline:
                    self.kill()
                    pytest.fail(self.log.read_text())
                time.sleep(0.05)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def get(self, path: str, body: bytes | None = None, headers=()) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("POST" if body else "GET", path, body, dict(headers))
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def stop(self, number: int = signal.SIGTERM) -> str:
        """The log, once the master has been told to end and has."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> str:
        """The log, once the master has ended."""
        assert self.process.wait(20) == 0, self.log.read_text()
        return self.log.read_text()


@pytest.fixture
def gunicorn(tmp_path, hub_kind):
    running = []

    def start(*options: str, **more) -> Gunicorn:
        running.append(Gunicorn(tmp_path, hub_kind, *options, **more))
        return running[-1]

    yield start
    for one in running:
        one.kill()


def test_requests_hooks_logs_and_stop(gunicorn, tmp_path):
    served = gunicorn("--forwarded-allow-ips", "127.0.0.1")
    assert served.get("/body", b"some body") == (200, b"some body")
    assert served.get("/software")[1].startswith(b"gunicorn/")
    assert served.get("/scheme", headers={"X-Forwarded-Proto": "https"}.items()) == (200, b"https")
    assert served.get("/fail")[0] == 500
    late: list[tuple[int, bytes]] = []
    asking = threading.Thread(target=lambda: late.append(served.get("/held")))
    asking.start()
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    served.process.send_signal(signal.SIGTERM)
    (tmp_path / "go").touch()
    asking.join()
    log = served.ended()
    assert late == [(200, b"late")]
    assert "hook: POST /body 200" in log
    assert "broken application" in log
    access = (tmp_path / "access").read_text()
    assert '"POST /body HTTP/1.1" 200 9' in access
    assert '"GET /held HTTP/1.1" 200 4' in access


@pytest.mark.parametrize("worker", ["guv.GuvWSGIWorker", "guv.GuvWorker"])
def test_websocket_from_a_worker(gunicorn, worker):
    pytest.importorskip("wsproto")
    import guv
    from guv.hubs.current import drop_hub
    from guv.websocket import connect

    served = gunicorn(worker=worker)
    drop_hub()
    with connect(f"ws://127.0.0.1:{served.port}/ws", timeout=20) as ws:
        for message in ("text", b"bytes", "x" * 100_000):
            ws.send(message)
            with guv.Timeout(20):
                assert ws.wait() == message
    assert ws.close_code == 1000
    drop_hub()
    log = served.stop()
    assert "Error" not in log
    assert "Traceback" not in log


@pytest.mark.slow
@pytest.mark.parametrize("worker", ["guv.GuvWSGIWorker", "guv.GuvWorker"])
def test_reload_changes_the_workers_and_refuses_nobody(gunicorn, worker):
    served = gunicorn("-w", "2", worker=worker)
    before = {served.get("/pid")[1] for _ in range(20)}
    served.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 20
    while served.get("/pid")[1] in before:
        assert time.monotonic() < deadline
    served.stop()


@pytest.mark.slow
def test_worker_is_replaced_after_its_share_of_requests(gunicorn):
    served = gunicorn("--max-requests", "5")
    pids = [served.get("/pid")[1] for _ in range(11)]
    assert len(set(pids)) > 2
    assert "Autorestarting" in served.stop()
