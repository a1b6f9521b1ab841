"""`StreamServer`, which makes its own listening socket; and what it shares with other servers of gevent's kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import socket as Socket
from typing import TYPE_CHECKING, Any

from greenlet import greenlet

from ..greenpool import GreenPool
from ..greenthread import spawn as _spawn
from ..greenthread import spawn_n
from ._listening import Address, listen, tls_context
from ._serving import Handle, Server, StopServe

if TYPE_CHECKING:
    import ssl

_BACKLOG = 511

#: Keywords that ask for TLS: those of the `ssl.wrap_socket` that Python 3.12 removed.
_TLS = ("keyfile", "certfile", "cert_reqs", "ssl_version", "ca_certs", "ciphers")
_DEFAULTS = ("server_side", "suppress_ragged_eofs", "do_handshake_on_connect")


def address_of(listener: Any) -> Address:
    """Where to listen: (host, port) or the path of a Unix socket, from these, from a port, or from "host:port"."""
    if isinstance(listener, bool) or not isinstance(listener, (tuple, int, str, bytes)):
        raise TypeError(f"a server listens on a socket, on (host, port), or on a port, not on {listener!r}")
    if isinstance(listener, int):
        return "", listener
    if isinstance(listener, str):
        host, _, port = listener.rpartition(":")
        if port.isascii() and port.isdigit() and "/" not in host:
            return host.strip("[]"), int(port)
    return listener


@contextmanager
def listening(listener: Any, backlog: int | None = None) -> Iterator[Socket]:
    """`listener` if it is a listening socket, else one at that address, closed if the block fails."""
    if hasattr(listener, "accept"):
        if backlog is not None:
            raise TypeError("a socket that is given has its backlog already")
        yield listener
        return
    sock = listen(address_of(listener), backlog=_BACKLOG if backlog is None else backlog)
    try:
        yield sock
    except BaseException:
        sock.close()
        raise


def take_context(options: dict[str, Any]) -> ssl.SSLContext | None:
    """The TLS context that some of `options` ask for; those are removed."""
    context: ssl.SSLContext | None = options.pop("ssl_context", None)
    for name in _DEFAULTS:
        if not options.pop(name, True):
            raise ValueError(f"{name}=False makes no sense for connections that a server has accepted")
    asked = {name: options.pop(name) for name in _TLS if name in options}
    if context is None and any(value is not None for value in asked.values()):
        context = tls_context(True, **asked)
    return context


def starting(spawn: Any) -> dict[str, Any]:
    """How to start handlers, as keywords of `Server`: "default", "raw", a pool, its size, or a function."""
    if spawn is None or spawn == "default":
        return {}
    if spawn == "raw":
        return {"spawn": spawn_n}
    if isinstance(spawn, int) and not isinstance(spawn, bool):
        return {"pool": GreenPool(spawn)}
    if hasattr(spawn, "spawn"):
        return {"pool": spawn}
    if not callable(spawn):
        raise TypeError(f'spawn must be "default", "raw", a pool, its size, or a function, not {spawn!r}')
    return {"spawn": spawn}


class OwnListener:
    """What servers of gevent's kind have beyond `Server`, beside which they stand as the first base class."""

    server_sock: Socket
    stopping: bool
    _acceptor: Any
    _address: Address
    start: Callable[[], None]
    stop_accepting: Callable[[], None]

    #: seconds that `stop` waits for the connections, if it is not told
    stop_timeout: float = 1.0

    @property
    def socket(self) -> Socket:
        """The listening socket."""
        return self.server_sock

    @property
    def address(self) -> Address:
        """Where it listens, or listened."""
        if not self.stopping:
            self._address = self.server_sock.getsockname()
        return self._address

    @property
    def server_host(self) -> str | None:
        """The host's part of `address`; None for a Unix socket."""
        return self.address[0] if isinstance(self.address, tuple) else None

    @property
    def server_port(self) -> int | None:
        """The port's part of `address`; None for a Unix socket."""
        return self.address[1] if isinstance(self.address, tuple) else None

    @property
    def started(self) -> bool:
        """Whether it accepts connections."""
        return self._acceptor is not None and not self.stopping

    @property
    def closed(self) -> bool:
        """Whether it was stopped."""
        return self.stopping

    def close(self) -> None:
        """Accept no more; connections go on. Yields at most once."""
        self.stop_accepting()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()  # type: ignore[attr-defined]

    def serve_forever(self, stop_timeout: float | None = None) -> None:
        """Accept until somebody calls `stop`, or an exception arrives here, which stops it, too. Yields."""
        self.start()
        try:
            self._acceptor.wait()
        except StopServe:
            pass
        finally:
            _spawn(self.stop, stop_timeout).join()  # type: ignore[attr-defined]


class StreamServer(OwnListener, Server):
    """`Server` that makes its listening socket, by gevent's arguments.

    `listener` is a listening socket or where to listen: (host, port), a port, "host:port", or the path of a Unix
    socket. It listens once it is made. `handle` is called with each connection and its address, or the method of that
    name of a subclass. `spawn` is "default", "raw" (without counting them for `stop`), a pool, its size, or a function
    that starts handlers. `keyfile`, `certfile`, `ca_certs` and others, or `ssl_context`, ask for TLS. The remaining
    `options` are those of `Server`.
    """

    def __init__(
        self, listener: Any, handle: Handle | None = None, backlog: int | None = None,
        spawn: str | int | GreenPool | Callable[..., greenlet] | None = "default", **options: Any,
    ) -> None:  # fmt: skip
        if handle is not None:
            self.handle: Handle = handle
        elif not callable(getattr(self, "handle", None)):
            raise TypeError("a server needs a handler: the argument handle, or a method of that name")
        options["ssl_context"] = take_context(options)
        options.update(starting(spawn))
        with listening(listener, backlog) as sock:
            super().__init__(sock, lambda *connected: self.handle(*connected), **options)

    def stop(self, timeout: float | None = None) -> None:
        """Accept no more, and wait for the connections, `stop_timeout` seconds if `timeout` is None; then kill them."""
        super().stop(self.stop_timeout if timeout is None else timeout)
