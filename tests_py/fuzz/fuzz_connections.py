"""Coverage-guided fuzzing of whole connections: ``make fuzz``, or fuzz_connections.py http|websocket and libFuzzer's options.

http: any bytes a peer may send, in pieces of any size. Invariants: the server raises nothing, every reply is
well-formed, what is answered and what is refused does not depend on how the bytes are cut, and nothing behind a
refused request is answered.
websocket: any bytes behind the handshake. Invariants: nothing but messages and a close code comes out, what is sent is
well-formed, no message is larger than the limit.
"""

from __future__ import annotations

import re
import socket
import sys
from typing import Any

import atheris

with atheris.instrument_imports(include=["guv.wsgi", "guv.websocket", "wsproto"]):
    from guv.websocket._connection import RFC6455WebSocket
    from guv.websocket._errors import BadRequest
    from guv.websocket._handshake import accept_deflate, check_request
    from guv.wsgi import Limits, WSGIHandler, WSGIServer, _handler

STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) [^\r\n]*\r\n(?:[!-9;-~]+: [^\r\n]*\r\n)*\r\n")
LIMITS = Limits(head=4096, body=4096, drain=1024)


class Unix:
    """A socket as far as the server looks at it when nothing is sent through it."""

    family = socket.AF_UNIX


class Script:
    """A transport whose input is a list of pieces and whose output is kept."""

    is_tls = False

    def __init__(self, wire: bytes, size: int) -> None:
        self.pieces = [wire[i : i + size] for i in range(0, len(wire), size)]
        self.output = b""

    def receive(self, sock: Any, size: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def send(self, sock: Any, data: bytes, flags: int = 0) -> None:
        self.output += data

    def set_timeout(self, sock: Any, seconds: float | None) -> None:
        pass

    shutdown_output = close = lambda self, sock: None


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """Echoes, in a way that no echoed byte can be taken for a reply."""
    if environ["REQUEST_METHOD"] == "POST":
        body = environ["wsgi.input"].read().hex().encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
    start_response("200 OK", [])
    return iter([environ["PATH_INFO"].encode("latin-1").hex().encode()])


def converse(wire: bytes, size: int) -> bytes:
    script = Script(wire, size)
    _handler.transport_for = lambda sock: script
    server = WSGIServer(Unix(), application, limits=LIMITS)
    server.log_error = fail
    WSGIHandler(Unix(), "", server).handle()
    return script.output


def fail(environ: dict[str, Any], error: BaseException) -> None:
    raise AssertionError("the application failed") from error


def kind(status: bytes) -> bytes:
    """Which of its faults a request is refused for may depend on which one arrives first."""
    return status if status < b"400" else b"refused"


def http(data: bytes) -> None:
    if not data:
        return
    whole = converse(data[1:], len(data))
    assert not whole or STATUS.match(whole), whole
    statuses = STATUS.findall(whole)
    assert len(statuses) == len(re.findall(rb"HTTP/1\.1 [0-9]", whole)), whole
    assert all(status < b"400" for status in statuses[:-1]), statuses
    in_pieces = STATUS.findall(converse(data[1:], data[0] % 32 + 1))
    assert [kind(status) for status in in_pieces] == [kind(status) for status in statuses]


class Peer:
    """A socket whose peer sends `wire` and then ends the connection."""

    def __init__(self, wire: bytes, size: int) -> None:
        self.pieces = [wire[i : i + size] for i in range(0, len(wire), size)]
        self.output = b""

    def recv(self, size: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def sendall(self, data: bytes) -> None:
        self.output += bytes(data)

    def shutdown(self, how: int) -> None:
        pass


def talk(wire: bytes, size: int, compress: bool) -> tuple[list[Any], Any]:
    accepted = accept_deflate("permessage-deflate") if compress else None
    peer: Any = Peer(wire, size)
    ws = RFC6455WebSocket(peer, {}, extension=accepted[0] if accepted else None, max_frame_length=1000)
    messages = []
    while (message := ws.wait()) is not None:
        assert isinstance(message, (str, bytes))
        assert len(message if isinstance(message, bytes) else message.encode()) <= 1000
        messages.append(message)
    assert ws.websocket_closed
    assert isinstance(ws.close_code, int)
    ws.close()
    first_bytes = peer.output[:1]
    assert first_bytes in (b"", b"\x88", b"\x8a"), peer.output
    # which of its faults a frame is refused for may depend on which one arrives first
    return messages, "refused" if ws.close_code in (1002, 1007, 1009) else ws.close_code


def websocket(data: bytes) -> None:
    if not data:
        return
    compress = bool(data[0] & 128)
    whole = talk(data[1:], len(data), compress)
    assert talk(data[1:], data[0] % 32 + 1, compress) == whole
    try:
        text = data[1:].decode("latin-1")
        check_request({"REQUEST_METHOD": "GET", "HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": text[:9],
                       "HTTP_SEC_WEBSOCKET_VERSION": "13", "HTTP_SEC_WEBSOCKET_KEY": text})  # fmt: skip
    except BadRequest:
        pass
    accept_deflate(text)


if __name__ == "__main__":
    target = {"http": http, "websocket": websocket}[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
