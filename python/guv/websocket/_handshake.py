"""The opening handshake and its headers, of both sides. No I/O."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from ..wsgi._head import tokens
from ._deflate import Deflate
from ._errors import BadRequest, ProtocolError

VERSION = "13"
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_DEFLATE = Deflate.name
_FLAGS = ("server_no_context_takeover", "client_no_context_takeover")
_BITS = ("server_max_window_bits", "client_max_window_bits")
_SMALLEST_WINDOW = 9  # zlib does not do raw deflate with a window of 8 bits


def accept_token(key: str) -> str:
    """What Sec-WebSocket-Accept says to a key."""
    return base64.b64encode(hashlib.sha1((key + _GUID).encode("ascii"), usedforsecurity=False).digest()).decode("ascii")


def check_request(environ: dict[str, Any]) -> str:
    """The key of an opening handshake; raises `BadRequest` for any other request."""
    if environ["REQUEST_METHOD"] != "GET":
        raise BadRequest("405 Method Not Allowed", "A websocket begins with GET.", [("Allow", "GET")])
    if environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        raise BadRequest(body="A websocket needs HTTP/1.1.")
    if "websocket" not in tokens(environ.get("HTTP_UPGRADE", "")):
        raise BadRequest(
            "426 Upgrade Required", "This is a websocket.", [("Upgrade", "websocket"), ("Connection", "Upgrade")]
        )
    if "upgrade" not in tokens(environ.get("HTTP_CONNECTION", "")):
        raise BadRequest(body="The field Connection lacks Upgrade.")
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != VERSION:
        raise BadRequest("426 Upgrade Required", "Only version 13 is spoken.", [("Sec-WebSocket-Version", VERSION)])
    key: str = environ.get("HTTP_SEC_WEBSOCKET_KEY", "")
    try:
        fits = len(base64.b64decode(key.encode("latin-1"), validate=True)) == 16
    except binascii.Error:
        fits = False
    if not fits:
        raise BadRequest(body="Sec-WebSocket-Key is not sixteen bytes in base64.")
    return key


def choose_protocol(environ: dict[str, Any], supported: Sequence[str] | None) -> str | None:
    """The first of the client's subprotocols that the server has; None if there is none."""
    offered = [part.strip() for part in environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", "").split(",")]
    return next((name for name in offered if name and name in (supported or ())), None)


def accept_deflate(field: str) -> tuple[Deflate, str] | None:
    """The server's side of RFC 7692: the extension and its answer to the first offer that can be taken."""
    for offer in field.split(","):
        name, *parameters = [part.strip() for part in offer.split(";")]
        if name.lower() != _DEFLATE:
            continue
        try:
            wanted = _parameters(parameters)
            extension = Deflate()
            answer = [_DEFLATE]
            for flag in _FLAGS:
                if flag in wanted:
                    setattr(extension, flag, True)
                    answer.append(flag)
            server_bits = wanted.get("server_max_window_bits")
            if server_bits is not None:
                if server_bits < _SMALLEST_WINDOW:
                    continue
                extension.server_max_window_bits = server_bits
                answer.append(f"server_max_window_bits={server_bits}")
        except ProtocolError:
            continue
        extension._enabled = True  # what its accept() does, which takes offers that RFC 7692 refuses
        return extension, "; ".join(answer)
    return None


def offer_deflate() -> str:
    """What a client offers."""
    return f"{_DEFLATE}; client_max_window_bits"


def finish_deflate(field: str) -> Deflate | None:
    """The client's side, after the server's answer; raises `ProtocolError` for what was not offered."""
    if not field:
        return None
    name, *parameters = [part.strip() for part in field.split(";")]
    if name.lower() != _DEFLATE or "," in field:
        raise ProtocolError(f"the server uses extensions that were not offered: {field!r}")
    given = _parameters(parameters, values_needed=True)
    extension = Deflate()
    for flag in _FLAGS:
        if flag in given:
            setattr(extension, flag, True)
    for name in _BITS:
        bits = given.get(name)
        if bits is not None:
            if bits < _SMALLEST_WINDOW and name.startswith("client"):
                raise ProtocolError(f"the server demands a compression window of {bits} bits, which zlib has not")
            setattr(extension, name, max(bits, _SMALLEST_WINDOW))
    extension._enabled = True
    return extension


def _parameters(parameters: Iterable[str], values_needed: bool = False) -> dict[str, int | None]:
    """The parameters of an offer or an answer; raises `ProtocolError`."""
    found: dict[str, int | None] = {}
    for parameter in parameters:
        name, equals, text = (part.strip() for part in parameter.partition("="))
        value: int | None = None
        if name in found:
            raise ProtocolError(f"the parameter {name} of {_DEFLATE} is given twice")
        if name in _BITS:
            text = text.strip('"')
            if equals:
                if not (text.isascii() and text.isdigit() and text[0] != "0" and 8 <= int(text) <= 15):
                    raise ProtocolError(f"the window size {text!r} is not a number from 8 to 15")
                value = int(text)
            elif values_needed or name.startswith("server"):
                raise ProtocolError(f"the parameter {name} of {_DEFLATE} has no value")
        elif name not in _FLAGS or equals:
            raise ProtocolError(f"the parameter {parameter!r} of {_DEFLATE} is unknown")
        found[name] = value
    return found
