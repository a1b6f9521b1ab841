"""Replies as a client reads them."""

from __future__ import annotations

import pytest


def read_all(sock) -> bytes:
    pieces = []
    while True:
        try:
            piece = sock.recv(65536)
        except ConnectionResetError:
            piece = b""
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def read_reply(sock) -> tuple[bytes, bytes]:
    """Head and body of one reply that has a Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65536) or pytest.fail(f"the connection ended within {data!r}")
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += sock.recv(65536) or pytest.fail("the connection ended within a body")
    return head, body


def body_of(reply: bytes) -> bytes:
    """The body of a reply, out of its chunks if it is in chunks."""
    head, _, body = reply.partition(b"\r\n\r\n")
    if b"Transfer-Encoding: chunked" not in head:
        return body
    whole = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        count = int(size, 16)
        if not count:
            assert body == b"\r\n"
            return whole
        whole, body = whole + body[:count], body[count + 2 :]
