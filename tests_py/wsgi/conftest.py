"""Servers for the tests: one over real sockets on loopback, one over byte strings without any I/O."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from http_replies import read_all

import guv
from guv.wsgi import Limits, WSGIHandler, WSGIServer, _handler


class Served:
    """A server that runs in a greenthread of this process."""

    def __init__(self, application, **options) -> None:
        self.server = WSGIServer(guv.listen(("127.0.0.1", 0)), application, **options)
        self.address = self.server.address
        self.server.start()

    def connect(self):
        sock = guv.connect(self.address)
        sock.settimeout(20)
        return sock

    def talk(self, data: bytes, finish: bool = True) -> bytes:
        """Send `data`, say that no more comes, and read until the server ends the connection."""
        with self.connect() as sock:
            sock.sendall(data)
            if finish:
                sock.shutdown(socket.SHUT_WR)
            return read_all(sock)


@pytest.fixture
def serve(hub) -> Iterator:
    running = []

    def start(application, **options) -> Served:
        served = Served(application, **options)
        running.append(served)
        return served

    yield start
    for served in running:
        served.server.stop(0)
    guv.sleep(0)


class _Listener:
    family = socket.AF_UNIX


class _Client:
    family = socket.AF_UNIX


class Script:
    """A transport whose input is a list of pieces and whose output is kept."""

    is_tls = False

    def __init__(self, pieces) -> None:
        self.pieces = list(pieces)
        self.output = b""

    def receive(self, sock, size: int) -> bytes:
        if self.pieces and len(self.pieces[0]) > size:
            piece = self.pieces[0]
            self.pieces[0] = piece[size:]
            return piece[:size]
        return self.pieces.pop(0) if self.pieces else b""

    def send(self, sock, data: bytes, more: bool = False) -> None:
        self.output += data

    def set_timeout(self, sock, seconds) -> None:
        pass

    def shutdown_output(self, sock) -> None:
        pass

    def close(self, sock) -> None:
        pass


@pytest.fixture
def converse(monkeypatch):
    """`converse(pieces, app)`: what a connection answers that receives `pieces`. No I/O happens.

    Each is the first of a new server, or one of `server`, which `converse.server(app)` makes.
    """

    def new_server(application, limits: Limits | None = None) -> WSGIServer:
        return WSGIServer(_Listener(), application, limits=limits)

    def run(pieces, application=None, limits: Limits | None = None, server: WSGIServer | None = None) -> bytes:
        script = Script(pieces)
        monkeypatch.setattr(_handler, "transport_for", lambda sock: script)
        monkeypatch.setattr(_handler, "gyield", lambda: None)
        WSGIHandler(_Client(), "", server or new_server(application, limits)).handle()
        return script.output

    run.server = new_server
    return run
