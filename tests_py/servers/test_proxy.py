"""The header of the PROXY protocol, whole and in pieces."""

from __future__ import annotations

import pytest

import guv
from guv.server import Server
from guv.server._proxy import header_size, parse_header

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = bytes([1, 2, 3, 4, 127, 0, 0, 1, 0x30, 0x39, 0, 80])
V6 = bytes(15) + b"\1" + bytes(15) + b"\2" + b"\x30\x39\0\x50"


def version2(command: int, family: int, payload: bytes) -> bytes:
    return SIGNATURE + bytes([0x20 | command, family]) + len(payload).to_bytes(2, "big") + payload


GOOD = {
    "tcp4": (b"PROXY TCP4 1.2.3.4 127.0.0.1 12345 80\r\n", ("1.2.3.4", 12345)),
    "tcp6": (b"PROXY TCP6 ::1 ::2 12345 80\r\n", ("::1", 12345)),
    "unknown": (b"PROXY UNKNOWN\r\n", None),
    "unknown with addresses": (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
    "version 2, tcp4": (version2(1, 0x11, V4), ("1.2.3.4", 12345)),
    "version 2, tcp6": (version2(1, 0x21, V6), ("::1", 12345)),
    "version 2, with more behind": (version2(1, 0x11, V4 + b"\x04\0\1x"), ("1.2.3.4", 12345)),
    "version 2, local": (version2(0, 0, b""), None),
    "version 2, unix": (version2(1, 0x31, bytes(216)), None),
}

BAD = {
    "http": b"GET / HTTP/1.1\r\n",
    "no end": b"PROXY TCP4 " + b"1" * 100,
    "too few fields": b"PROXY TCP4 1.2.3.4\r\n",
    "other family": b"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
    "address of the other family": b"PROXY TCP4 ::1 ::1 1 2\r\n",
    "port too large": b"PROXY TCP4 1.2.3.4 1.2.3.4 70000 2\r\n",
    "port with sign": b"PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n",
    "not ascii": b"PROXY TCP4 1.2.3.\xb2 1.2.3.4 1 2\r\n",
    "version 3": SIGNATURE + b"\x31\x11\0\x0c" + V4,
    "version 2, command 5": SIGNATURE + b"\x25\x11\0\x0c" + V4,
    "version 2, short addresses": version2(1, 0x11, V4[:8]),
    "version 2, very long": SIGNATURE + b"\x21\x11\xff\xff",
}


@pytest.mark.parametrize("name", GOOD)
def test_header_tells_the_client(name):
    header, client = GOOD[name]
    for end in range(len(header)):
        assert header_size(header[:end]) in (None, len(header))
    assert header_size(header + b"more") == len(header)
    assert parse_header(header) == client


@pytest.mark.parametrize("name", BAD)
def test_wrong_header_is_refused(name):
    with pytest.raises(ValueError):
        assert header_size(BAD[name]) is not None
        parse_header(BAD[name])


@pytest.mark.parametrize("name", ["tcp4", "version 2, tcp6", "version 2, local"])
def test_server_takes_the_header_and_leaves_the_rest(hub, name):
    seen = []

    def handle(sock, address):
        seen.append(address)
        sock.sendall(sock.recv(100))

    server = Server(guv.listen(("127.0.0.1", 0)), handle, proxy_protocol=True)
    server.start()
    header, client = GOOD[name]
    with guv.connect(server.address) as sock:
        own = sock.getsockname()
        for byte in header[:-1]:
            sock.sendall(bytes([byte]))
            guv.sleep(0)
        sock.sendall(header[-1:] + b"data")
        assert sock.recv(100) == b"data"
    assert seen == [client or own]
    server.stop(0)


def test_header_that_dribbles_is_cut_off_in_time(hub):
    server = Server(
        guv.listen(("127.0.0.1", 0)), lambda sock, address: sock.sendall(b"?"),
        proxy_protocol=True, handshake_timeout=0.03,
    )  # fmt: skip
    server.start()
    with guv.connect(server.address) as sock:
        sock.settimeout(0.005)
        sock.sendall(b"PROXY UNKNOWN ")
        for _ in range(90):  # less than a header may have
            sock.sendall(b"x")
            try:
                assert sock.recv(1) == b""
                break
            except TimeoutError:
                pass
            except ConnectionError:
                break
        else:
            pytest.fail("the server went on reading")
    server.stop(0)


def test_connection_without_the_header_is_dropped(hub):
    server = Server(guv.listen(("127.0.0.1", 0)), lambda sock, address: sock.sendall(b"?"), proxy_protocol=True)
    server.start()
    with guv.connect(server.address) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        try:
            assert sock.recv(100) == b""
        except ConnectionResetError:
            pass  # what it sent was not read
    server.stop(0)
