"""`DatagramServer`: a function for each datagram that arrives, by gevent's interface."""

from __future__ import annotations

from collections.abc import Callable
from socket import AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM
from socket import socket as Socket
from typing import Any

from ..green import socket as green
from ..green._greensocket import make_green
from ..green._transfer import recvfrom
from ..greenthread import GreenThread, kill, spawn
from ..hubs.switch import gyield
from ._listening import Address
from ._serving import StopServe, log
from ._stream import OwnListener, address_of, starting

_LARGEST = 65536
_BURST = 32  # datagrams taken before the others run


class DatagramServer(OwnListener):
    """Calls `handle(data, address)` in a greenlet of its own for each datagram; `sendto` answers.

    `listener` is a bound socket or where to bind one, and `spawn` how to start handlers, both as for `StreamServer`.
    Subclasses may have a method `handle` instead.
    """

    def __init__(self, listener: Any, handle: Callable[[bytes, Address], object] | None = None, spawn: Any = "default"):
        if handle is not None:
            self.handle: Callable[[bytes, Address], object] = handle
        elif not callable(getattr(self, "handle", None)):
            raise TypeError("a server needs a handler: the argument handle, or a method of that name")
        how = starting(spawn)
        self.pool = how.get("pool")
        self._start: Callable[..., object] = self.pool.spawn if self.pool is not None else how.get("spawn", _spawn)
        self.server_sock: Any = make_green(listener) if hasattr(listener, "recvfrom") else _bound(address_of(listener))
        self.stopping = False
        self._acceptor: GreenThread[None] | None = None

    def start(self) -> None:
        """Begin to take datagrams, in a greenlet of its own."""
        if self._acceptor is None:
            self._acceptor = spawn(self._take_all)

    def sendto(self, data: Any, address: Address) -> int:
        """Send a datagram from the server's socket. Yields while the kernel has no room."""
        return self.server_sock.sendto(data, address)  # type: ignore[no-any-return]

    def stop_accepting(self) -> None:
        """Take no more, and close the socket. Yields at most once."""
        self.address  # noqa: B018  # remembered
        self.stopping = True
        green.close(self.server_sock)
        if self._acceptor is not None:
            kill(self._acceptor, StopServe)

    def stop(self, timeout: float | None = None) -> None:
        """Take no more; wait for the handlers that run in a pool, `stop_timeout` seconds at most, then kill them."""
        self.stop_accepting()
        if self.pool is not None and not self.pool.join(self.stop_timeout if timeout is None else timeout):
            self.pool.kill()

    def _take_all(self) -> None:
        try:
            while True:
                for _ in range(_BURST):
                    try:
                        data, address = recvfrom(self.server_sock, _LARGEST)
                    except ConnectionError:
                        continue  # the kernel's news of one that was sent
                    self._start(self._run, data, address)
                gyield()
        except StopServe:
            pass
        except OSError:
            if not self.stopping:
                raise

    def _run(self, data: bytes, address: Address) -> None:
        try:
            self.handle(data, address)
        except Exception:
            log.exception("the handler of a datagram from %r failed", address)


def _spawn(function: Callable[..., object], *args: Any) -> object:
    return spawn(function, *args)


def _bound(address: Address) -> Socket:
    """A socket for datagrams at `address`."""
    if isinstance(address, (str, bytes)):
        family = AF_UNIX
    else:
        family = AF_INET6 if ":" in address[0] else AF_INET
    sock = make_green(Socket(family, SOCK_DGRAM))
    try:
        sock.bind(address)  # without SO_REUSEADDR, which would let a second server take what is meant for the first
    except BaseException:
        sock.close()
        raise
    return sock
