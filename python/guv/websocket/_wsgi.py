"""`WebSocketWSGI`: a handler of websockets as a WSGI application."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from greenlet import GreenletExit

from ..wsgi import ALREADY_HANDLED
from ._connection import GOING_AWAY, MAX_MESSAGE, SERVER_ERROR, RFC6455WebSocket
from ._errors import BadRequest, ConnectionClosedError
from ._handshake import VERSION, accept_deflate, accept_token, check_request, choose_protocol

Handler = Callable[[RFC6455WebSocket], object]
OriginChecker = Callable[["str | None"], object]


class WebSocketWSGI:
    """Calls `handler(ws)` for each websocket, which ends when the handler returns.

    Use it as a decorator, or `configured` for options. A request that is no websocket is answered by 400 or 426. If the
    handler raises, the peer gets the close code 1011 and the exception goes on to the server, which logs it; that the
    peer has gone is no error. A handler that a stopping server kills says good-bye with 1001.
    """

    def __init__(
        self,
        handler: Handler,
        max_frame_length: int = MAX_MESSAGE,
        *,
        supported_protocols: Sequence[str] | None = None,
        origin_checker: OriginChecker | None = None,
        compress: bool = True,
        ping_interval: float | None = None,
        ping_timeout: float = 20.0,
        close_timeout: float = 5.0,
        send_timeout: float | None = 60.0,
    ) -> None:
        """`max_frame_length` bounds a message, in bytes after decompression. See `configured` for the rest."""
        self.handler = handler
        self.max_frame_length = max_frame_length
        self.supported_protocols = supported_protocols
        self.origin_checker = origin_checker
        self.compress = compress
        self.ping_interval = ping_interval
        self.ping_timeout = ping_timeout
        self.close_timeout = close_timeout
        self.send_timeout = send_timeout

    @classmethod
    def configured(
        cls,
        handler: Handler | None = None,
        supported_protocols: Sequence[str] | None = None,
        origin_checker: OriginChecker | None = None,
        support_legacy_versions: bool = False,
        **options: Any,
    ) -> Any:
        """A `WebSocketWSGI` with options, or a decorator that makes one if `handler` is None.

        `supported_protocols` are the subprotocols that the server has; the client's first choice among them is
        ``ws.protocol``. `origin_checker` gets the header Origin, or None, and says whether it may connect: browsers let
        any site open a websocket with the user's cookies. `support_legacy_versions` must be False: the drafts before
        RFC 6455 are spoken by no browser since 2012. Other options: `max_frame_length` (bytes), `compress`,
        `ping_interval` (seconds of silence after which the peer is asked for a sign of life while `ws.wait` waits; None
        never), `ping_timeout` (seconds that it has to give one), `close_timeout` (seconds to wait for its good-bye),
        `send_timeout` (seconds for which it may take nothing of what is sent; None for ever).
        """
        if support_legacy_versions:
            raise ValueError("the protocol versions before RFC 6455 are not supported: support_legacy_versions=False")
        options.update(supported_protocols=supported_protocols, origin_checker=origin_checker)
        if handler is None:
            return lambda later: cls(later, **options)
        return cls(handler, **options)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """The WSGI application. Yields."""
        try:
            ws, answer = self._open(environ)
        except BadRequest as error:
            body = (error.body or error.status).encode() + b"\n"
            headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), *(error.headers or ())]
            start_response(error.status, headers)
            return [body]
        try:
            ws.socket.sendall(answer)
            self.handler(ws)
        except ConnectionClosedError:
            pass  # the peer left while the handler was sending
        except OSError as error:
            if not ws.websocket_closed or not isinstance(error, ConnectionError):
                ws.close((SERVER_ERROR, ""))
                raise
        except GreenletExit:  # the server stops
            ws.close((GOING_AWAY, ""))
            raise
        except BaseException:
            ws.close((SERVER_ERROR, ""))
            raise
        ws.close()
        return ALREADY_HANDLED

    def _open(self, environ: dict[str, Any]) -> tuple[RFC6455WebSocket, bytes]:
        """The websocket and the answer to its handshake; raises `BadRequest`."""
        key = check_request(environ)
        if self.origin_checker is not None and not self.origin_checker(environ.get("HTTP_ORIGIN")):
            raise BadRequest("403 Forbidden", "This origin may not connect.")
        protocol = choose_protocol(environ, self.supported_protocols)
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept_token(key)}",
        ]
        if protocol is not None:
            lines.append(f"Sec-WebSocket-Protocol: {protocol}")
        extension = None
        if self.compress:
            accepted = accept_deflate(environ.get("HTTP_SEC_WEBSOCKET_EXTENSIONS", ""))
            if accepted is not None:
                extension, answer = accepted
                lines.append(f"Sec-WebSocket-Extensions: {answer}")
        sock, received = _take_socket(environ)
        ws = RFC6455WebSocket(
            sock,
            environ,
            int(VERSION),
            protocol,
            extension=extension,
            received=received,
            max_frame_length=self.max_frame_length,
            ping_interval=self.ping_interval,
            ping_timeout=self.ping_timeout,
            close_timeout=self.close_timeout,
            send_timeout=self.send_timeout,
        )
        return ws, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _take_socket(environ: dict[str, Any]) -> tuple[socket.socket, bytes]:
    """The connection's socket, and what the server has received of it already."""
    connection = environ.get("guv.connection")
    if connection is not None:
        sock, received = connection.detach()
    elif "gunicorn.socket" in environ:
        sock, received = environ["gunicorn.socket"], b""
        sock.settimeout(None)
    else:
        raise BadRequest(
            "501 Not Implemented",
            f"The server {environ.get('SERVER_SOFTWARE', '')} gives no access to its socket; "
            "websockets need guv.wsgi or a guv worker of gunicorn.",
        )
    if getattr(sock, "family", None) in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock, received
