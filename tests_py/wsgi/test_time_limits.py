"""Peers that are too slow, and the end of the server."""

from __future__ import annotations

import pytest
from http_replies import read_all, read_reply

import guv
from guv.wsgi import Limits

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"


def ok(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@pytest.mark.parametrize(
    ("sent", "limits", "answer"),
    [
        (b"", Limits(keep_alive=0.02), b""),
        (GET, Limits(keep_alive=0.02), b"HTTP/1.1 200"),
        (b"GET / HTTP/1.1\r\n", Limits(head_timeout=0.02), b"HTTP/1.1 408"),
        (POST + b"Content-Length: 5\r\n\r\nab", Limits(body_timeout=0.02), b""),
    ],
    ids=["never asks", "asks no more", "slow head", "slow body"],
)
def test_peer_that_is_too_slow_is_let_go(serve, sent, limits, answer):
    with serve(echo, limits=limits).connect() as sock:
        sock.sendall(sent)
        assert read_all(sock)[: len(answer)] == answer


def test_head_that_dribbles_is_cut_off_in_time(serve):
    with serve(ok, limits=Limits(head_timeout=0.05)).connect() as sock:
        sock.settimeout(0.005)
        sock.sendall(b"GET / HTTP/1.1\r\n")
        for _ in range(1000):
            sock.sendall(b"X: y\r\n")
            try:
                reply = sock.recv(100)
                break
            except TimeoutError:
                pass
        else:
            pytest.fail("the server went on reading")
    assert reply.startswith(b"HTTP/1.1 408 ")


def test_peer_that_takes_nothing_is_let_go(serve):
    ended = []

    def app(environ, start_response):
        start_response("200 OK", [])
        try:
            while True:
                yield bytes(1_000_000)
        finally:
            ended.append(True)

    with serve(app, limits=Limits(send_timeout=0.02)).connect() as sock:
        sock.sendall(GET)
        while not ended:
            guv.sleep(0.005)


def test_stop_ends_idle_connections_and_lets_requests_finish(serve):
    entered, go = guv.event.TEvent(), guv.event.TEvent()

    def app(environ, start_response):
        entered.set()
        go.wait()
        return ok(environ, start_response)

    served = serve(app)
    with served.connect() as idle, served.connect() as busy:
        go.set()
        idle.sendall(GET)
        read_reply(idle)
        entered.clear()
        go.clear()
        busy.sendall(GET)
        entered.wait()
        stopping = guv.spawn(served.server.stop)
        assert idle.recv(1) == b""
        go.set()
        reply = read_all(busy)
        stopping.wait()
    assert reply.endswith(b"ok")
    assert b"Connection: close" in reply


@pytest.mark.parametrize("way", ["accepted before", "accepted meanwhile"])
def test_who_has_connected_before_the_stop_may_still_ask(serve, way):
    served = serve(ok)
    with served.connect() as sock:
        if way == "accepted before":
            while not served.server.handlers:
                guv.sleep(0)
        else:
            while not served.server.running:
                guv.sleep(0)
        stopping = guv.spawn(served.server.stop, 20)
        guv.sleep(0.01)
        sock.sendall(GET)
        reply = read_all(sock)
        stopping.wait()
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert b"Connection: close" in reply


def test_who_never_asks_does_not_keep_a_stopping_server(serve, monkeypatch):
    monkeypatch.setattr("guv.wsgi._server.FIRST_WORDS", 0.02)
    served = serve(ok)
    with served.connect() as sock:
        while not served.server.handlers:
            guv.sleep(0)
        stopping = guv.spawn(served.server.stop)
        assert sock.recv(1) == b""
        stopping.wait()
