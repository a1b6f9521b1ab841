"""Access logs in the formats that every log reader knows."""

from __future__ import annotations

import ipaddress
import logging
import sys
from collections.abc import Iterable
from time import localtime
from typing import TYPE_CHECKING, Any

from .. import _originals
from ._reply import MONTHS

if TYPE_CHECKING:
    from ._exchange import Exchange
    from ._head import Environ

COMMON = '{client} - {user} [{time}] "{request}" {status} {size}'
COMBINED = COMMON + ' "{referer}" "{agent}"'


class AccessLog:
    """Writes a line for each request to a logger, if that is listening at level INFO.

    `trusted` are the networks of one's own proxies: a request that comes from there is ascribed to the last address in
    X-Forwarded-For that is not one of them. Otherwise that field, which anybody can send, is not looked at.
    """

    def __init__(
        self,
        logger: logging.Logger | None = None,
        format: str = COMBINED,
        trusted: Iterable[str] = (),
    ) -> None:
        self.logger = logger or logging.getLogger("guv.wsgi.access")
        self.format = format
        self.trusted = [ipaddress.ip_network(network) for network in trusted]
        self._second = -1
        self._text = ""

    def __call__(self, exchange: Exchange) -> None:
        if self.logger.isEnabledFor(logging.INFO):
            self.logger.info("%s", self.format.format(**self.fields(exchange)))

    def fields(self, exchange: Exchange) -> dict[str, Any]:
        """What a format may name."""
        environ = exchange.environ
        return {
            "client": self.client(environ) or "-",
            "user": _plain(environ.get("REMOTE_USER") or "-"),
            "time": self._time(int(_originals.time())),
            "request": _plain(f"{environ['REQUEST_METHOD']} {environ['REQUEST_URI']} {environ['SERVER_PROTOCOL']}"),
            "status": exchange.head.status_code if exchange.head is not None else "-",
            "size": exchange.sent or "-",
            "referer": _plain(environ.get("HTTP_REFERER", "-")),
            "agent": _plain(environ.get("HTTP_USER_AGENT", "-")),
        }

    def _time(self, second: int) -> str:
        """`format_log_time`, made once a second."""
        if second != self._second:
            self._second, self._text = second, format_log_time(second)
        return self._text

    def client(self, environ: Environ) -> str:
        """The address of who sent the request, as far as the trusted proxies can be believed."""
        address: str = environ["REMOTE_ADDR"]
        if not self.trusted or not self._trusts(address):
            return address
        for hop in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
            hop = hop.strip()
            if not hop:
                break
            if not self._trusts(hop):
                return _plain(hop)
            address = hop
        return address

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address or "127.0.0.1")  # a Unix socket is as local
        except ValueError:
            return False
        return within(parsed, self.trusted)


class AccessFile(AccessLog):
    """Writes the lines to a file: to `sys.stderr` as it is at the time if None is given."""

    def __init__(self, file: Any = None, format: str = COMMON) -> None:
        super().__init__(format=format)
        self.file = file

    def __call__(self, exchange: Exchange) -> None:
        self.write(self.format.format(**self.fields(exchange)))

    def write(self, line: str) -> None:
        """Write one line."""
        file = sys.stderr if self.file is None else self.file
        file.write(f"{line}\n")


def within(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
    networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network],
) -> bool:
    """Whether an address is in one of the networks, also as IPv6 sockets write that of an IPv4 peer: ::ffff:1.2.3.4."""
    mapped = address.ipv4_mapped if address.version == 6 else None
    return any(address in network or (mapped is not None and mapped in network) for network in networks)


def format_log_time(timestamp: float) -> str:
    """A POSIX timestamp as access logs write local time, whatever the locale."""
    when = localtime(timestamp)
    hours, minutes = divmod(abs(when.tm_gmtoff) // 60, 60)
    sign = "-" if when.tm_gmtoff < 0 else "+"
    return (
        f"{when.tm_mday:02}/{MONTHS[when.tm_mon - 1]}/{when.tm_year:04}:"
        f"{when.tm_hour:02}:{when.tm_min:02}:{when.tm_sec:02} {sign}{hours:02}{minutes:02}"
    )


def _plain(text: str) -> str:
    """`text` so that it can not break out of its place in the line."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
