"""gunicorn with either worker of guv: each option does under it what it does under gunicorn's own workers."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import guv

pytest.importorskip("gunicorn", reason="the module gunicorn is not installed")

APP = """
import os, threading, time
event = threading.Event()
gate = threading.Semaphore(0)
loaded_by = os.getpid()
inside = 0
most = 0
version = 1

def app(environ, start_response):
    global inside, most
    path = environ["PATH_INFO"]
    inside += 1
    most = max(most, inside)
    body = b"hello"
    if path == "/meet":             # answered once there are two
        gate.release() if inside == 2 else gate.acquire()
    elif path == "/sleep":
        time.sleep(0.2)
    elif path == "/pid":
        body = b"%d %d" % (os.getpid(), loaded_by)
    elif path == "/most":
        body = b"%d" % most
    elif path == "/echo":
        body = environ["wsgi.input"].read()
    elif path == "/version":
        body = b"%d" % version
    elif path == "/scheme":
        body = environ["wsgi.url_scheme"].encode()
    inside -= 1
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


class Gunicorn:
    """A running gunicorn and its log."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], target: Any) -> None:
        self.folder = folder
        self.process = process
        self.target = target
        self.context: ssl.SSLContext | None = None

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("localhost", timeout=20)
        if isinstance(self.target, str):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(20)
            sock.connect(self.target)
        else:
            sock = socket.create_connection(self.target, 20)
        if self.context is not None:
            sock = self.context.wrap_socket(sock, server_hostname="localhost")
        connection.sock = sock
        return connection

    def get(self, path: str, body: bytes | None = None) -> str:
        connection = self.connect()
        try:
            return ask(connection, path, body)
        finally:
            connection.close()

    def wait_for(self, found: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not found():
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)


def ask(connection: http.client.HTTPConnection, path: str, body: bytes | None = None) -> str:
    connection.request("POST" if body else "GET", path, body)
    reply = connection.getresponse()
    assert reply.status == 200
    return reply.read().decode()


Start = Callable[..., Any]


@pytest.fixture(params=["guv.GuvWorker", "guv.GuvWSGIWorker"])
def worker(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def gunicorn(tmp_path: Path, worker: str) -> Start:
    """A context manager that runs gunicorn with more options."""
    (tmp_path / "program.py").write_text(textwrap.dedent(APP))

    @contextmanager
    def run(*options: str, tls: bool = False) -> Iterator[Gunicorn]:
        listener = socket.create_server(("127.0.0.1", 0))
        target: Any = listener.getsockname()
        bind = f"fd://{listener.fileno()}"
        if "unix" in options:
            target = str(tmp_path / "socket")
            bind = f"unix:{target}"
        package = str(Path(guv.__file__).parent.parent)
        with open(tmp_path / "log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-k", worker, "-b", bind, "--log-level", "debug",
                 *(each for each in options if each != "unix"), "program:app"],
                cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[listener.fileno()],
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))},
            )  # fmt: skip
        listener.close()
        server = Gunicorn(tmp_path, process, target)
        if tls:
            server.context = ssl.create_default_context()
            server.context.check_hostname = False
            server.context.verify_mode = ssl.CERT_NONE
        try:
            server.wait_for(lambda: "Booting worker" in server.log or process.poll() is not None)
            yield server
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    return run


def together(server: Gunicorn, path: str, n: int) -> list[str]:
    """Send n requests before any reply is read."""
    connections = [server.connect() for _ in range(n)]
    for connection in connections:
        connection.request("GET", path)
    replies = [connection.getresponse().read().decode() for connection in connections]
    for connection in connections:
        connection.close()
    return replies


def test_gunicorn_requests_wait_together_and_connections_stay(gunicorn: Start) -> None:
    with gunicorn("--keep-alive", "60") as server:
        assert together(server, "/meet", 2) == ["hello", "hello"]
        connection = server.connect()
        assert [ask(connection, "/echo", b"x" * 200_000) for _ in range(3)] == ["x" * 200_000] * 3
        connection.close()
        os.kill(server.process.pid, signal.SIGTERM)
        assert server.process.wait(20) == 0


@pytest.mark.slow
def test_gunicorn_keep_alive_over_closes_the_connection(gunicorn: Start) -> None:
    with gunicorn("--keep-alive", "1") as server:
        connection = server.connect()
        assert ask(connection, "/") == "hello"
        assert connection.sock.recv(1) == b""
        connection.close()


def test_gunicorn_stop_finishes_requests_in_flight(gunicorn: Start) -> None:
    with gunicorn() as server:
        idle = server.connect()
        ask(idle, "/")
        busy = server.connect()
        busy.request("GET", "/sleep")
        server.wait_for(lambda: server.get("/most") == "2")
        os.kill(server.process.pid, signal.SIGTERM)
        reply = busy.getresponse()
        assert (reply.status, reply.read()) == (200, b"hello")
        assert server.process.wait(20) == 0
        idle.close()
        busy.close()


@pytest.mark.slow
def test_gunicorn_graceful_timeout_over_ends_requests(gunicorn: Start) -> None:
    with gunicorn("--graceful-timeout", "1") as server:
        stuck = server.connect()
        stuck.request("GET", "/meet")
        server.wait_for(lambda: server.get("/most") == "2")
        os.kill(server.process.pid, signal.SIGTERM)
        assert server.process.wait(20) == 0
        stuck.close()


@pytest.mark.slow
def test_gunicorn_max_requests_replaces_the_worker(gunicorn: Start) -> None:
    with gunicorn("--max-requests", "3") as server:
        first = server.get("/pid")
        server.wait_for(lambda: server.get("/pid") != first)


@pytest.mark.slow
def test_gunicorn_preload_unix_socket_and_two_workers(gunicorn: Start) -> None:
    with gunicorn("--preload", "--workers", "2", "unix") as server:
        pid, loaded_by = server.get("/pid").split()
        assert int(loaded_by) == server.process.pid != int(pid)
        os.kill(int(pid), signal.SIGKILL)
        server.wait_for(lambda: server.log.count("Booting worker") == 3)
        assert server.get("/") == "hello"


@pytest.mark.slow
def test_gunicorn_tls_of_cert_and_key(gunicorn: Start, tmp_path: Path) -> None:
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key",
         "-out", "cert", "-subj", "/CN=localhost"], cwd=tmp_path, capture_output=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    with gunicorn("--certfile", "cert", "--keyfile", "key", tls=True) as server:
        assert server.get("/scheme") == "https"
        assert together(server, "/meet", 2) == ["hello", "hello"]


@pytest.mark.slow
def test_gunicorn_reload_takes_the_changed_program(gunicorn: Start, tmp_path: Path) -> None:
    with gunicorn("--reload") as server:
        assert server.get("/version") == "1"
        time.sleep(1.1)  # the reloader compares times of files, to the second
        (tmp_path / "program.py").write_text(textwrap.dedent(APP).replace("version = 1", "version = 2"))

        def reloaded() -> bool:
            try:
                return server.get("/version") == "2"
            except OSError:
                return False

        server.wait_for(reloaded)


@pytest.mark.slow
def test_gunicorn_worker_connections_limits_how_many_are_served(gunicorn: Start) -> None:
    with gunicorn("--worker-connections", "2", "--keep-alive", "0") as server:
        assert together(server, "/sleep", 5) == ["hello"] * 5
        assert server.get("/most") == "2"


def test_gunicorn_hooks_are_called(gunicorn: Start, tmp_path: Path) -> None:
    (tmp_path / "conf.py").write_text(
        textwrap.dedent(
            """
            def pre_request(worker, req): worker.log.info("pre %s", req.path)
            def post_request(worker, req, environ, resp): worker.log.info("post %s %s", req.path, resp.status)
            def post_worker_init(worker): worker.log.info("initialised")
            def worker_exit(server, worker): worker.log.info("left")
            def worker_int(worker): worker.log.info("interrupted")
            """
        )
    )
    with gunicorn("-c", "conf.py", "--access-logfile", "-") as server:
        server.get("/echo")
        server.wait_for(lambda: "post /echo 200 OK" in server.log)
        os.kill(server.process.pid, signal.SIGINT)
        assert server.process.wait(20) == 0
        for text in ("initialised", "pre /echo", '"GET /echo HTTP/1.1" 200', "interrupted", "left"):
            assert text in server.log


@pytest.mark.parametrize("worker", ["guv.GuvWorker"], indirect=True)
def test_gunicorn_fast_parser(gunicorn: Start) -> None:
    config = pytest.importorskip("gunicorn.config")
    pytest.importorskip("gunicorn_h1c", reason="gunicorn_h1c, gunicorn's fast parser, is not installed")
    if not hasattr(config, "HttpParser"):
        pytest.skip("this gunicorn has no --http-parser")
    with gunicorn("--http-parser", "fast") as server:
        assert server.get("/echo", b"fast") == "fast"
        assert together(server, "/meet", 2) == ["hello", "hello"]


def test_import_of_guv_imports_no_gunicorn() -> None:
    code = "import sys, guv; guv.monkey_patch(); print('gunicorn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
