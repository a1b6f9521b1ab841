"""Both sides as programs use them: messages, the end of a websocket, several greenlets on one."""

from __future__ import annotations

import contextlib
import socket
import ssl

import pytest

import guv
from guv.websocket import (
    ConnectionClosedError,
    ProtocolError,
    RFC6455WebSocket,
    WebSocketWSGI,
    connect,
)
from guv.wsgi import WSGIServer


def echo(ws):
    for message in ws:
        ws.send(message)


@pytest.fixture
def serve(hub):
    servers = []

    def start(application, **options) -> str:
        server = WSGIServer(guv.listen(("127.0.0.1", 0)), application, **options)
        server.start()
        servers.append(server)
        return f"ws://127.0.0.1:{server.address[1]}/"

    yield start
    for server in servers:
        server.stop(0)
    guv.sleep(0)


@pytest.mark.parametrize("compress", [True, False])
def test_messages_come_back_as_they_were(serve, compress):
    with connect(serve(WebSocketWSGI(echo)), compress=compress) as ws:
        for message in ("", "hällo €", b"", b"\0\xff" * 100, "x" * 200_000, bytes(200_000)):
            ws.send(message)
            assert ws.wait() == message
    assert (ws.close_code, ws.wait(), ws.websocket_closed) == (1000, None, True)


def test_handler_sees_the_request_and_its_return_closes(serve):
    seen = []

    @WebSocketWSGI.configured(supported_protocols=["chat"], origin_checker=lambda origin: origin == "http://x")
    def handler(ws):
        seen.append((ws.path, ws.protocol, ws.origin, ws.version, ws.environ["QUERY_STRING"]))

    ws = connect(serve(handler) + "room?n=1", ["other", "chat"], origin="http://x")
    assert ws.protocol == "chat"
    assert ws.wait() is None
    assert ws.close_code == 1000
    assert seen == [("/room", "chat", "http://x", 13, "n=1")]


def test_client_close_code_reaches_the_server(serve):
    ends = []

    def handler(ws):
        assert ws.wait() is None
        ends.append((ws.close_code, ws.close_reason))
        with pytest.raises(ConnectionClosedError) as caught:
            ws.send("too late")
        ends.append(caught.value.code)

    connect(serve(WebSocketWSGI(handler))).close((4000, "enough"))
    guv.sleep(0)
    assert ends == [(4000, "enough"), 4000]


def test_failing_handler_closes_with_1011_and_is_logged(serve, caplog):
    def handler(ws):
        raise RuntimeError("broken handler")

    ws = connect(serve(WebSocketWSGI(handler)))
    assert ws.wait() is None
    assert ws.close_code == 1011
    guv.sleep(0.01)
    assert "broken handler" in caplog.text


def test_peer_that_vanishes_ends_the_wait(serve, caplog):
    ends = []

    def handler(ws):
        ends.append((ws.wait(), ws.close_code))

    ws = connect(serve(WebSocketWSGI(handler)))
    ws.socket.close()
    while not ends:
        guv.sleep(0.001)
    assert ends == [(None, 1006)]
    assert not caplog.records


def test_many_greenlets_send_whole_messages_on_one_websocket(serve):
    ws = connect(serve(WebSocketWSGI(echo)))
    for number in range(50):
        guv.spawn(ws.send, f"{number}:" + "x" * 1000 * number)
    got = [ws.wait().partition(":") for _ in range(50)]
    assert sorted((int(number), len(rest)) for number, _, rest in got) == [(n, 1000 * n) for n in range(50)]
    ws.close()


def test_close_while_another_greenlet_waits_ends_both(serve):
    ws = connect(serve(WebSocketWSGI(echo)))
    waiting = guv.spawn(ws.wait)
    guv.sleep(0)
    ws.close()
    assert waiting.wait() is None


def fill(ws) -> None:
    """Send until the peer, which reads nothing, lets no more through."""
    with guv.Timeout(0.05, False):
        while True:
            ws.send(bytes(1 << 20))


def test_close_does_not_wait_for_a_peer_that_takes_nothing(serve):
    ended = []

    def send(ws) -> None:
        with contextlib.suppress(ConnectionClosedError):
            while True:
                ws.send(bytes(1 << 20))

    @WebSocketWSGI.configured(close_timeout=0.02)
    def handler(ws):
        guv.spawn(send, ws)
        guv.sleep(0.02)
        ws.close()
        ended.append(ws.close_code)

    ws = connect(serve(handler), compress=False)
    while not ended:
        guv.sleep(0.005)
    assert ended == [1006]
    ws.socket.close()


def test_peer_that_takes_nothing_is_given_up_in_time(serve):
    ended = []

    @WebSocketWSGI.configured(send_timeout=0.02)
    def handler(ws):
        with pytest.raises(ConnectionClosedError, match=r"the peer took nothing for 0\.02 s"):
            while True:
                ws.send(bytes(1 << 20))
        ended.append(ws.close_code)

    ws = connect(serve(handler), compress=False)
    while not ended:
        guv.sleep(0.005)
    assert ended == [1006]
    ws.socket.close()


def test_send_that_was_cut_off_ends_the_websocket(serve):
    """Behind a part of a frame the next one would be taken for the rest of it."""
    ended = []

    def handler(ws):
        fill(ws)
        try:
            ws.send("next")
        except ConnectionClosedError as error:
            ended.append((error.code, ws.close_reason))

    ws = connect(serve(WebSocketWSGI(handler)), compress=False)
    while not ended:
        guv.sleep(0.005)
    assert ended == [(1006, "sending was cut off")]
    ws.socket.close()


def test_peer_that_takes_nothing_is_given_up_though_a_greenlet_is_sending(serve):
    ended = []

    @WebSocketWSGI.configured(ping_interval=0.01, ping_timeout=0.02, close_timeout=0.02)
    def handler(ws):
        def send() -> None:
            with pytest.raises(ConnectionClosedError):
                while True:
                    ws.send(bytes(1 << 20))

        sending = guv.spawn(send)
        assert ws.wait() is None
        sending.wait()
        ended.append(ws.close_code)

    ws = connect(serve(handler), compress=False)
    while not ended:
        guv.sleep(0.005)
    assert ended[0] in (1006, 1011)
    ws.socket.close()


def test_silent_peer_is_asked_and_given_up(serve):
    ends = []

    @WebSocketWSGI.configured(ping_interval=0.01, ping_timeout=0.05)
    def handler(ws):
        ws.wait()
        ends.append(ws.close_code)

    ws = connect(serve(handler))  # nobody waits, so no ping is answered
    while not ends:
        guv.sleep(0.005)
    assert ends == [1011]
    assert ws.wait() is None
    assert ws.close_code == 1011


def test_peer_that_answers_pings_stays(serve):
    url = serve(WebSocketWSGI.configured(echo, ping_interval=0.005, ping_timeout=5))
    ws = connect(url)
    waiting = guv.spawn(ws.wait)
    guv.sleep(0.05)
    ws.send("still here")
    assert waiting.wait() == "still here"
    ws.close()


def test_plain_server_is_no_websocket(serve):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "0")])
        return []

    with pytest.raises(ProtocolError, match="200 OK"):
        connect(serve(app))


def test_answer_that_dribbles_is_given_up_in_time(hub):
    def dribble(sock, address):
        with contextlib.suppress(OSError):
            sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\n")
            for _ in range(1000):
                guv.sleep(0.005)
                sock.sendall(b"X: y\r\n")

    server = guv.server.Server(guv.listen(("127.0.0.1", 0)), dribble)
    server.start()
    with pytest.raises(TimeoutError, match=r"did not open within 0\.05 s"):
        connect(f"ws://127.0.0.1:{server.address[1]}/", timeout=0.05)
    server.stop(0)


def test_connect_tries_each_address_of_the_host(serve, monkeypatch):
    """Nobody listens on ::1."""
    port = int(serve(WebSocketWSGI(echo)).rstrip("/").rpartition(":")[2])
    found = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
             (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]  # fmt: skip
    monkeypatch.setattr("guv.websocket._client.getaddrinfo", lambda *args: found)
    with connect(f"ws://localhost:{port}/") as ws:
        ws.send("hello")
        assert ws.wait() == "hello"


def test_request_that_is_no_handshake_is_told_to_upgrade(serve):
    with guv.connect(("127.0.0.1", int(serve(WebSocketWSGI(echo)).split(":")[2][:-1]))) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 426 ")


def test_stopping_server_kills_websockets_after_its_timeout(hub):
    server = WSGIServer(guv.listen(("127.0.0.1", 0)), WebSocketWSGI(echo))
    server.start()
    ws = connect(f"ws://127.0.0.1:{server.address[1]}/")
    server.stop(0.01)
    assert ws.wait() is None
    assert ws.close_code == 1001


def test_missing_wsproto_is_named(script):
    out = script(
        """
        import sys
        sys.modules["wsproto"] = None
        try:
            import guv.websocket
        except ImportError as error:
            print(error)
        import guv.wsgi
        """
    )
    assert out == "guv.websocket needs the package wsproto: pip install 'guv[web]'\n"


@pytest.mark.parametrize("code", [0, 999, 1004, 1016, 2999, 5000, 70000])
def test_close_code_that_may_not_be_sent_is_named(serve, code):
    with connect(serve(WebSocketWSGI(echo))) as ws:
        with pytest.raises(ValueError, match=f"{code} is no close code"):
            ws.close((code, ""))
        ws.send("still open")
        assert ws.wait() == "still open"


@pytest.mark.parametrize("code", [1005, 1006, 1015])
def test_code_of_an_end_without_a_code_is_sent_as_1000(serve, code):
    ws = connect(serve(WebSocketWSGI(lambda ws: ws.close((code, "")))))
    assert ws.wait() is None
    assert ws.close_code == 1000


def test_legacy_versions_are_refused_in_words():
    with pytest.raises(ValueError, match="RFC 6455"):
        WebSocketWSGI.configured(echo, support_legacy_versions=True)


@pytest.mark.parametrize("url", ["http://localhost/", "ws:///x", "localhost"])
def test_wrong_url_is_named(hub, url):
    with pytest.raises(ValueError, match="ws://host:port/path"):
        connect(url)


@pytest.mark.parametrize("message", [1, None, ["a"]])
def test_message_of_another_type_is_refused(hub, message):
    import socket

    ours, _theirs = socket.socketpair()
    with pytest.raises(TypeError, match="str or bytes"):
        RFC6455WebSocket(ours, {}).send(message)
    ours.close()
    _theirs.close()


def test_wss_yields_without_the_patch(serve, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    url = serve(WebSocketWSGI(echo), ssl_context=context).replace("ws://127.0.0.1", "wss://localhost")
    trusting = ssl.create_default_context(cafile=certificate)
    sockets = [connect(url, ssl_context=trusting) for _ in range(3)]
    for ws in sockets:
        ws.send("x" * 100_000)
    assert [len(ws.wait()) for ws in sockets] == [100_000] * 3
    for ws in sockets:
        ws.close()
