"""`WSGIServer`: a listening socket, an application, and what holds for all connections."""

from __future__ import annotations

import logging
import socket
import ssl
import sys
from collections.abc import Callable, Iterable
from typing import Any

from greenlet import getcurrent, greenlet

from .. import _originals
from .._version import __version__
from ..hubs.current import get_hub
from ..hubs.timer import Timer
from ..server import Server
from ._errors import BadRequest
from ._exchange import Exchange
from ._file import FileWrapper
from ._handler import FIRST_WORDS, WSGIHandler
from ._head import Environ
from ._input import NO_BODY
from ._limits import Limits
from ._log import AccessLog
from ._repeat import Memory

Application = Callable[..., Iterable[bytes]]

log = logging.getLogger("guv.wsgi")

_INTERNET = (socket.AF_INET, socket.AF_INET6)


class WSGIServer(Server):
    """Serves a WSGI application over HTTP/1.1; `start`, `serve_forever` and `stop` are those of `Server`.

    `environ` is put into the environ of each request. `access_log` is called with each finished `Exchange`; None
    writes none. With `early_hints` the application may call ``environ["wsgi.early_hints"]`` with headers, by which the
    client learns what it will need while it waits for the reply.
    """

    def __init__(
        self,
        server_sock: socket.socket,
        application: Application | None = None,
        environ: Environ | None = None,
        *,
        limits: Limits | None = None,
        access_log: Callable[[Exchange], None] | None = None,
        concurrency: int | None = None,
        ssl_context: ssl.SSLContext | None = None,
        handshake_timeout: float = 10.0,
        proxy_protocol: bool = False,
        pool: Any = None,
        spawn: Callable[..., greenlet] | None = None,
        early_hints: bool = False,
    ) -> None:
        super().__init__(
            server_sock,
            self.handle,
            pool,
            spawn,
            concurrency=concurrency,
            ssl_context=ssl_context,
            handshake_timeout=handshake_timeout,
            proxy_protocol=proxy_protocol,
            close_connections=False,  # the handlers do it
        )
        if application is not None:
            self.application: Application = _offering_hints(application) if early_hints else application
        self.limits = limits or Limits()
        self.access_log = access_log
        #: the connections that are open, each with the greenlet that serves it
        self.handlers: dict[WSGIHandler, Any] = {}
        #: the heads of requests that came more than once
        self.memory = Memory()
        #: requests answered so far
        self.requests = 0
        self.environ = self._server_environ(environ or {})
        self._last_call: Timer | None = None  # when connections without a request are ended
        #: whether `begin_request` has anything to do
        self.asks_before = self.limits.requests is not None or type(self).begin_request is not WSGIServer.begin_request
        #: whether `end_request` does more than count
        self.tells_after = access_log is not None or type(self).end_request is not WSGIServer.end_request

    def handle(self, client_sock: Any, address: Any) -> None:
        """Serve one connection until it ends. Yields."""
        handler = WSGIHandler(client_sock, address, self)
        self.handlers[handler] = getcurrent()
        try:
            handler.handle()
        finally:
            del self.handlers[handler]

    def stop_accepting(self) -> None:
        """Refuse new connections, end those that are idle, and let requests under way be the last of theirs.

        Who has connected but not asked yet can't know of it, and has a second to do so.
        """
        super().stop_accepting()
        self._end_idle()
        if self._last_call is None and any(handler.idle for handler in self.handlers):
            self._last_call = get_hub().schedule_call_global(FIRST_WORDS, self._end_idle, True)

    def stop(self, timeout: float | None = None) -> None:
        """As `Server.stop`. Yields."""
        try:
            super().stop(timeout)
        finally:
            if self._last_call is not None:
                self._last_call.cancel()

    def _end_idle(self, fresh_too: bool = False) -> None:
        """Let connections that wait for a request see the end of their input; what has arrived is still served."""
        for handler in list(self.handlers):
            if handler.idle and (fresh_too or not handler.fresh):
                try:
                    _originals.RawSocket.shutdown(handler.sock, socket.SHUT_RD)  # under TLS too
                except OSError:
                    pass

    # ---- what the handlers ask for ----

    def connection_environ(self, client_sock: Any, address: Any) -> Environ:
        """What the environ of every request on a connection has beside `environ`; overrides what the peer sends."""
        environ: Environ = {}
        if isinstance(address, tuple):  # on a Unix socket, too, if a PROXY header told it
            environ["REMOTE_ADDR"] = str(address[0])
            environ["REMOTE_PORT"] = str(address[1])
        if client_sock.family in _INTERNET:
            client_sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if isinstance(client_sock, ssl.SSLSocket):
            environ["wsgi.url_scheme"] = "https"
            environ["HTTPS"] = "on"
        return environ

    def begin_request(self, handler: WSGIHandler) -> int | None:
        """Called before each request; how many this connection has had, if there is a limit."""
        if self.limits.requests is None:
            return None
        handler.requests += 1
        return handler.requests

    def end_request(self, exchange: Exchange) -> None:
        """Called after each request."""
        self.requests += 1
        if self.access_log is not None:
            self.access_log(exchange)

    def log_error(self, environ: Environ, error: BaseException) -> None:
        """The application raised `error`."""
        log.error(
            "the application failed at %s %s",
            environ.get("REQUEST_METHOD"),
            environ.get("REQUEST_URI"),
            exc_info=error,
        )

    def log_warning(self, environ: Environ, text: str) -> None:
        """The application did something wrong that has been made good."""
        log.warning("%s %s: %s", environ.get("REQUEST_METHOD"), environ.get("REQUEST_URI"), text)

    def log_refusal(self, handler: WSGIHandler, error: BadRequest) -> None:
        """A peer's request was refused."""
        log.info("request from %r refused: %s", handler.address, error)

    def _server_environ(self, environ: Environ) -> Environ:
        name, port = "localhost", ""
        if self.server_sock.family in _INTERNET:
            host, number, *_ = self.server_sock.getsockname()
            name = host if host not in ("0.0.0.0", "::") else socket.gethostname()
            port = str(number)
        return {
            "GATEWAY_INTERFACE": "CGI/1.1",
            "SERVER_SOFTWARE": f"guv/{__version__}",
            "SCRIPT_NAME": "",
            "SERVER_NAME": name,
            "SERVER_PORT": port,
            "REMOTE_ADDR": "",
            "REMOTE_PORT": "",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.file_wrapper": FileWrapper,
            "wsgi.input": NO_BODY,
            "wsgi.input_terminated": True,
            "guv.connection": None,
            "gunicorn.socket": None,
            **environ,
        }


def _offering_hints(application: Application) -> Application:
    """`application`, with `Exchange.early_hints` in its environ."""

    def offering(environ: Environ, start_response: Any) -> Iterable[bytes]:
        environ["wsgi.early_hints"] = start_response.__self__.early_hints
        return application(environ, start_response)

    return offering


def serve(
    server_sock: socket.socket,
    app: Application,
    log_output: bool = True,
    *,
    limits: Limits | None = None,
    concurrency: int | None = None,
    ssl_context: ssl.SSLContext | None = None,
    environ: Environ | None = None,
) -> None:
    """Serve `app` on a listening socket until `StopServe` is thrown into the calling greenlet. Yields.

    `log_output` writes a line for each request to the logger ``guv.wsgi.access`` at level INFO. The other arguments
    are those of `WSGIServer`.
    """
    WSGIServer(
        server_sock,
        app,
        environ,
        limits=limits,
        access_log=AccessLog() if log_output else None,
        concurrency=concurrency,
        ssl_context=ssl_context,
    ).serve_forever()
