"""Names looked up by the package dnspython: what `GUV_RESOLVER=dnspython` chooses.

For programs that want no native threads, or settings of their own (`dns.resolver.default_resolver`). It reads
``/etc/hosts`` and asks the name servers of ``/etc/resolv.conf`` through the patched sockets. It does not know the
name-service switch, mDNS, or the sorting of RFC 6724: IPv4 addresses come first.
"""

from __future__ import annotations

import os
import sys
from _socket import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    AI_CANONNAME,
    AI_NUMERICHOST,
    EAI_AGAIN,
    EAI_NODATA,
    EAI_NONAME,
    gaierror,
)
from typing import Any

from .._originals import raw_getaddrinfo
from .address import is_address, is_literal
from .ask import Answer

HOSTS = "/etc/hosts"

_KINDS = {AF_INET: "A", AF_INET6: "AAAA"}
_LOOPBACK = {"localhost": ["127.0.0.1", "::1"]}  # RFC 6761: never asked of a server

_hosts: tuple[tuple[int, int], dict[str, list[str]]] = (0, 0), {}  # of the file that had this time and size


def getaddrinfo(args: tuple[Any, ...], asked: tuple[Any, ...] | None) -> Answer:
    """As `resolver.getaddrinfo`. Yields while a name server is waited for."""
    host, service, family, kind, proto, flags = args
    if not host or is_literal(host, None) or flags & AI_NUMERICHOST or family not in (AF_UNSPEC, AF_INET, AF_INET6):
        return raw_getaddrinfo(*(asked or args))  # type: ignore[no-any-return] # no name to look up; it has the error
    if asked is not None:
        sys.audit("socket.getaddrinfo", *asked[:5])
    name = host.decode("ascii", "surrogateescape")
    families = (AF_INET, AF_INET6) if family == AF_UNSPEC else (family,)
    canonical, addresses = name, _in_file(name, families)
    if not addresses:
        canonical, addresses = _ask(name, families)
    answer: Answer = []
    for each, address in addresses:
        answer += raw_getaddrinfo(address, service, each, kind, proto, flags & ~AI_CANONNAME | AI_NUMERICHOST)
    if flags & AI_CANONNAME and answer:
        answer[0] = (*answer[0][:3], canonical, answer[0][4])
    return answer


def _in_file(name: str, families: tuple[int, ...]) -> list[tuple[int, str]]:
    known = _read_hosts()
    wanted = name.rstrip(".").lower()
    addresses = known.get(wanted) or _LOOPBACK.get(wanted, [])
    return [(family, each) for family in families for each in addresses if is_address(each.encode(), family)]


def _read_hosts() -> dict[str, list[str]]:
    """Addresses by name."""
    global _hosts
    try:
        stat = os.stat(HOSTS)
        version = stat.st_mtime_ns, stat.st_size
        if version != _hosts[0]:
            known: dict[str, list[str]] = {}
            with open(HOSTS, encoding="utf-8", errors="replace") as file:
                for line in file:
                    address, *names = line.partition("#")[0].split() or [""]
                    for each in names:
                        known.setdefault(each.lower(), []).append(address)
            _hosts = version, known
    except OSError:
        return {}
    return _hosts[1]


def _ask(name: str, families: tuple[int, ...]) -> tuple[str, list[tuple[int, str]]]:
    """The canonical name and the addresses; raises `gaierror` if there are none."""
    import dns.exception
    import dns.resolver

    canonical, addresses, exists = name, list[tuple[int, str]](), False
    for family in families:
        try:
            found = dns.resolver.resolve(name, _KINDS[family], search=True)
        except dns.resolver.NXDOMAIN:
            continue
        except dns.resolver.NoAnswer:
            exists = True
            continue
        except (dns.resolver.LifetimeTimeout, dns.resolver.NoNameservers) as error:
            raise gaierror(EAI_AGAIN, "Temporary failure in name resolution") from error
        except dns.exception.DNSException as error:  # no name at all
            raise gaierror(EAI_NONAME, "Name or service not known") from error
        canonical = found.canonical_name.to_text(omit_final_dot=True)
        addresses += [(family, record.address) for record in found]
    if addresses:
        return canonical, addresses
    if exists:
        raise gaierror(EAI_NODATA, "No address associated with hostname")
    raise gaierror(EAI_NONAME, "Name or service not known")
