"""`server`: the call by which eventlet's programs serve an application."""

from __future__ import annotations

import logging
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .. import _originals
from ._limits import Limits
from ._log import AccessFile
from ._server import Application, WSGIServer

if TYPE_CHECKING:
    from ._exchange import Exchange
    from ._head import Environ

_FORMAT = '%(client_ip)s - - [%(date_time)s] "%(request_line)s" %(status_code)s %(body_length)s %(wall_seconds).6f'


def server(
    sock: socket.socket,
    site: Application,
    log: Any = None,
    environ: Environ | None = None,
    max_size: int | None = None,
    max_http_version: str | None = None,
    protocol: None = None,
    server_event: Any = None,
    minimum_chunk_size: int | None = None,
    log_x_forwarded_for: bool = True,
    custom_pool: Any = None,
    keepalive: bool = True,
    log_output: bool = True,
    log_format: str = _FORMAT,
    url_length_limit: int = 8192,
    debug: bool = True,
    socket_timeout: float | None = None,
    capitalize_response_headers: bool = True,
) -> None:
    """Serve `site` on a listening socket until that is closed, or `StopServe` is thrown into the caller. Yields.

    Each request's line goes to `log`, a logger or something with `write`, `sys.stderr` by default, in `log_format`.
    `max_size` connections at most are served at a time (1024), in `custom_pool` if there is one; `socket_timeout`
    bounds each wait for the client, in seconds. `server_event` is sent the `WSGIServer`. Serving ends when the
    requests under way have been answered.

    Without meaning: `minimum_chunk_size`, `capitalize_response_headers` (names go out as the application gives them),
    `debug` (a client is never shown a traceback), `log_x_forwarded_for` (anybody can send that field: `AccessLog` has
    `trusted`). A `protocol` class can't be used, which a TypeError says.
    """
    if protocol is not None:
        raise TypeError("guv.wsgi has no protocol classes; subclass WSGIServer to change what happens with a request")
    limits = Limits(request_line=url_length_limit)
    if socket_timeout is not None:
        limits = replace(
            limits, keep_alive=socket_timeout, head_timeout=socket_timeout, body_timeout=socket_timeout,
            send_timeout=socket_timeout,
        )  # fmt: skip
    if not keepalive or max_http_version == "HTTP/1.0":
        limits = replace(limits, requests=1)
    access_log = _Lines(log, log_format) if log_output else None
    serving = WSGIServer(
        sock,
        site if access_log is None else access_log.timed(site),
        environ,
        limits=limits,
        access_log=access_log,
        concurrency=None if custom_pool is not None else max_size or 1024,
        pool=custom_pool,
    )
    if server_event is not None:
        server_event.send(serving)
    serving.serve_forever()
    serving.stop()


class _Lines(AccessFile):
    """Lines in eventlet's format."""

    def __call__(self, exchange: Exchange) -> None:
        fields = self.fields(exchange)
        environ = exchange.environ
        self.write(
            self.format
            % {
                "client_ip": fields["client"],
                "client_port": environ["REMOTE_PORT"],
                "date_time": fields["time"],
                "request_line": fields["request"],
                "status_code": fields["status"],
                "body_length": exchange.sent,
                "wall_seconds": _originals.monotonic() - environ.get("guv.started", _originals.monotonic()),
            }
        )

    def write(self, line: str) -> None:
        if isinstance(self.file, (logging.Logger, logging.LoggerAdapter)):
            self.file.info("%s", line)
        else:
            super().write(line)

    def timed(self, site: Application) -> Application:
        """`site`, with a note of when each request began."""

        def timed(environ: Environ, start_response: Any) -> Any:
            environ["guv.started"] = _originals.monotonic()
            return site(environ, start_response)

        return timed
