"""The connection: requests one after the other until one of the sides ends it."""

from __future__ import annotations

from socket import MSG_MORE
from typing import TYPE_CHECKING, Any

from .._originals import monotonic
from ..hubs.switch import gyield
from ._errors import TIMED_OUT, UNKNOWN_EXPECTATION, BadRequest, ClientDisconnected
from ._exchange import Exchange, new_exchange
from ._head import Environ, check_unfinished, parse_head
from ._input import NO_BODY, Input
from ._repeat import LONGEST, Repeated
from ._reply import date_line
from ._transport import Transport, transport_for

if TYPE_CHECKING:
    from ._server import WSGIServer

_RECEIVE = 65536
FIRST_WORDS = 1.0  # seconds that a new connection has for its first request when the server stops
_LINGER = 2.0  # seconds to wait for the peer to take the last reply
_LINGER_BYTES = 1 << 20


class WSGIHandler:
    """Serves one connection in the greenlet that calls `handle`."""

    __slots__ = (
        "_changed",      # the socket's timeout is not that for the next request
        "_receive",      # the transport's call, which is made for each request
        "_repeated",     # the head that the last request repeated, or None
        "_short",        # a head of no more bytes is within all limits on sizes, and may be remembered
        "address",
        "buffer",        # received but not used yet
        "environ",       # what each request of the connection has beside the server's environ
        "fresh",         # no request has begun on it yet
        "idle",          # it waits for the next request to begin
        "limits",
        "requests",      # so far, if there is a limit
        "server",
        "sock",
        "transmit",      # the transport's call for output; `send` turns its errors into ClientDisconnected
        "transport",
        "unbounded",     # waits on the socket have no limit now
    )  # fmt: skip

    def __init__(self, client_sock: Any, address: Any, server: WSGIServer) -> None:
        self.sock = client_sock
        self.address = address
        self.server = server
        self.limits = server.limits
        self.buffer = b""
        self.idle = self.fresh = True
        self.requests = 0
        self._changed = False
        self.unbounded = self.limits.keep_alive is None
        self.transport: Transport = transport_for(client_sock)
        self._receive = self.transport.receive
        self.transmit = self.transport.send
        self._repeated: Repeated | None = None
        self._short = min(self.limits.request_line, self.limits.header_line, self.limits.head, LONGEST)
        self.environ: Environ = server.connection_environ(client_sock, address)
        self.environ["guv.connection"] = self
        self.environ["gunicorn.socket"] = client_sock  # where simple-websocket and others look for it

    @property
    def is_tls(self) -> bool:
        """Whether the bytes of the socket are not those of HTTP."""
        return self.transport.is_tls

    def handle(self) -> None:
        """Serve requests until the connection ends, then close it. Yields. Network errors end it quietly."""
        try:
            patience = FIRST_WORDS if self.server.stopping else self.limits.keep_alive
            self.transport.set_timeout(self.sock, patience)
            while self.handle_one_request():
                pass
        except (OSError, ClientDisconnected):
            pass
        finally:
            self.environ = {}  # it refers to this object: nothing is to stay for the garbage collector
            self.transport.close(self.sock)

    def handle_one_request(self) -> bool:
        """Wait for a request and answer it; False if the connection is to end."""
        buffer = self.buffer
        if not buffer:
            self.idle = True
            if self.server.stopping and not self.fresh:
                return False
            buffer = self._receive(self.sock, _RECEIVE)
            self.idle = self.fresh = False
            if not buffer:
                return False
        server = self.server
        repeated = self._repeated
        try:
            if repeated is not None and buffer == repeated.request:
                self.buffer = b""
                environ = repeated.template.copy()
                environ |= self.environ
                exchange = new_exchange(self, environ, repeated.is_11, repeated.keep, NO_BODY)
            else:
                begun = self._begin(buffer)
                if begun is None:
                    return False
                exchange = begun
        except BadRequest as error:
            self.refuse(error)
            return False
        if server.asks_before:
            count = server.begin_request(self)
            if count is not None and self.limits.requests is not None and count >= self.limits.requests:
                exchange.keep = False
        try:
            exchange.serve(server.application)
        finally:
            if server.tells_after:
                server.end_request(exchange)
            else:
                server.requests += 1
        keep = exchange.keep if exchange.input is NO_BODY else self._end_body(exchange)
        if keep and self._changed:
            self._changed = False
            self.unbounded = self.limits.keep_alive is None
            self.transport.set_timeout(self.sock, self.limits.keep_alive)
        if self.buffer and keep:
            gyield()  # a pipelining peer is not to keep the others waiting
        return keep

    # ---- what the exchange calls ----

    def send(self, data: bytes, more: bool = False) -> None:
        """Send all of `data`; `more` says that the rest of the packet follows. Yields.

        Raises `ClientDisconnected`.
        """
        try:
            self.transmit(self.sock, data, MSG_MORE if more else 0)
        except OSError as error:
            raise ClientDisconnected(f"the peer is gone: {error}") from error

    send_interim = send

    def expect_long(self, seconds: float | None) -> None:
        """Have the waits of this request last `seconds` at most, until it is over. Never yields."""
        self._changed = True
        self.unbounded = seconds is None
        self.transport.set_timeout(self.sock, seconds)

    def receive_body(self) -> bytes:
        """The peer's next bytes, b"" at the end. Raises `ClientDisconnected`."""
        try:
            return self._receive(self.sock, _RECEIVE)
        except OSError as error:
            raise ClientDisconnected(f"the peer is gone: {error}") from error

    def detach(self) -> tuple[Any, bytes]:
        """For an application that goes on by another protocol: the socket, and what has been received already.

        It answers `ALREADY_HANDLED` when it is done; then the server closes the socket.
        """
        data, self.buffer = self.buffer, b""
        self.transport.set_timeout(self.sock, None)
        return self.sock, data

    # ---- the stages of a request ----

    def _begin(self, buffer: bytes) -> Exchange | None:
        """Read a head that begins in `buffer`; None if the peer goes away. Raises `BadRequest`. Yields."""
        end = buffer.find(b"\r\n\r\n") + 4
        if end < 4 or buffer[0] == 13:
            buffer = self._rest_of_head(buffer)
            if not buffer:
                return None
            end = buffer.find(b"\r\n\r\n") + 4
        if end == len(buffer):
            head, self.buffer = buffer, b""
        else:
            head, self.buffer = buffer[:end], buffer[end:]
        memory = self.server.memory
        line = fields = b""
        environ = None
        if end <= self._short:
            line, _, fields = head.partition(b"\r\n")
            repeated = self._repeated
            if repeated is None or fields != repeated.fields:
                repeated = memory.get(fields)
            if repeated is not None:
                environ = repeated.environ(line)
        if environ is not None and repeated is not None:
            environ |= self.environ
            self._repeated = repeated
            is_11, length, keep = repeated.is_11, repeated.length, repeated.keep
        else:
            base = self.server.environ
            request: Environ = {}
            is_11, length, keep = parse_head(head[:-4], request, self.limits)
            environ = {**base, **request, **self.environ}
            if not length and "HTTP_UPGRADE" in request and request["HTTP_UPGRADE"].lower() == "websocket":
                self.expect_long(None)  # the application may go on by itself
            elif fields and request["REQUEST_URI"][:1] == "/":
                self._repeated = memory.learn(line, fields, (base, request), is_11, length, keep)
        body = NO_BODY
        if length:
            body = environ["wsgi.input"] = self._body(environ, is_11, length)
        return new_exchange(self, environ, is_11, keep, body)

    def _rest_of_head(self, buffer: bytes) -> bytes:
        """Receive until the head is complete; b"" if the peer goes away."""
        limits = self.limits
        deadline = None if limits.head_timeout is None else monotonic() + limits.head_timeout
        received = bytearray(buffer)
        checked = 0  # bytes of it
        try:
            while True:
                while received[:2] == b"\r\n":  # robustness: empty lines before a request are skipped
                    del received[:2]
                    checked = 0
                if received.find(b"\r\n\r\n", max(0, checked - 3)) >= 0:
                    return bytes(received)
                check_unfinished(received, limits, checked)
                checked = len(received)
                if deadline is not None:
                    left = deadline - monotonic()
                    if left <= 0:
                        raise TimeoutError
                    self.transport.set_timeout(self.sock, left)
                data = self._receive(self.sock, _RECEIVE)
                if not data:
                    return b""
                received += data
        except TimeoutError:
            raise BadRequest("the request did not arrive in time", TIMED_OUT) from None
        finally:
            self.transport.set_timeout(self.sock, limits.keep_alive)

    def _body(self, environ: Environ, is_11: bool, length: int) -> Input:
        expectation = environ.get("HTTP_EXPECT")
        expects = False
        if expectation is not None and is_11:
            if expectation.lower() != "100-continue":
                raise BadRequest("the expectation is unknown", UNKNOWN_EXPECTATION)
            expects = True
        self.expect_long(self.limits.body_timeout)
        return Input(self, length, expects)

    def _end_body(self, exchange: Exchange) -> bool:
        """Get rid of what the application has not read of the body."""
        body = exchange.input
        keep = exchange.keep
        try:
            if keep:
                keep = body.drain(self.limits.drain)
        except (BadRequest, ClientDisconnected):
            keep = False
        finished = body.finished
        body.detach()
        if not keep and not finished:
            self._linger()
        return keep

    def refuse(self, error: BadRequest) -> None:
        """Answer a request that could not be understood, and end the connection."""
        self.server.log_refusal(self, error)
        body = error.detail.encode("latin-1", "replace") + b"\n"
        head = (
            f"HTTP/1.1 {error.status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
            f"{date_line()}Connection: close\r\n\r\n"
        )
        try:
            self.send(head.encode("latin-1") + body)
            self._linger()
        except ClientDisconnected:
            pass

    def _linger(self) -> None:
        """Let the peer take the reply: closing with input unread would reset the connection at once."""
        deadline = monotonic() + _LINGER
        count = 0
        try:
            self.transport.shutdown_output(self.sock)
            while count < _LINGER_BYTES:
                left = deadline - monotonic()
                if left <= 0:
                    return
                self.transport.set_timeout(self.sock, left)
                data = self._receive(self.sock, _RECEIVE)
                if not data:
                    return
                count += len(data)
        except OSError:
            pass
