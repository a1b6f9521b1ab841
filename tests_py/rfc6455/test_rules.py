"""The rules of RFC 6455 and RFC 7692, spoken to the server byte by byte."""

from __future__ import annotations

import struct
import zlib

import pytest

import guv
from guv.websocket import WebSocketWSGI
from guv.wsgi import WSGIServer

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # the RFC's own example, with its answer
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
MASK = b"\x11\x22\x33\x44"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bool = True) -> bytes:
    head = bytes([fin << 7 | rsv << 4 | opcode])
    size = len(payload)
    first = size if size < 126 else 126 if size < 65536 else 127
    head += bytes([mask << 7 | first])
    head += b"" if first < 126 else struct.pack("!H" if first == 126 else "!Q", size)
    if mask:
        head += MASK
        payload = bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))
    return head + payload


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


def echo(ws):
    for message in ws:
        ws.send(message)


class Peer:
    """A socket to a server, and what came from it."""

    def __init__(self, address) -> None:
        self.sock = guv.connect(address)
        self.sock.settimeout(20)
        self.data = b""

    def open(self, **fields: str) -> str:
        """The server's answer to a handshake; fields replace or add lines, "" leaves one out."""
        lines = {
            "Host": "localhost",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": KEY,
            "Sec-WebSocket-Version": "13",
            **{name.replace("_", "-"): value for name, value in fields.items()},
        }
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
        self.sock.sendall(f"GET /chat HTTP/1.1\r\n{text}\r\n".encode())
        while b"\r\n\r\n" not in self.data:
            self._more()
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        return head.decode()

    def _more(self) -> None:
        data = self.sock.recv(65536)
        assert data, f"the server ended the connection behind {self.data!r}"
        self.data += data

    def _take(self, count: int) -> bytes:
        while len(self.data) < count:
            self._more()
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def frame(self) -> tuple[int, bytes]:
        """The first byte and the payload of the next frame."""
        first, size = self._take(2)
        assert size < 128, "a server does not mask"
        if size > 125:
            size = int.from_bytes(self._take(2 if size == 126 else 8), "big")
        return first, self._take(size)

    def code(self) -> int:
        """The code with which the server closes."""
        first, payload = self.frame()
        assert first == 0x80 | CLOSE
        return int.from_bytes(payload[:2], "big")

    def assert_ended(self) -> None:
        assert not self.data
        assert self.sock.recv(1) == b""


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


def test_handshake_of_the_rfc_is_accepted(peer):
    answer = peer().open()
    assert answer.startswith("HTTP/1.1 101 ")
    assert f"Sec-WebSocket-Accept: {ACCEPT}" in answer
    assert "Extensions" not in answer


REFUSED = {
    "no upgrade": ({"Upgrade": ""}, 426),
    "upgrade to something else": ({"Upgrade": "h2c"}, 426),
    "connection lacks upgrade": ({"Connection": "keep-alive"}, 400),
    "no version": ({"Sec_WebSocket_Version": ""}, 426),
    "draft version": ({"Sec_WebSocket_Version": "8"}, 426),
    "no key": ({"Sec_WebSocket_Key": ""}, 400),
    "short key": ({"Sec_WebSocket_Key": "Zm9v"}, 400),
    "key is not base64": ({"Sec_WebSocket_Key": "!" * 24}, 400),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_handshake_is_refused(peer, name):
    fields, status = REFUSED[name]
    answer = peer().open(**fields)
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert status != 426 or "Sec-WebSocket-Version: 13" in answer or "Upgrade: websocket" in answer


def test_handshake_with_lists_is_accepted(peer):
    assert " 101 " in peer().open(Connection="keep-alive, Upgrade", Upgrade="WebSocket")


def test_first_known_subprotocol_of_the_client_is_chosen(peer):
    answer = peer(supported_protocols=["a", "b"]).open(Sec_WebSocket_Protocol="c, b, a")
    assert "Sec-WebSocket-Protocol: b" in answer


def test_unknown_subprotocols_are_not_answered(peer):
    assert "Protocol" not in peer(supported_protocols=["a"]).open(Sec_WebSocket_Protocol="c").split("\r\n", 1)[1]


def test_origin_checker_decides(peer):
    wanted = {"origin_checker": lambda origin: origin == "http://good"}
    assert " 101 " in peer(**wanted).open(Origin="http://good")
    assert " 403 " in peer(**wanted).open(Origin="http://bad")
    assert " 403 " in peer(**wanted).open()


# What the client sends, and the frames that come back: (first byte, payload), a number for a close code.
GOOD = {
    "empty text": (frame(TEXT), [(0x81, b"")]),
    "text": (frame(TEXT, "hällo".encode()), [(0x81, "hällo".encode())]),
    "binary of 126 bytes": (frame(BINARY, b"x" * 126), [(0x82, b"x" * 126)]),
    "binary of 65536 bytes": (frame(BINARY, b"x" * 65536), [(0x82, b"x" * 65536)]),
    "fragments": (frame(TEXT, b"a", fin=False) + frame(0, b"b", fin=False) + frame(0, b"c"), [(0x81, b"abc")]),
    "empty fragments": (frame(TEXT, fin=False) + frame(0, fin=False) + frame(0), [(0x81, b"")]),
    "character cut by fragments": (frame(TEXT, b"\xc3", fin=False) + frame(0, b"\xa4"), [(0x81, b"\xc3\xa4")]),
    "ping among fragments": (
        frame(TEXT, b"a", fin=False) + frame(PING, b"?") + frame(0, b"b"), [(0x8A, b"?"), (0x81, b"ab")]),
    "ping of 125 bytes": (frame(PING, b"p" * 125), [(0x8A, b"p" * 125)]),
    "unasked pong": (frame(PONG, b"!") + frame(TEXT, b"a"), [(0x81, b"a")]),
    "close with code": (close(1000, b"bye"), [1000]),
    "close with private code": (close(4711), [4711]),
    "data after close is not looked at": (close(1001) + frame(TEXT, b"late"), [1001]),
}  # fmt: skip

BAD = {
    "unmasked": (frame(TEXT, b"a", mask=False), 1002),
    "reserved bit": (frame(TEXT, b"a", rsv=2), 1002),
    "compressed, not agreed on": (frame(TEXT, b"a", rsv=4), 1002),
    "reserved opcode": (frame(3, b"a"), 1002),
    "reserved control opcode": (frame(11, b"a"), 1002),
    "long ping": (frame(PING, b"p" * 126), 1002),
    "fragmented ping": (frame(PING, b"p", fin=False), 1002),
    "continuation of nothing": (frame(0, b"a"), 1002),
    "text within fragments": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    "invalid utf-8": (frame(TEXT, b"\xff"), 1007),
    "utf-8 of a surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "text ends within a character": (frame(TEXT, b"\xc3"), 1007),
    "invalid utf-8 in a later fragment": (frame(TEXT, b"a", fin=False) + frame(0, b"\xc0\xaf", fin=False), 1007),
    "close with one byte": (frame(CLOSE, b"\x03"), 1002),
    "close with code 999": (close(999), 1002),
    "close with code 1005": (close(1005), 1002),
    "close with code 1006": (close(1006), 1002),
    "close with code 2999": (close(2999), 1002),
    "close with invalid reason": (close(1000, b"\xff"), 1007),
    "length in more bytes than needed": (b"\x82\xfe\x00\x05" + MASK + b"aaaaa", 1002),
    "length with the highest bit": (b"\x82\xff\x80" + bytes(7) + MASK, 1002),
    "message too big": (frame(BINARY, b"x" * 100_001), 1009),
    "length too big, data to come": (b"\x82\xff\x00\xff" + bytes(6) + MASK + b"x" * 100_001, 1009),
    "fragments too big": (frame(TEXT, b"x" * 60_000, fin=False) + frame(0, b"x" * 60_000), 1009),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_allowed_is_answered(peer, name):
    sent, wanted = GOOD[name]
    client = peer()
    client.open()
    client.sock.sendall(sent)
    for answer in wanted:
        assert (client.code() if isinstance(answer, int) else client.frame()) == answer
    if not isinstance(wanted[-1], int):
        client.sock.sendall(close(1000))
        assert client.code() == 1000
    client.assert_ended()


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_ends_the_connection_with_its_code(peer, name):
    sent, code = BAD[name]
    client = peer(max_frame_length=100_000)
    client.open()
    client.sock.sendall(sent)
    assert client.code() == code


def test_messages_before_a_fault_are_answered(peer):
    client = peer()
    client.open()
    client.sock.sendall(frame(TEXT, b"a") + frame(BINARY, b"b") + frame(3))
    assert [client.frame(), client.frame()] == [(0x81, b"a"), (0x82, b"b")]
    assert client.code() == 1002


def test_fault_behind_messages_that_nobody_takes_ends_the_websocket(peer):
    client = peer(lambda ws: None, close_timeout=20)
    client.open()
    assert client.code() == 1000
    client.sock.sendall(frame(TEXT, b"a") + frame(3))
    client.assert_ended()


def test_bytes_may_come_one_by_one_and_with_the_handshake(peer):
    client = peer()
    client.open()
    for byte in frame(TEXT, b"slow") + frame(PING, b"?"):
        client.sock.sendall(bytes([byte]))
    assert sorted([client.frame(), client.frame()]) == [(0x81, b"slow"), (0x8A, b"?")]


# ---- permessage-deflate ----


def deflate(payload: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflate(payload: bytes) -> bytes:
    return zlib.decompressobj(wbits=-15).decompress(payload + b"\0\0\xff\xff")


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
