"""The header of the PROXY protocol, versions 1 and 2, by which a proxy says who the client is."""

from __future__ import annotations

import socket
import struct
from typing import Any

from .._originals import monotonic
from ..green import socket as green
from ..green._transfer import recv

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_LONGEST_LINE = 107
_LONGEST_HEADER = 536  # what version 2 says a receiver must be able to take at least
_FAMILIES = {1: (socket.AF_INET, "4s4sHH"), 2: (socket.AF_INET6, "16s16sHH")}


def read_header(sock: Any, timeout: float) -> tuple[str, int] | None:
    """Read the header and nothing behind it; the client's address, None if it is not told. Yields.

    Raises ValueError if there is none, OSError if the peer goes away or has not sent it all within `timeout` seconds.
    Leaves the socket without a timeout.
    """
    deadline = monotonic() + timeout
    data = b""
    while True:
        left = deadline - monotonic()
        if left <= 0:
            raise TimeoutError(f"the PROXY header did not arrive within {timeout:g} s")
        green.settimeout(sock, left)
        seen = recv(sock, _LONGEST_HEADER - len(data), socket.MSG_PEEK)
        if not seen:
            raise ConnectionError("the connection ended within the PROXY header")
        size = header_size(data + seen)
        wanted = len(data) + len(seen) if size is None else size
        data += recv(sock, wanted - len(data))
        if size is not None and len(data) == size:
            green.settimeout(sock, None)
            return parse_header(data)


def header_size(data: bytes) -> int | None:
    """How long the header is that begins with `data`, None if more is needed. Raises ValueError."""
    if data[:12] == _SIGNATURE[: len(data)]:
        if len(data) < 16:
            return None
        size = 16 + int.from_bytes(data[14:16], "big")
        if size > _LONGEST_HEADER:
            raise ValueError("the PROXY header is too long")
        return size
    if data[:6] != b"PROXY "[: len(data)]:
        raise ValueError("the connection does not begin with a PROXY header")
    end = data.find(b"\r\n", 0, _LONGEST_LINE)
    if end >= 0:
        return end + 2
    if len(data) >= _LONGEST_LINE:
        raise ValueError("the PROXY header is too long")
    return None


def parse_header(data: bytes) -> tuple[str, int] | None:
    """The client's address from a whole header. Raises ValueError."""
    if data.startswith(b"PROXY "):
        fields = data[:-2].decode("ascii").split(" ")
        if fields[1] == "UNKNOWN":
            return None
        if len(fields) != 6 or fields[1] not in ("TCP4", "TCP6"):
            raise ValueError("the PROXY header is malformed")
        family = socket.AF_INET if fields[1] == "TCP4" else socket.AF_INET6
        try:
            socket.inet_pton(family, fields[2])
        except OSError as error:
            raise ValueError("the PROXY header has no valid address") from error
        return fields[2], _port(fields[4])
    if data[12] >> 4 != 2:
        raise ValueError("the version of the PROXY header is unknown")
    if data[12] & 15 > 1:
        raise ValueError("the command of the PROXY header is unknown")
    if data[12] & 15 == 0:  # LOCAL: the proxy speaks for itself
        return None
    found = _FAMILIES.get(data[13] >> 4)
    if found is None:
        return None
    family, layout = found
    try:
        source, _, port, _ = struct.unpack_from("!" + layout, data, 16)
    except struct.error as error:
        raise ValueError("the PROXY header is malformed") from error
    return socket.inet_ntop(family, source), port


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > 65535:
        raise ValueError("the PROXY header has no valid port")
    return int(text)
