"""Frames of RFC 6455 and RFC 7692, written and read byte by byte."""

from __future__ import annotations

import struct
import zlib

import guv

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
        key = (MASK * (size // 4 + 1))[:size]
        payload = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
    return head + payload


def fragments(opcode: int, payload: bytes, size: int, *, rsv: int = 0) -> bytes:
    """A message in frames of at most `size` bytes; the reserved bits belong to the first."""
    pieces = [payload[i : i + size] for i in range(0, len(payload), size)] or [b""]
    wire = b""
    for number, piece in enumerate(pieces):
        last = number == len(pieces) - 1
        wire += frame(0 if number else opcode, piece, fin=last, rsv=0 if number else rsv)
    return wire


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


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


def deflate(payload: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflate(payload: bytes) -> bytes:
    return zlib.decompressobj(wbits=-15).decompress(payload + b"\0\0\xff\xff")
