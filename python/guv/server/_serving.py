"""Accepting connections and running a handler for each: `serve`, and `Server`, which can be stopped gracefully."""

from __future__ import annotations

import errno
import logging
import socket
import sys
from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit, getcurrent, greenlet

from .._originals import monotonic_ns
from ..green import socket as green
from ..green._endpoint import Endpoint, adopt
from ..green._greensocket import make_green
from ..greenthread import GreenThread, kill, sleep, spawn
from ..hubs.current import get_hub
from ..hubs.deadline import deadline_after
from ..hubs.switch import gyield, unpark, wake
from ._listening import Address

if TYPE_CHECKING:
    import ssl

Handle = Callable[[socket.socket, Address], object]

log = logging.getLogger("guv.server")

_SHORT_OF = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_PAUSE = 0.1  # seconds before accepting again when the process is out of descriptors


class StopServe(Exception):
    """Ends `serve`: thrown into the greenlet that accepts (``kill(g, StopServe)``), or raised by a handler."""


def serve(sock: socket.socket, handle: Handle, concurrency: int = 1000) -> None:
    """Accept connections for ever and call `handle(connection, address)` in a greenlet of its own for each.

    No more than `concurrency` run at once: then accepting waits. Ends by `StopServe`; handlers that run by then are
    left to finish. The handler closes its connection, or drops it.
    """
    Server(sock, handle, concurrency=concurrency, close_connections=False).serve_forever()


class AbstractServer(metaclass=ABCMeta):
    """What every server has: a listening socket and a callable for its connections."""

    def __init__(
        self,
        server_sock: socket.socket,
        client_handler_cb: Handle,
        pool: Any = None,
        spawn: Callable[..., greenlet] | None = None,
    ) -> None:
        """`pool` is a `GreenPool` to run handlers in, `spawn` a function to start them; not both."""
        if pool is not None and spawn is not None:
            raise TypeError("a server takes a pool or a spawn function, not both")
        self.server_sock = server_sock
        self.client_handler_cb = client_handler_cb
        self.pool = pool
        self.spawn = pool.spawn if pool is not None else spawn or globals()["spawn"]

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self.server_sock.getsockname()

    @abstractmethod
    def start(self) -> None:
        """Begin to accept."""

    @abstractmethod
    def stop(self) -> None:
        """Stop accepting."""

    def handle_error(self, msg: str, level: int = logging.ERROR, exc_info: Any = True) -> None:
        """Log what went wrong."""
        log.log(level, msg, exc_info=exc_info)


class Server(AbstractServer):
    """Accepts connections, each in a greenlet of its own; can be stopped gracefully.

    `concurrency` bounds how many are served at once; accepting waits while there are as many. With `ssl_context` the
    handshake happens in the connection's greenlet, within `handshake_timeout` seconds. With `proxy_protocol` each
    connection begins with a header of the PROXY protocol (version 1 or 2), which gives the address of the client;
    use it only behind a proxy that always sends one.
    """

    #: connections accepted before the others run; 1 spreads them best over several processes
    accept_burst = 32

    def __init__(
        self,
        server_sock: socket.socket,
        client_handler_cb: Handle,
        pool: Any = None,
        spawn: Callable[..., greenlet] | None = None,
        *,
        concurrency: int | None = None,
        ssl_context: ssl.SSLContext | None = None,
        handshake_timeout: float = 10.0,
        proxy_protocol: bool = False,
        close_connections: bool = True,
        on_idle: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(server_sock, client_handler_cb, pool, spawn)
        if concurrency is not None and concurrency < 1:
            raise ValueError(f"concurrency must be at least 1, not {concurrency!r}")
        self.concurrency = concurrency
        if ssl_context is None and "ssl" in sys.modules and isinstance(server_sock, sys.modules["ssl"].SSLSocket):
            ssl_context = server_sock.context  # accepting would shake hands, and meanwhile accept nobody else
        if ssl_context is not None:
            from ..green._greentls import green_context

            ssl_context = green_context(ssl_context)
        self.ssl_context = ssl_context
        self.handshake_timeout = handshake_timeout
        self.proxy_protocol = proxy_protocol
        #: set by `stop`; handlers may look at it
        self.stopping = False
        #: the greenlets of the connections that are open, each with its socket as it was accepted
        self.running: dict[greenlet, socket.socket] = {}
        #: called when the last connection has ended; must not block
        self.on_idle = on_idle
        self._close_connections = close_connections
        self._acceptor: GreenThread[None] | None = None
        self._accepting: greenlet | None = None  # who runs serve_forever
        self._waiters: set[greenlet] = set()  # who waits for `running` to shrink

    # ---- accepting ----

    def start(self) -> None:
        """Begin to accept, in a greenlet of its own."""
        if self._acceptor is None:
            self._acceptor = spawn(self._accept_all)

    def serve_forever(self) -> None:
        """Accept in the calling greenlet until `stop` or `StopServe`; after `start`, wait for that. Yields."""
        if self._acceptor is None:
            self._accept_all()
        else:
            self._acceptor.wait()

    def _accept_all(self) -> None:
        self._accepting = getcurrent()
        endpoint: Any = self.server_sock._closed  # type: ignore[attr-defined]
        if endpoint.__class__ is not Endpoint:
            endpoint = adopt(self.server_sock)
        endpoint.limit(None)  # a listener that other processes share stays non-blocking throughout
        endpoint.afresh(self.server_sock)
        try:
            while not self.stopping:
                for _ in range(self.accept_burst):
                    if self.concurrency is not None and len(self.running) >= self.concurrency:
                        self._wait_for(lambda: len(self.running) < (self.concurrency or 1))
                    self._accept()
                gyield()
        except StopServe:
            pass
        finally:
            self._accepting = None

    def _accept(self) -> None:
        try:
            connection, address = green.accept(self.server_sock)
        except OSError as error:
            if self.stopping or error.errno in (errno.EBADF, errno.EINVAL):
                raise StopServe from None
            if error.errno in _SHORT_OF:
                self.handle_error(f"no connection can be accepted: {error}", exc_info=False)
                sleep(_PAUSE)
            elif not isinstance(error, ConnectionError):
                self.handle_error("accepting a connection failed")
                sleep(_PAUSE)
            return
        try:
            started: Any = self.spawn(self._run, connection, address)
        except BaseException:  # stopped while it waited for a place in a pool
            green.close(connection)
            raise
        if isinstance(started, greenlet):  # counts from now on, not from when it first runs
            self.running[started] = connection

    def _run(self, connection: socket.socket, address: Address) -> None:
        """A connection's life."""
        me = getcurrent()
        self.running[me] = connection
        try:
            prepared = self._prepare(connection, address)
            if prepared is not None:
                connection, address = prepared
                self.client_handler_cb(connection, address)
        except StopServe:
            if self._accepting is not None:
                get_hub().schedule_call_now(_throw, self._accepting)
        except GreenletExit:
            pass
        except Exception:
            self.handle_error(f"the handler of the connection from {address!r} failed")
        finally:
            self.running.pop(me, None)
            if self._close_connections:
                connection.close()
            waiters, self._waiters = self._waiters, set()
            for waiter in waiters:
                wake(waiter.hub, waiter)  # type: ignore[attr-defined]
            if self.on_idle is not None and not self.running:
                self.on_idle()

    def _prepare(self, connection: socket.socket, address: Address) -> tuple[socket.socket, Address] | None:
        """Read the proxy's header and shake hands; None if the peer fails at that."""
        connection = make_green(connection)
        try:
            if self.proxy_protocol:
                from ._proxy import read_header

                address = read_header(connection, self.handshake_timeout) or address
            if self.ssl_context is not None:
                green.settimeout(connection, self.handshake_timeout)
                wrapped = self.ssl_context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                try:
                    wrapped.do_handshake()
                    wrapped.settimeout(None)
                except BaseException:
                    wrapped.close()
                    raise
                return wrapped, address
        except (OSError, ValueError) as error:
            log.debug("the connection from %r did not get ready: %s", address, error)
            connection.close()
            return None
        return connection, address

    # ---- stopping ----

    def stop(self, timeout: float | None = None) -> None:
        """Accept no more, close the listening socket, and wait for the connections. Yields.

        Those that still run after `timeout` seconds are killed; None waits for ever, 0 kills at once.
        """
        self.stop_accepting()
        deadline = None if timeout is None else deadline_after(timeout)
        self._wait_for(lambda: not self._others(), deadline)
        for left in self._others():
            kill(left)
            if left.dead and left in self.running:  # it never ran
                green.close(self.running.pop(left))

    def stop_accepting(self) -> None:
        """The first half of `stop`: new connections are refused. Yields at most once."""
        self.stopping = True
        green.close(self.server_sock)
        accepting = self._accepting
        if accepting is not None and accepting is not getcurrent():
            kill(accepting, StopServe)

    def _others(self) -> list[greenlet]:
        return [g for g in self.running if g is not getcurrent()]

    def _wait_for(self, condition: Callable[[], bool], deadline: int | None = None) -> None:
        """Park until `condition()`, which is asked whenever a connection ends."""
        current = getcurrent()
        hub = get_hub()
        timer = None if deadline is None else hub.set_timer(deadline, current)
        try:
            while not condition() and (deadline is None or monotonic_ns() < deadline):
                self._waiters.add(current)
                hub.ready.popleft().switch()
        except BaseException:
            unpark(hub, current)
            raise
        finally:
            self._waiters.discard(current)
            if timer is not None:
                hub.drop_timer(timer, current)


def _throw(g: greenlet) -> None:
    if not g.dead:
        g.throw(StopServe)
