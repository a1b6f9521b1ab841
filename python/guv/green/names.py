"""Cooperative name lookups of :mod:`socket`: the C library answers, in a native thread.

Results, errors and their texts are those of the functions in `_socket`, because they are called. The
functions there are what is replaced: `socket.getaddrinfo`, `socket.getfqdn` and
`socket.create_connection` are written in Python on top of them and follow. What needs no
lookup (addresses and ports in digits) is answered at once. Nothing is replaced with ``GUV_NO_GREENDNS``.
"""

from __future__ import annotations

import socket as _stdlib
import sys
from typing import Any

from .. import resolver
from .._originals import (
    raw_getaddrinfo,
    raw_gethostbyaddr,
    raw_gethostbyname,
    raw_gethostbyname_ex,
    raw_getnameinfo,
)
from ..resolver.address import NO_LOOKUP, encoded, is_address, is_literal

_NUMERIC = _stdlib.NI_NUMERICHOST | _stdlib.NI_NUMERICSERV


def _raw_getaddrinfo(
    host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> list[tuple[int, int, int, str, Any]]:
    """As `_socket.getaddrinfo`; yields unless host and port are in digits."""
    if not resolver.ENABLED:
        return raw_getaddrinfo(host, port, family, type, proto, flags)  # type: ignore[no-any-return]
    name = encoded(host)
    service = port
    if isinstance(port, str):
        service = port.encode()
    elif port.__class__ is int and -(1 << 63) <= port < 1 << 63:
        service = b"%d" % port
    plain = (name is None or name.__class__ is bytes) and (service is None or service.__class__ is bytes)
    if not plain or not all(isinstance(each, int) for each in (family, type, proto, flags)):
        return raw_getaddrinfo(host, port, family, type, proto, flags)  # type: ignore[no-any-return]
    asked = host, port, int(family), int(type), int(proto), int(flags)
    if is_literal(name, service):
        return raw_getaddrinfo(*asked)  # type: ignore[no-any-return]
    return resolver.getaddrinfo((name, service, *asked[2:]), asked)


def getaddrinfo(
    host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> list[tuple[Any, Any, int, str, Any]]:
    """As `socket.getaddrinfo`; yields unless host and port are in digits."""
    return [
        (_named(_stdlib.AddressFamily, found), _named(_stdlib.SocketKind, kind), number, name, address)
        for found, kind, number, name, address in _raw_getaddrinfo(host, port, family, type, proto, flags)
    ]


def _named(kind: Any, value: int) -> Any:
    try:
        return kind(value)
    except ValueError:
        return value


def gethostbyname(host: Any, /) -> str:
    """As `socket.gethostbyname`; yields unless `host` is in digits."""
    name = encoded(host)
    if _needs_lookup(name, _stdlib.AF_INET):
        # the C function asks the same
        sys.audit("socket.gethostbyname", host)
        return resolver.getaddrinfo((bytes(name), None, _stdlib.AF_INET, 0, 0, 0))[0][4][0]  # type: ignore[no-any-return]
    return raw_gethostbyname(host)


def gethostbyname_ex(host: Any, /) -> tuple[str, list[str], list[str]]:
    """As `socket.gethostbyname_ex`; yields unless `host` is in digits."""
    name = encoded(host)
    if _needs_lookup(name, _stdlib.AF_INET):
        return resolver.call(raw_gethostbyname_ex, host)  # type: ignore[no-any-return]
    return raw_gethostbyname_ex(host)


def _needs_lookup(name: Any, family: int) -> bool:
    if not _is_name(name):
        return False  # the real function raises the TypeError
    return bytes(name) not in NO_LOOKUP and not is_address(bytes(name), family)


def _is_name(name: Any) -> bool:
    return resolver.ENABLED and isinstance(name, (bytes, bytearray)) and b"\0" not in name


def gethostbyaddr(host: Any, /) -> tuple[str, list[str], list[str]]:
    """As `socket.gethostbyaddr`; yields."""
    name = encoded(host)
    if not _is_name(name):
        return raw_gethostbyaddr(host)
    return resolver.call(raw_gethostbyaddr, host)  # type: ignore[no-any-return]


def getnameinfo(address: Any, flags: int, /) -> tuple[str, str]:
    """As `socket.getnameinfo`; yields unless `flags` asks for digits only."""
    try:
        asks = isinstance(address, tuple) and isinstance(flags, int) and flags & _NUMERIC != _NUMERIC
        if not resolver.ENABLED or not asks:
            return raw_getnameinfo(address, flags)  # type: ignore[no-any-return]
        return resolver.call(raw_getnameinfo, address, flags)  # type: ignore[no-any-return]
    except Exception:
        del address  # as with a C function, the traceback does not keep it alive
        raise


def getfqdn(name: str = "") -> str:
    """As `socket.getfqdn`; yields."""
    wanted = name.strip()
    if wanted in ("", "0.0.0.0", "::"):
        wanted = _stdlib.gethostname()
    try:
        known, aliases, _ = gethostbyaddr(wanted)
    except OSError:
        return wanted
    return next((each for each in [known, *aliases] if "." in each), known)


PATCHES: list[tuple[str, str, Any]] = []
if resolver.ENABLED:
    PATCHES += [
        ("_socket", "getaddrinfo", _raw_getaddrinfo),
        ("_socket", "gethostbyname", gethostbyname),
        ("_socket", "gethostbyname_ex", gethostbyname_ex),
        ("_socket", "gethostbyaddr", gethostbyaddr),
        ("_socket", "getnameinfo", getnameinfo),
    ]
