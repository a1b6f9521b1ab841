"""Addresses that need no lookup, and those that do.

The C library itself never looks up what is an address in digits, so it is asked here and now for the likes of ``127.1``
and ``fe80::1%eth0``; a look at the text tells them from names.
"""

from __future__ import annotations

from _socket import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    inet_aton,
    inet_pton,
)
from typing import Any

from .choice import ENABLED
from .lookup import getaddrinfo

#: Hosts that the socket functions understand besides addresses and names.
NO_LOOKUP = b"", b"<broadcast>", b"255.255.255.255"

_DIGITS = frozenset(b"0123456789.")


def encoded(host: Any) -> Any:
    """`host` as the C functions of `socket` encode it: text by IDNA, the rest as it is.

    Done here rather than there because it may import, which native threads must not.
    """
    return host.encode("idna") if isinstance(host, str) else host


def is_literal(host: bytes | None, port: bytes | None) -> bool:
    """Whether `getaddrinfo` has nothing to look up: no name of a host, and no name of a service."""
    if port is not None and not port.isdigit():
        return False
    if host is None:
        return True
    if b":" in host:
        return is_address(host.partition(b"%")[0], AF_INET6)
    if not host or not _DIGITS.issuperset(host):
        return False
    try:
        inet_aton(host.decode("ascii"))  # takes less than four numbers, too, as getaddrinfo does
    except OSError:
        return False
    return True


def is_address(host: bytes, family: int) -> bool:
    """Whether `host` is written as an address of `family` (AF_UNSPEC: either)."""
    for each in (AF_INET, AF_INET6) if family == AF_UNSPEC else (family,):
        try:
            inet_pton(each, host.decode("ascii"))
        except (OSError, ValueError):
            continue
        return True
    return False


#: Hosts that were seen to be written as addresses: no socket of any family has to look them up. Servers of datagrams
#: ask for each answer that they send.
literals: set[object] = set()
_MOST_LITERALS = 4096


def _is_in_digits(family: int, host: Any) -> bool:
    """Whether `host`, a str, is written as an address of `family`. Raises TypeError for other types."""
    try:
        inet_pton(family, host)
    except (OSError, ValueError):
        return False
    if len(literals) >= _MOST_LITERALS:
        literals.clear()
    literals.add(host)
    return True


def numeric(address: Any, family: int) -> Any:
    """`address` of an Internet socket with the host in digits; anything else unchanged.

    Yields if the host is a name. Raises what the socket's own lookup would raise.
    """
    if not ENABLED or family not in (AF_INET, AF_INET6) or not isinstance(address, tuple) or not address:
        return address
    host = address[0]
    try:
        if _is_in_digits(family, host):
            return address
    except TypeError:
        pass
    if not isinstance(host, (str, bytes, bytearray)):
        return address  # the socket raises the TypeError
    name = bytes(encoded(host))
    if name in NO_LOOKUP or is_address(name, family):
        return address
    found = getaddrinfo((name, None, family, 0, 0, 0))
    return found[0][4][0], *address[1:]
