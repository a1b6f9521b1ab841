"""gevent's servers, sockets and files, with gevent's arguments."""

from __future__ import annotations

import io
import logging
import os
import ssl
from typing import Any

import pytest

import guv
from guv import fileobject, pywsgi, queue
from guv import socket as gsocket
from guv.pool import Pool
from guv.server import DatagramServer, StreamServer

pytestmark = pytest.mark.usefixtures("hub")


def test_socket_module_hasSocketsAndWaits() -> None:
    here, there = gsocket.socketpair()
    with here, there:
        guv.spawn_later(0.001, there.send, b"x")
        gsocket.wait_read(here.fileno(), timeout=5)
        assert here.recv(1) == b"x"
        with pytest.raises(gsocket.timeout):
            gsocket.wait_read(here, timeout=0.001)
        with pytest.raises(KeyError):
            gsocket.wait_read(here.fileno(), timeout=0.001, timeout_exc=KeyError)
        gsocket.wait_write(here)
        gsocket.wait_readwrite(here)
    names: dict[str, Any] = {}
    exec("from guv.socket import *", names)
    assert {"socket", "AF_INET", "create_connection", "wait_read", "error"} <= names.keys()
    descriptor = os.dup(0)
    gsocket.close(descriptor)  # the function, not the method
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def echo(sock: Any, address: Any) -> None:
    while data := sock.recv(100):
        sock.sendall(data)


def ask(port: int, data: bytes = b"hello") -> bytes:
    with guv.connect(("127.0.0.1", port)) as client:
        client.sendall(data)
        return client.recv(100)


@pytest.mark.parametrize("listener", [("127.0.0.1", 0), "127.0.0.1:0"])
@pytest.mark.parametrize("spawn", ["default", "raw", 10, Pool(2), guv.spawn])
def test_streamServer_ofAnAddress_listensByItself(listener: Any, spawn: Any) -> None:
    with StreamServer(listener, echo, spawn=spawn) as server:
        server.start()
        assert (server.started, server.closed, server.server_host) == (True, False, "127.0.0.1")
        assert ask(server.server_port or 0) == b"hello"
        where = server.address
    assert (server.started, server.closed, server.address) == (False, True, where)
    with pytest.raises(ConnectionRefusedError):
        ask(server.server_port or 0)


def test_streamServer_ofAPort_orASocket_orAPath(tmp_path: Any) -> None:
    with StreamServer(0, echo, backlog=5) as server:
        server.start()
        assert ask(server.server_port or 0) == b"hello"
    with StreamServer(guv.listen(("127.0.0.1", 0)), echo) as server:
        server.start()
        assert server.socket is server.server_sock
        assert ask(server.server_port or 0) == b"hello"
    with StreamServer(str(tmp_path / "s"), echo) as server:
        assert (server.server_host, server.server_port) == (None, None)


def test_streamServer_subclassWithAHandle() -> None:
    class Greeter(StreamServer):
        def handle(self, sock: Any, address: Any) -> None:
            sock.sendall(b"greetings")

    with Greeter(("127.0.0.1", 0)) as server:
        server.start()
        assert ask(server.server_port or 0) == b"greetings"


def test_streamServer_serveForever_endsByStopFromElsewhere() -> None:
    server = StreamServer(("127.0.0.1", 0), echo)
    serving = guv.spawn(server.serve_forever)
    assert ask(server.server_port or 0) == b"hello"
    server.stop()
    assert serving.join(timeout=5)
    assert serving.successful()


@pytest.mark.parametrize("error", [KeyError, guv.StopServe])
def test_streamServer_serveForever_stopsIfItIsInterrupted(error: Any) -> None:
    server = StreamServer(("127.0.0.1", 0), echo)
    serving = guv.spawn(server.serve_forever)
    guv.sleep(0)
    serving.link(lambda _: None)
    serving.kill(error)
    assert serving.join(timeout=5)
    assert server.closed
    assert serving.successful() == (error is guv.StopServe)


def test_streamServer_stop_killsWhatOutlastsItsPatience() -> None:
    ends: list[str] = []

    def handle(sock: Any, address: Any) -> None:
        try:
            guv.sleep(100)
        finally:
            ends.append("end")

    server = StreamServer(("127.0.0.1", 0), handle)
    server.stop_timeout = 0.01
    server.start()
    with guv.connect(server.address):
        guv.sleep(0.01)
        server.stop()
    assert ends == ["end"]


def test_streamServer_startedAndServedForever_acceptsOnce() -> None:
    server = StreamServer(("127.0.0.1", 0), echo)
    server.start()
    serving = guv.spawn(server.serve_forever)
    guv.sleep(0)
    assert sum(1 for thread in (server._acceptor, serving) if not thread.ready()) == 2  # type: ignore[union-attr]
    assert ask(server.server_port or 0) == b"hello"
    server.stop()
    serving.join()


def test_streamServer_withFilesForTls(certificate: str) -> None:
    with StreamServer(
        ("127.0.0.1", 0), echo, keyfile=certificate, certfile=certificate, ssl_version=ssl.PROTOCOL_TLS
    ) as server:
        server.start()
        with guv.wrap_ssl(guv.connect(server.address)) as client:
            client.sendall(b"hello")
            assert client.recv(100) == b"hello"


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"listener": 1.5}, TypeError, "listens on a socket"),
        ({"listener": True}, TypeError, "listens on a socket"),
        ({"handle": None}, TypeError, "needs a handler"),
        ({"spawn": "fast"}, TypeError, "spawn must be"),
        ({"spawn": -1}, ValueError, "size"),
        ({"server_side": False}, ValueError, "makes no sense"),
        ({"nonsense": 1}, TypeError, "nonsense"),
    ],
)
def test_streamServer_withArgumentsThatMakeNoSense(options: dict[str, Any], error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        StreamServer(**{"listener": ("127.0.0.1", 0), "handle": echo, **options})


def test_streamServer_socketWithABacklog_isRefused() -> None:
    with guv.listen(("127.0.0.1", 0)) as listener, pytest.raises(TypeError, match="backlog"):
        StreamServer(listener, echo, backlog=5)


def datagram_client(port: int | None) -> Any:
    client = gsocket.socket(gsocket.AF_INET, gsocket.SOCK_DGRAM)
    client.settimeout(5)
    client.connect(("127.0.0.1", port))
    return client


@pytest.mark.parametrize("spawn", ["default", Pool(2)])
def test_datagramServer_answers(spawn: Any) -> None:
    class Echo(DatagramServer):
        def handle(self, data: bytes, address: Any) -> None:
            if data == b"fail":
                raise ValueError("a defect of the handler")
            self.sendto(b"got " + data, address)

    server = Echo("127.0.0.1:0", spawn=spawn)
    serving = guv.spawn(server.serve_forever)
    guv.sleep(0)
    with datagram_client(server.server_port) as client:
        client.send(b"fail")
        client.send(b"one")
        assert client.recv(100) == b"got one"
    server.stop()
    assert serving.join(timeout=5)
    assert (serving.successful(), server.closed) == (True, True)


def test_datagramServer_twoOnOneAddress_areRefused() -> None:
    with DatagramServer(("127.0.0.1", 0), print) as server, pytest.raises(OSError, match="in use"):
        DatagramServer(server.address, print)
    with pytest.raises(TypeError, match="needs a handler"):
        DatagramServer(("127.0.0.1", 0))


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    if environ["PATH_INFO"] == "/fail":
        raise ValueError("a defect of the application")
    environ["wsgi.errors"].write("a word\n")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ.get("my.key", "none").encode()]


def get(port: int | None, path: str) -> bytes:
    with guv.connect(("127.0.0.1", port)) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: client.recv(1000), b""))


def test_pywsgi_serves_andLogsToFiles() -> None:
    log, errors = io.StringIO(), io.StringIO()
    server = pywsgi.WSGIServer(
        ("127.0.0.1", 0), application, log=log, error_log=errors, environ={"my.key": "value"}, spawn=5
    )
    server.start()
    assert get(server.server_port, "/a").endswith(b"value")
    assert get(server.server_port, "/fail").startswith(b"HTTP/1.1 500 ")
    server.stop()
    assert [line.split('"')[1:3] for line in log.getvalue().splitlines()] == [
        ["GET /a HTTP/1.1", " 200 5"],
        ["GET /fail HTTP/1.1", " 500 42"],
    ]
    assert errors.getvalue().startswith("a word\n")
    assert errors.getvalue().endswith("ValueError: a defect of the application\n")


def test_pywsgi_logsToLoggers(caplog: pytest.LogCaptureFixture) -> None:
    log, errors = logging.getLogger("mine.access"), logging.getLogger("mine.errors")
    with (
        caplog.at_level(logging.INFO),
        pywsgi.WSGIServer(("127.0.0.1", 0), application, log=log, error_log=errors) as server,
    ):
        server.start()
        get(server.server_port, "/a")
        get(server.server_port, "/fail")
    told = [(record.name, record.levelname) for record in caplog.records]
    assert told == [
        ("mine.errors", "ERROR"),
        ("mine.access", "INFO"),
        ("mine.errors", "ERROR"),
        ("mine.access", "INFO"),
    ]


def test_pywsgi_logsToStderr_unlessToldOtherwise(capsys: pytest.CaptureFixture[str]) -> None:
    for log in ("default", None):
        with pywsgi.WSGIServer(("127.0.0.1", 0), application, log=log) as server:
            server.start()
            get(server.server_port, f"/{log}")
    assert "GET /default HTTP/1.1" in (told := capsys.readouterr().err)
    assert "GET /None HTTP/1.1" not in told


def test_pywsgi_handlersOfOthers_areRefused() -> None:
    class WebSocketHandler(pywsgi.WSGIHandler):
        __slots__ = ()

    with pytest.raises(TypeError, match=r"guv\.websocket"):
        pywsgi.WSGIServer(("127.0.0.1", 0), application, handler_class=WebSocketHandler)


def test_fileobject_andQueues_takeGeventsArguments() -> None:
    reader, writer = os.pipe()
    with fileobject.FileObject(reader, "rb") as read, fileobject.FileObject(writer, "wb", 0) as write:
        guv.spawn_later(0.001, write.write, b"line\n")
        assert read.readline() == b"line\n"
    items = queue.Queue(maxsize=3, items=[1, 2, StopIteration])
    assert items.full()
    assert list(items) == [1, 2]
