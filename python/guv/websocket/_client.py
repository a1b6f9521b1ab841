"""`connect`: the client's side of the opening handshake."""

from __future__ import annotations

import base64
import os
import socket
import ssl
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from .. import server
from ..green._greentls import green_context
from ..green.names import getaddrinfo
from ..timeout import Timeout
from ..wsgi._head import tokens
from ._connection import MAX_MESSAGE, RFC6455WebSocket
from ._errors import ProtocolError
from ._handshake import VERSION, accept_token, finish_deflate, offer_deflate

_LARGEST_HEAD = 65536
_PORTS = {"ws": 80, "wss": 443}


def connect(
    url: str,
    protocols: Sequence[str] = (),
    *,
    headers: Iterable[tuple[str, str]] = (),
    origin: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
    timeout: float | None = 30.0,
    compress: bool = True,
    max_frame_length: int = MAX_MESSAGE,
    ping_interval: float | None = None,
    ping_timeout: float = 20.0,
    close_timeout: float = 5.0,
    send_timeout: float | None = 60.0,
    sock: socket.socket | None = None,
) -> RFC6455WebSocket:
    """Open a websocket to a ``ws:`` or ``wss:`` URL. Yields until it is open, for `timeout` seconds at most.

    `protocols` are the subprotocols to offer, `headers` more fields for the request. `sock` is a connected socket to
    use, for a Unix socket or a proxy. Raises OSError if there is no connection, `ProtocolError` if the server does not
    agree to a websocket. The other options are those of `WebSocketWSGI.configured`.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(f"{url!r} is not a URL like ws://host:port/path")
    key = base64.b64encode(os.urandom(16)).decode("ascii")
    host = parts.netloc.rpartition("@")[2]
    lines = [
        f"GET {parts.path or '/'}{'?' if parts.query else ''}{parts.query} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        f"Sec-WebSocket-Version: {VERSION}",
    ]
    if protocols:
        lines.append(f"Sec-WebSocket-Protocol: {', '.join(protocols)}")
    if compress:
        lines.append(f"Sec-WebSocket-Extensions: {offer_deflate()}")
    if origin is not None:
        lines.append(f"Origin: {origin}")
    lines += [f"{name}: {value}" for name, value in headers]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header of the request has a line end in it")
    with Timeout(timeout, TimeoutError(f"{url} did not open within {timeout} s")):
        opened = sock if sock is not None else _connect(parts.hostname, parts.port or _PORTS[parts.scheme])
        try:
            opened.settimeout(None)
            if opened.family in (socket.AF_INET, socket.AF_INET6):
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if parts.scheme == "wss":
                context = green_context(ssl_context or ssl.create_default_context())
                opened = context.wrap_socket(opened, server_hostname=parts.hostname)
            opened.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
            answer, received = _read_answer(opened)
            _check_status(answer, key)
            protocol = answer.get("sec-websocket-protocol")
            if protocol is not None and protocol not in protocols:
                raise ProtocolError(f"the server chose the subprotocol {protocol!r}, which was not offered")
            extension = finish_deflate(answer.get("sec-websocket-extensions", "")) if compress else None
            if not compress and "sec-websocket-extensions" in answer:
                raise ProtocolError("the server uses an extension that was not offered")
        except BaseException:
            opened.close()
            raise
    environ = {"PATH_INFO": parts.path or "/", "QUERY_STRING": parts.query, "HTTP_HOST": host, "HTTP_ORIGIN": origin}
    return RFC6455WebSocket(
        opened,
        environ,
        int(VERSION),
        protocol,
        client=True,
        extension=extension,
        received=received,
        max_frame_length=max_frame_length,
        ping_interval=ping_interval,
        ping_timeout=ping_timeout,
        close_timeout=close_timeout,
        send_timeout=send_timeout,
    )


def _connect(host: str, port: int) -> socket.socket:
    """A socket connected to the first address of `host` that takes it. Yields. Raises OSError."""
    failure: OSError = OSError(f"{host} has no address")
    for family, _, _, _, address in getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        try:
            return server.connect(address, family)
        except OSError as error:
            failure = error
    raise failure


def _read_answer(sock: socket.socket) -> tuple[dict[str, str], bytes]:
    """The reply's fields, its status line under ":status", and what came behind it."""
    data = b""
    while b"\r\n\r\n" not in data:
        if len(data) > _LARGEST_HEAD:
            raise ProtocolError("the server's answer is too large")
        piece = sock.recv(4096)
        if not piece:
            raise ProtocolError("the server ended the connection instead of answering")
        data += piece
    head, _, received = data.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    fields = {":status": status}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip():
            raise ProtocolError(f"the server's answer has a malformed header line: {line!r}")
        name = name.lower()
        if name in fields and name.startswith("sec-websocket-"):
            raise ProtocolError(f"the server's answer has the field {name} twice")
        fields[name] = value.strip()
    return fields, received


def _check_status(answer: dict[str, str], key: str) -> None:
    status = answer[":status"].split(" ", 2)
    if status[0] != "HTTP/1.1" or status[1:2] != ["101"]:
        raise ProtocolError(f"the server did not agree to a websocket: {answer[':status']!r}")
    if tokens(answer.get("upgrade", "")) != ["websocket"] or "upgrade" not in tokens(answer.get("connection", "")):
        raise ProtocolError("the server's answer is not an upgrade to websocket")
    if answer.get("sec-websocket-accept") != accept_token(key):
        raise ProtocolError("the server's Sec-WebSocket-Accept does not fit the key")
