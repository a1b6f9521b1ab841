"""Names of eventlet, and of the original guv, that programs use, with their arguments."""

from __future__ import annotations

import io
import logging
import os
import socket
from typing import Any

import pytest

import guv
from guv import corolocal, greenio, hubs, wsgi
from guv.event import Event
from guv.timeout import Timeout

pytestmark = pytest.mark.usefixtures("hub")


def test_trampoline_takesReadAndWrite() -> None:
    here, there = socket.socketpair()
    with here, there:
        guv.spawn_after(0.001, there.send, b"x")
        assert hubs.trampoline(here, read=True) & guv.const.READ
        assert here.recv(1) == b"x"
        with pytest.raises(Timeout):
            hubs.trampoline(here.fileno(), read=True, write=False, timeout=0.001)
        with pytest.raises(KeyError):
            hubs.trampoline(here.fileno(), read=True, timeout=0.001, timeout_exc=KeyError)
        assert hubs.trampoline(here, write=True) == guv.const.WRITE
        assert hubs.trampoline(here, read=True, write=True) == guv.const.WRITE
        with pytest.raises(ValueError, match="evtype must be"):
            hubs.trampoline(here)


def test_greenio_wrapsSocketsAndPipes() -> None:
    here, there = (greenio.GreenSocket(sock) for sock in socket.socketpair())
    with here, there:
        guv.spawn_after(0.001, there.sendall, b"x")
        assert here.recv(1) == b"x"
        greenio.shutdown_safe(there)
        assert here.recv(1) == b""
    greenio.shutdown_safe(here)  # closed
    with greenio.GreenSocket(socket.AF_INET, socket.SOCK_STREAM) as fresh:
        greenio.shutdown_safe(fresh)  # not connected
    reader, writer = os.pipe()
    with greenio.GreenPipe(reader) as read, greenio.GreenPipe(writer, "w", 1) as write:
        guv.spawn_after(0.001, write.write, "line\n")
        assert read.readline() == "line\n"


def test_listen_takesReuseAddr() -> None:
    for given, expected in ((None, True), (True, True), (False, False)):
        with guv.listen(("127.0.0.1", 0), reuse_addr=given, reuse_port=None) as listener:
            assert bool(listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)) is expected


def test_green_modulesInPackages_areImported() -> None:
    from guv.green.http.client import HTTPConnection
    from guv.green.urllib import request
    from guv.green.urllib.request import urlopen

    assert HTTPConnection.__module__.startswith("_guv_private.green")
    assert request.urlopen is urlopen
    with pytest.raises(ImportError, match="nothing"):
        import guv.green.nothing
    with pytest.raises(ImportError, match="nothing"):
        import guv.green.http.nothing  # noqa: F401


def test_green_subprocess_raisesTheErrorsThatItNames() -> None:
    import subprocess

    from guv.green.subprocess import CalledProcessError, TimeoutExpired, check_call, run

    with pytest.raises(CalledProcessError) as failed:
        check_call(["false"])
    assert isinstance(failed.value, subprocess.CalledProcessError)
    with pytest.raises(TimeoutExpired) as expired:
        run(["sleep", "60"], timeout=0.01)
    assert isinstance(expired.value, subprocess.TimeoutExpired)


def test_corolocal_isOfAGreenlet() -> None:
    data = corolocal.local()
    data.x = corolocal.get_ident()
    assert guv.spawn(lambda: (hasattr(data, "x"), corolocal.get_ident())).wait()[0] is False
    assert guv.spawn(corolocal.get_ident).wait() != data.x == corolocal.get_ident()


# ---- wsgi.server


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ.get("my.key", "none").encode()]


def talk(listener: socket.socket, *paths: str) -> bytes:
    with guv.connect(listener.getsockname()) as client:
        for path in paths:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(1000), b""))


def served(*paths: str, **options: Any) -> bytes:
    listener = guv.listen(("127.0.0.1", 0))
    serving = guv.spawn(wsgi.server, listener, application, **options)
    try:
        return talk(listener, *paths)
    finally:
        guv.kill(serving, guv.StopServe)
        assert serving.join(timeout=5)
        assert serving.successful()


def test_server_logsInEventletsFormat() -> None:
    log = io.StringIO()
    assert served("/a", log=log, environ={"my.key": "value"}).endswith(b"value")
    line = log.getvalue()
    assert line.startswith("127.0.0.1 - - [")
    assert '] "GET /a HTTP/1.1" 200 5 0.0' in line
    log = io.StringIO()
    served("/a", log=log, log_format="%(client_ip)s:%(client_port)s %(status_code)s")
    assert log.getvalue().startswith("127.0.0.1:")
    assert log.getvalue().endswith(" 200\n")


def test_server_logsToLoggerOrStderrOrNowhere(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        served("/a", log=logging.getLogger("mine"))
    assert [record.name for record in caplog.records] == ["mine"]
    served("/b", log_output=False)
    served("/c")
    told = capsys.readouterr().err
    assert "/c" in told
    assert "/b" not in told


def test_server_takesEventletsLimits() -> None:
    quiet: dict[str, Any] = {"log_output": False}
    assert served("/" + "x" * 100, url_length_limit=50, **quiet).startswith(b"HTTP/1.1 414 ")
    assert served("/a", "/b", **quiet).count(b"HTTP/1.1 200") == 2
    for last in ({"keepalive": False}, {"max_http_version": "HTTP/1.0"}):
        assert served("/a", "/b", **last, **quiet).count(b"HTTP/1.1 200") == 1
    started = Event[wsgi.WSGIServer]()
    pool = guv.GreenPool(3)
    served("/a", server_event=started, custom_pool=pool, socket_timeout=7, max_size=3, **quiet)
    server = started.wait()
    assert (server.pool, server.limits.keep_alive, server.limits.send_timeout) == (pool, 7, 7)
    served(
        "/a", minimum_chunk_size=1, log_x_forwarded_for=False, debug=False, capitalize_response_headers=False, **quiet
    )


def test_server_withAProtocolClass_isRefused() -> None:
    with guv.listen(("127.0.0.1", 0)) as listener, pytest.raises(TypeError, match="no protocol classes"):
        wsgi.server(listener, application, protocol=object)  # type: ignore[arg-type]


def test_server_ofAClosedSocket_ends() -> None:
    listener = guv.listen(("127.0.0.1", 0))
    serving = guv.spawn(wsgi.server, listener, application, log_output=False)
    talk(listener, "/a")
    listener.close()
    assert serving.join(timeout=5)
    assert serving.successful()
