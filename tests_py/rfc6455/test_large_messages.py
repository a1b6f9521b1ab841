"""Large messages, whole, in fragments and chopped; many small ones. The cases of Autobahn's section 9."""

from __future__ import annotations

import pytest
from frames import BINARY, TEXT, fragments, frame

import guv

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
