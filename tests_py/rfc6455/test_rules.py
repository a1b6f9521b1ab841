"""The rules of RFC 6455 and RFC 7692, spoken to the server byte by byte."""

from __future__ import annotations

import pytest
from frames import ACCEPT, BINARY, CLOSE, MASK, PING, PONG, TEXT, close, frame


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
