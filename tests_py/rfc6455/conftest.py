"""A server that echoes messages, and a peer that speaks to it in bytes."""

from __future__ import annotations

import pytest
from frames import Peer

import guv
from guv.websocket import WebSocketWSGI
from guv.wsgi import WSGIServer


def echo(ws):
    for message in ws:
        ws.send(message)


@pytest.fixture
def peer(hub):
    servers, peers = [], []

    def start(handler=echo, **options) -> Peer:
        server = WSGIServer(guv.listen(("127.0.0.1", 0)), WebSocketWSGI(handler, **options))
        server.start()
        servers.append(server)
        peers.append(Peer(server.address))
        return peers[-1]

    yield start
    for peer in peers:
        peer.sock.close()
    for server in servers:
        server.stop(0)
    guv.sleep(0)
