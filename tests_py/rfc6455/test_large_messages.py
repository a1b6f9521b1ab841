"""Large messages, whole, in fragments and chopped; many small ones. The cases of Autobahn's section 9."""

from __future__ import annotations

import pytest
from frames import BINARY, TEXT, fragments, frame

import guv
from guv.event import Event

ROOM = 32 << 20


def talk(client, wire: bytes) -> bytes:
    """The one message that comes back to `wire`."""
    sending = guv.spawn(client.sock.sendall, wire)
    first, payload = client.frame()
    sending.wait()
    assert first & 0xF0 == 0x80
    return payload


@pytest.mark.slow
@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
@pytest.mark.parametrize("size", [65536, 1 << 18, 1 << 20, 4 << 20, 16 << 20])
def test_large_message_comes_back(peer, opcode, size):
    client = peer(max_frame_length=ROOM)
    client.open()
    message = b"*" * size
    assert talk(client, frame(opcode, message)) == message


@pytest.mark.slow
@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
@pytest.mark.parametrize("size", [64, 256, 1024, 4096, 16384, 65536, 1 << 20, 4 << 20])
def test_message_in_fragments_comes_back_in_one_piece(peer, opcode, size):
    client = peer(max_frame_length=ROOM)
    client.open()
    message = "ä*".encode() * ((4 << 20 if size > 1000 else 1 << 18) // 3)
    assert talk(client, fragments(opcode, message, size)) == message


@pytest.mark.slow
@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
@pytest.mark.parametrize("size", [64, 1024])
def test_message_chopped_into_packets_comes_back(peer, opcode, size):
    client = peer(max_frame_length=ROOM)
    client.open()
    message = b"*" * (1 << 18)
    wire = frame(opcode, message)

    def send():
        for start in range(0, len(wire), size):
            client.sock.sendall(wire[start : start + size])
            guv.sleep(0)

    sending = guv.spawn(send)
    assert client.frame() == (0x80 | opcode, message)
    sending.wait()


@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
def test_many_messages_come_back_in_order(peer, opcode):
    client = peer()
    client.open()
    messages = [b"%d" % number * (number % 300) for number in range(1000)]
    sending = guv.spawn(client.sock.sendall, b"".join(frame(opcode, message) for message in messages))
    assert [client.frame() for _ in messages] == [(0x80 | opcode, message) for message in messages]
    sending.wait()


def test_good_bye_reaches_a_peer_that_is_still_sending(peer):
    """Closing with input unread would reset the connection, and the peer lose what was sent to it."""
    client = peer(max_frame_length=1000)
    client.open()
    client.sock.sendall(frame(BINARY, bytes(4 << 20)))
    assert client.code() == 1009
    client.assert_ended()


def test_peer_that_stays_is_not_waited_for_longer_than_bounded(peer, monkeypatch):
    monkeypatch.setattr("guv.websocket._connection._LINGER", 0.01)
    ended = Event()

    def handler(ws):
        assert ws.wait() is None
        ended.send(ws.close_code)

    client = peer(handler, max_frame_length=1000)
    client.open()
    client.sock.sendall(frame(BINARY, bytes(2000)))
    assert ended.wait(timeout=20) == 1009
    assert client.code() == 1009


@pytest.mark.parametrize("limit", ["_LINGER_BYTES", None])
def test_peer_that_goes_on_sending_is_not_read_for_ever(peer, monkeypatch, limit):
    monkeypatch.setattr(f"guv.websocket._connection.{limit or '_LINGER'}", 100_000 if limit else 0.05)
    client = peer(max_frame_length=1000)
    client.open()

    def flood():
        try:
            client.sock.sendall(frame(BINARY, bytes(2000)))
            while True:
                client.sock.sendall(bytes(65536))
        except ConnectionError:
            return "refused"

    assert guv.spawn(flood).get(timeout=20) == "refused"


def test_good_bye_of_a_client_reaches_a_server_that_is_still_sending(hub):
    from guv.websocket import WebSocketWSGI, connect
    from guv.wsgi import WSGIServer

    told = Event()

    def handler(ws):
        try:
            ws.send(bytes(4 << 20))
        finally:
            ws.wait()
            told.send(ws.close_code)

    server = WSGIServer(guv.listen(("127.0.0.1", 0)), WebSocketWSGI(handler, compress=False))
    server.start()
    with connect(f"ws://127.0.0.1:{server.address[1]}/", max_frame_length=1000, compress=False) as ws:
        assert ws.wait() is None
        assert ws.close_code == 1009
    assert told.wait(timeout=20) == 1009
    server.stop(0)
