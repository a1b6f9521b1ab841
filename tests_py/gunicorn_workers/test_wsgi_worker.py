"""gunicorn with ``-k guv.GuvWSGIWorker``: served by `guv.wsgi`, managed by gunicorn."""

from __future__ import annotations

import contextlib
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
    if path == "/complain":
        environ["wsgi.errors"].write("a complaint\\n")
        path = "/"
    if path == "/fail":
        raise RuntimeError("broken application")
    if path == "/hints":
        environ["wsgi.early_hints"]([("Link", "</style.css>; rel=preload")])
        path = "/"
    told = {"/headers": repr(sorted((key, environ[key]) for key in environ if key.startswith("HTTP_X_") or key == "HTTP_REMOTE_USER")), "/": "hello", "/held": "late", "/pid": str(os.getpid()), "/scheme": environ["wsgi.url_scheme"],
            "/body": environ["wsgi.input"].read().decode(), "/software": environ["SERVER_SOFTWARE"], "/script": environ["SCRIPT_NAME"], "/client": environ["REMOTE_ADDR"]}[path].encode()
    start_response("200 OK", [("Content-Length", str(len(told)))])
    return [told]
"""

SETTINGS = """
def post_request(worker, request, environ, response):
    worker.log.info("hook: %s %s %s", request.method, request.path, response.status)
"""


class Gunicorn:
    """A master and its workers on a free port of loopback."""

    def __init__(
        self, folder: Path, hub: str, *options: str, worker: str = "guv.GuvWSGIWorker", awaited: str = "reply"
    ) -> None:
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
            with contextlib.suppress(OSError):
                if awaited == "reply":
                    self.get("/")
                    return
                if "Booting worker" in self.log.read_text():
                    return
            if time.monotonic() > deadline or self.process.poll() is not None:
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
    served.get("/complain")
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
    assert "a complaint" in log
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
def test_script_name_is_taken_off_the_path(gunicorn):
    served = gunicorn("--env", "SCRIPT_NAME=/mounted")
    assert served.get("/mounted/script") == (200, b"/mounted")
    assert served.get("/script")[0] == 500
    assert "'/script' does not start with SCRIPT_NAME '/mounted'" in served.stop()


@pytest.mark.slow
@pytest.mark.parametrize("worker", ["guv.GuvWSGIWorker", "guv.GuvWorker"])
@pytest.mark.parametrize("trusted", [True, False])
def test_header_map_and_forwarder_headers_say_what_becomes_of_underscores(gunicorn, worker, trusted):
    served = gunicorn(
        "--forwarder-headers", "REMOTE_USER,SCRIPT_NAME", "--forwarded-allow-ips", "127.0.0.1" if trusted else "10.0.0.1",
        worker=worker,
    )  # fmt: skip
    fields = [("X_Other", "1"), ("X-Other", "2"), ("Remote_User", "somebody")]
    user = [("HTTP_REMOTE_USER", "somebody")] if trusted else []
    assert served.get("/headers", headers=fields) == (200, repr([*user, ("HTTP_X_OTHER", "2")]).encode())
    expected = (200, b"/mounted") if trusted else (500, b"The server failed to answer this request.\n")
    assert served.get("/mounted/script", headers=[("Script_Name", "/mounted")])[0] == expected[0]
    served.stop()


@pytest.mark.slow
@pytest.mark.parametrize("worker", ["guv.GuvWSGIWorker", "guv.GuvWorker"])
@pytest.mark.parametrize(("header_map", "status"), [("dangerous", 200), ("refuse", 400), ("drop", 200)])
def test_header_map_without_forwarders(gunicorn, worker, header_map, status):
    served = gunicorn("--header-map", header_map, worker=worker)
    told = served.get("/headers", headers=[("X-Other", "1"), ("X_Other", "2")])
    assert told[0] == status
    if status == 200:
        assert told[1] == repr([("HTTP_X_OTHER", "1,2" if header_map == "dangerous" else "1")]).encode()
    served.stop()


@pytest.mark.parametrize("worker", ["guv.GuvWSGIWorker", "guv.GuvWorker"])
def test_early_hints_come_before_the_reply(gunicorn, worker):
    from gunicorn.http import wsgi

    if worker == "guv.GuvWorker" and not hasattr(wsgi, "_make_early_hints_callback"):
        pytest.skip("this gunicorn has none of its own")
    served = gunicorn(worker=worker)
    with socket.create_connection(("127.0.0.1", served.port), 20) as sock:
        sock.sendall(b"GET /hints HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        reply = b"".join(iter(lambda: sock.recv(1000), b""))
    hints, _, rest = reply.partition(b"\r\n\r\n")
    assert hints == b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload"
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")
    assert rest.endswith(b"hello")
    served.stop()


@pytest.mark.slow
@pytest.mark.parametrize("allowed", [True, False])
def test_proxy_header_is_taken_from_allowed_proxies_only_and_their_word_for_https(gunicorn, allowed):
    served = gunicorn("--proxy-protocol", "--proxy-allow-from", "127.0.0.1" if allowed else "10.0.0.1", awaited="log")

    def ask(path: str) -> bytes:
        with socket.create_connection(("127.0.0.1", served.port), 20) as sock:
            sock.sendall(
                b"PROXY TCP4 9.9.9.9 127.0.0.1 1 2\r\n"
                b"GET %b HTTP/1.0\r\nX-Forwarded-Proto: https\r\n\r\n" % path.encode()
            )
            try:
                return b"".join(iter(lambda: sock.recv(1000), b"")).rpartition(b"\r\n\r\n")[2]
            except ConnectionResetError:
                return b""

    assert ask("/client") == (b"9.9.9.9" if allowed else b"")
    assert ask("/scheme") == (b"https" if allowed else b"")
    assert ("Forbidden PROXY header from 127.0.0.1" in served.stop()) is not allowed


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "status"), [("0", 200), ("100", 200), ("99", 431)])
def test_number_of_fields_is_limited_as_gunicorn_counts_them(gunicorn, limit, status):
    served = gunicorn("--limit-request-fields", limit)
    fields = [(f"X-{number}", "y" * 1000) for number in range(98)]  # and Host, Accept-Encoding
    assert served.get("/", headers=fields)[0] == status
    served.stop()


@pytest.mark.slow
def test_worker_is_replaced_after_its_share_of_requests(gunicorn):
    served = gunicorn("--max-requests", "5")
    pids = [served.get("/pid")[1] for _ in range(11)]
    assert len(set(pids)) > 2
    assert "Autorestarting" in served.stop()
