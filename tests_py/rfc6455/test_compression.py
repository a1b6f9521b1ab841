"""permessage-deflate (RFC 7692), spoken to the server byte by byte; the cases of Autobahn's sections 12 and 13."""

from __future__ import annotations

import json
import random
import zlib

import pytest
from frames import BINARY, CLOSE, PING, PONG, TEXT, deflate, fragments, frame, inflate

import guv

OFFERS = {
    "permessage-deflate": "permessage-deflate",
    "permessage-deflate; client_max_window_bits": "permessage-deflate",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover": (
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    ),
    "permessage-deflate; server_max_window_bits=10": "permessage-deflate; server_max_window_bits=10",
    "permessage-deflate; server_max_window_bits=8, permessage-deflate": "permessage-deflate",
    "permessage-deflate; nonsense, x-other": None,
    "permessage-deflate; server_max_window_bits=16": None,
    "permessage-deflate; server_no_context_takeover; server_no_context_takeover": None,
    "x-webkit-deflate-frame": None,
}


@pytest.mark.parametrize("offer", OFFERS)
def test_compression_is_agreed_on_as_offered(peer, offer):
    answer = peer().open(Sec_WebSocket_Extensions=offer)
    lines = [line for line in answer.split("\r\n") if line.startswith("Sec-WebSocket-Extensions")]
    assert lines == ([] if OFFERS[offer] is None else [f"Sec-WebSocket-Extensions: {OFFERS[offer]}"])


def test_compressed_messages_are_echoed_compressed(peer):
    client = peer()
    client.open(Sec_WebSocket_Extensions="permessage-deflate; server_no_context_takeover; client_no_context_takeover")
    for text in (b"hello " * 50, b"hello " * 50, b""):
        client.sock.sendall(frame(TEXT, deflate(text), rsv=4))
        first, payload = client.frame()
        assert (first, inflate(payload)) == (0xC1, text)


def test_garbage_in_place_of_compressed_data_ends_the_connection(peer):
    client = peer()
    client.open(Sec_WebSocket_Extensions="permessage-deflate")
    client.sock.sendall(frame(TEXT, b"\xff" * 10, rsv=4))
    assert client.code() == 1007


def test_compressed_bomb_is_bounded_by_its_size_unpacked(peer):
    client = peer(max_frame_length=100_000)
    client.open(Sec_WebSocket_Extensions="permessage-deflate")
    client.sock.sendall(frame(BINARY, deflate(bytes(5_000_000)), rsv=4))
    assert client.code() == 1009


class Deflate:
    """A client's side of the extension."""

    def __init__(self, bits: int, server_bits: int, takeover: bool, server_takeover: bool) -> None:
        self.bits, self.server_bits = bits, server_bits
        self.takeover, self.server_takeover = takeover, server_takeover
        self._begin_packing()
        self._begin_unpacking()

    def _begin_packing(self) -> None:
        self.packer = zlib.compressobj(wbits=-self.bits)

    def _begin_unpacking(self) -> None:
        self.unpacker = zlib.decompressobj(wbits=-self.server_bits)

    def pack(self, payload: bytes) -> bytes:
        packed = (self.packer.compress(payload) + self.packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
        if not self.takeover:
            self._begin_packing()
        return packed

    def unpack(self, payload: bytes) -> bytes:
        unpacked = self.unpacker.decompress(payload + b"\0\0\xff\xff")
        if not self.server_takeover:
            self._begin_unpacking()
        return unpacked


# What the client offers, and what it does in consequence: its window, the server's, context takeover of each.
SETTINGS = {
    "permessage-deflate": (15, 15, True, True),
    "permessage-deflate; client_no_context_takeover": (15, 15, False, True),
    "permessage-deflate; server_no_context_takeover": (15, 15, True, False),
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover": (15, 15, False, False),
    "permessage-deflate; server_max_window_bits=9": (15, 9, True, True),
    "permessage-deflate; server_max_window_bits=9; server_no_context_takeover": (15, 9, True, False),
    "permessage-deflate; client_max_window_bits; server_max_window_bits=12": (10, 12, True, True),
}
SIZES = (16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072)


@pytest.mark.parametrize("offer", SETTINGS)
@pytest.mark.parametrize("size", [0, 256, 4096], ids=lambda size: f"frames of {size}" if size else "one frame")
def test_messages_of_all_sizes_come_back_under_each_setting(peer, offer, size):
    client = peer()
    client.open(Sec_WebSocket_Extensions=offer)
    chance = random.Random(size)
    codec = Deflate(*SETTINGS[offer])
    for number, length in enumerate(SIZES):
        opcode = TEXT if number % 2 else BINARY
        words = json.dumps([chance.choice(("pâté", "word", "1.5")) for _ in range(length)])
        message = words[:length].encode() if opcode == TEXT else chance.randbytes(length)
        packed = codec.pack(message)
        sending = guv.spawn(client.sock.sendall, fragments(opcode, packed, size or len(packed), rsv=4))
        first, payload = client.frame()
        sending.wait()
        assert (first, codec.unpack(payload)) == (0xC0 | opcode, message)


@pytest.mark.parametrize("control", [PING, PONG])
def test_control_frames_may_come_between_the_fragments_of_a_compressed_message(peer, control):
    client = peer()
    client.open(Sec_WebSocket_Extensions="permessage-deflate; server_no_context_takeover; client_no_context_takeover")
    for text in (b"hello " * 100, "wörld ".encode() * 100):
        packed = deflate(text)
        client.sock.sendall(
            frame(control, b"0") + frame(TEXT, packed[:3], fin=False, rsv=4) + frame(control, b"1")
            + frame(0, packed[3:7], fin=False) + frame(control, b"2") + frame(0, packed[7:]) + frame(control, b"3")
        )  # fmt: skip
        got = [client.frame() for _ in range(5 if control == PING else 1)]
        assert [payload for first, payload in got if first == 0x80 | PONG] == [b"0", b"1", b"2", b"3"][: len(got) - 1]
        [echo] = [payload for first, payload in got if first == 0xC0 | TEXT]
        assert inflate(echo) == text


def test_uncompressed_messages_may_come_between(peer):
    client = peer()
    client.open(Sec_WebSocket_Extensions="permessage-deflate")
    codec = Deflate(15, 15, True, True)
    for text in (b"one", b"two", b"three"):
        client.sock.sendall(frame(TEXT, codec.pack(text), rsv=4) + frame(TEXT, text) + frame(PING, b"?"))
        answers = [client.frame() for _ in range(3)]
        assert (0x8A, b"?") in answers
        answers.remove((0x8A, b"?"))
        assert [(first, codec.unpack(payload)) for first, payload in answers] == [(0xC1, text)] * 2


WRONG = {
    "second fragment is marked": (frame(TEXT, deflate(b"a"), fin=False, rsv=4) + frame(0, b"b", rsv=4), 1002),
    "compressed ping": (frame(PING, deflate(b"a"), rsv=4), 1002),
    "compressed close": (frame(CLOSE, deflate(b"\x03\xe8"), rsv=4), 1002),
    "another reserved bit": (frame(TEXT, deflate(b"a"), rsv=6), 1002),
    "invalid utf-8 unpacked": (frame(TEXT, deflate(b"\xff"), rsv=4), 1007),
    "character ends in the middle": (frame(TEXT, deflate(b"\xc3"), rsv=4), 1007),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_of_compression_ends_the_connection(peer, name):
    sent, code = WRONG[name]
    client = peer()
    client.open(Sec_WebSocket_Extensions="permessage-deflate")
    client.sock.sendall(sent)
    assert client.code() == code


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_frame_with_two_faults_is_refused_for_one_of_them_however_it_is_cut(peer, cut):
    client = peer()
    client.open(Sec_WebSocket_Extensions="permessage-deflate")
    sent = frame(TEXT, deflate(b"a")[:1], fin=False, rsv=4) + frame(TEXT, b"\xff" * 42, rsv=4)
    for i in range(0, len(sent), cut):
        client.sock.sendall(sent[i : i + cut])
        guv.sleep(0)
    assert client.code() in (1002, 1007)
