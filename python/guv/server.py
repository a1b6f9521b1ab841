"""Servers on streams: `listen`, `connect`, `serve`, and `Server` for those that want to be stopped gracefully.

Everything here yields where it would block, whether `monkey_patch` was called or not: without it, accepted sockets are
`GreenSocket` objects.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import stat
import sys
from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit, getcurrent, greenlet

from ._originals import monotonic_ns
from .green import socket as green
from .green._endpoint import Endpoint, adopt
from .green._greensocket import make_green
from .greenthread import GreenThread, kill, sleep, spawn
from .hubs.current import get_hub
from .hubs.switch import gyield, unpark, wake

if TYPE_CHECKING:
    import ssl

Address = Any
Handle = Callable[[socket.socket, Address], object]

_log = logging.getLogger("guv.server")

_SHORT_OF = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_PAUSE = 0.1  # seconds before accepting again when the process is out of descriptors
_FIRST_PASSED_FD = 3  # where socket activation begins to count


class StopServe(Exception):
    """Ends `serve`: thrown into the greenlet that accepts (``kill(g, StopServe)``), or raised by a handler."""


def listen(
    addr: Address, family: int = socket.AF_INET, backlog: int = 511, *, reuse_port: bool = False
) -> socket.socket:
    """A listening socket bound to `addr`: (host, port), or a path for a Unix socket. Never yields.

    An address with a colon in its host is taken as IPv6. A Unix socket that is left over, with nobody listening, is
    replaced. With `reuse_port` several processes may listen; the kernel spreads the connections.
    """
    if isinstance(addr, (str, bytes)):
        family = socket.AF_UNIX
        _remove_stale(addr)
    elif family == socket.AF_INET and ":" in addr[0]:
        family = socket.AF_INET6
    sock = make_green(socket.socket(family, socket.SOCK_STREAM))
    try:
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(addr)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def listen_fds() -> list[socket.socket]:
    """The sockets that a service manager passed by socket activation (LISTEN_FDS); they may be taken once."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.pop("LISTEN_FDS", "0"))
    del os.environ["LISTEN_PID"]
    sockets = []
    for fd in range(_FIRST_PASSED_FD, _FIRST_PASSED_FD + count):
        os.set_inheritable(fd, False)
        sockets.append(make_green(socket.socket(fileno=fd)))
    return sockets


def connect(
    addr: Address, family: int = socket.AF_INET, bind: Address | None = None, *, timeout: float | None = None
) -> socket.socket:
    """A socket connected to `addr`, from the local address `bind`. Yields until it is; raises OSError.

    `timeout` bounds connecting, in seconds; the socket that is returned has none.
    """
    if isinstance(addr, (str, bytes)):
        family = socket.AF_UNIX
    elif family == socket.AF_INET and ":" in addr[0]:
        family = socket.AF_INET6
    sock = make_green(socket.socket(family, socket.SOCK_STREAM))
    try:
        if bind is not None:
            sock.bind(bind)
        sock.settimeout(timeout)
        sock.connect(addr)
        sock.settimeout(None)
    except BaseException:
        sock.close()
        raise
    return sock


def wrap_ssl(
    sock: socket.socket,
    keyfile: str | None = None,
    certfile: str | None = None,
    server_side: bool = False,
    cert_reqs: int = 0,
    ca_certs: str | None = None,
    do_handshake_on_connect: bool = True,
    suppress_ragged_eofs: bool = True,
    server_hostname: str | None = None,
    ciphers: str | None = None,
) -> ssl.SSLSocket:
    """TLS over `sock`, with the arguments of the `ssl.wrap_socket` that Python 3.12 removed.

    As there, a client checks no certificate unless `cert_reqs` says so; prefer an `ssl.SSLContext`. A listening
    socket gives TLS connections. Yields during the handshake.
    """
    import ssl

    from .green._greentls import green_context

    context = green_context(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT))
    context.check_hostname = False
    context.verify_mode = ssl.VerifyMode(cert_reqs)
    if ca_certs:
        context.load_verify_locations(ca_certs)
    if certfile:
        context.load_cert_chain(certfile, keyfile)
    if ciphers:
        context.set_ciphers(ciphers)
    return context.wrap_socket(  # type: ignore[no-any-return]
        sock,
        server_side=server_side,
        do_handshake_on_connect=do_handshake_on_connect,
        suppress_ragged_eofs=suppress_ragged_eofs,
        server_hostname=server_hostname,
    )


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
        _log.log(level, msg, exc_info=exc_info)


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
            from .green._greentls import green_context

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
        self._waiter: greenlet | None = None  # who waits for `running` to shrink

    # ---- accepting ----

    def start(self) -> None:
        """Begin to accept, in a greenlet of its own."""
        if self._acceptor is None:
            self._acceptor = spawn(self.serve_forever)

    def serve_forever(self) -> None:
        """Accept in the calling greenlet until `stop` or `StopServe`. Yields."""
        self._accepting = getcurrent()
        endpoint: Any = self.server_sock._closed  # type: ignore[attr-defined]
        if endpoint.__class__ is not Endpoint:
            endpoint = adopt(self.server_sock)
        endpoint.timeout = None  # a listener that other processes share stays non-blocking throughout
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
            waiter, self._waiter = self._waiter, None
            if waiter is not None:
                wake(waiter.hub, waiter)  # type: ignore[attr-defined]
            if self.on_idle is not None and not self.running:
                self.on_idle()

    def _prepare(self, connection: socket.socket, address: Address) -> tuple[socket.socket, Address] | None:
        """Read the proxy's header and shake hands; None if the peer fails at that."""
        connection = make_green(connection)
        try:
            if self.proxy_protocol:
                from ._proxy import read_header

                green.settimeout(connection, self.handshake_timeout)
                address = read_header(connection) or address
                green.settimeout(connection, None)
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
            _log.debug("the connection from %r did not get ready: %s", address, error)
            connection.close()
            return None
        return connection, address

    # ---- stopping ----

    def stop(self, timeout: float | None = None) -> None:
        """Accept no more, close the listening socket, and wait for the connections. Yields.

        Those that still run after `timeout` seconds are killed; None waits for ever, 0 kills at once.
        """
        self.stop_accepting()
        deadline = None if timeout is None else monotonic_ns() + int(timeout * 1e9)
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
                self._waiter = current
                hub.ready.popleft().switch()
        except BaseException:
            unpark(hub, current)
            raise
        finally:
            self._waiter = None
            if timer is not None:
                hub.drop_timer(timer, current)


class StreamServer(Server):
    """`Server` under the name that other libraries use."""


def _throw(g: greenlet) -> None:
    if not g.dead:
        g.throw(StopServe)


def _remove_stale(path: str | bytes) -> None:
    """Remove a Unix socket that nobody listens on."""
    if not path or path[:1] in ("\0", b"\0"):
        return
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return  # bind() will say
    except OSError:
        return
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.setblocking(False)
        probe.connect(path)
    except ConnectionRefusedError:
        os.unlink(path)
    except OSError:
        pass  # somebody listens: bind() will say
    finally:
        probe.close()
