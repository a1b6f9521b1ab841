"""One request and its reply: the server's side of :pep:`3333`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from greenlet import GreenletExit

from ._errors import BadRequest, BadResponse, ClientDisconnected
from ._file import FileWrapper, send_file
from ._head import Environ
from ._input import NO_BODY, Input
from ._reply import BODILESS, ReplyHead, date_line, early_hints, end_with_date, reply_head

if TYPE_CHECKING:
    from types import TracebackType

    from ._handler import WSGIHandler

    ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

#: What an application returns that has answered on the socket itself (a websocket).
ALREADY_HANDLED: list[bytes] = []

_new: Any = object.__new__
_JOINED = 65536  # bodies up to this size travel in one piece with their head
_LENGTH_LINE = re.compile(r"(?im)^content-length:[^\n]*\n")


class Exchange:
    """Calls the application and sends what it answers. Serves one request, then it is done."""

    # Not defaults in the class: the interpreter specialises access to slots only.
    __slots__ = (
        "_chunked",   # the body is sent in chunks
        "_left",      # bytes that Content-Length still promises, or None
        "_no_body",   # the reply has no body, whatever the application gives
        "environ",
        "handler",    # of the connection
        "head",       # that of the reply, None before start_response()
        "head_sent",
        "headers",    # as the application gave them
        "input",      # the request's body
        "is_11",      # the request is HTTP/1.1 or later
        "keep",       # the connection may serve another request
        "sent",       # bytes of the body
        "status",     # as the application gave it
    )  # fmt: skip

    environ: Environ
    handler: WSGIHandler
    head: ReplyHead | None
    head_sent: bool
    headers: Iterable[tuple[str, str]]
    input: Input
    is_11: bool
    keep: bool
    sent: int
    status: str
    _chunked: bool
    _left: int | None
    _no_body: bool

    def serve(self, application: Callable[..., Iterable[bytes]]) -> None:
        """Answer the request. Afterwards `keep` says whether the connection can go on. Yields.

        Raises nothing but GreenletExit and KeyboardInterrupt.
        """
        try:
            result = application(self.environ, self.start_response)
            if result.__class__ is list and not self.head_sent:
                if result is ALREADY_HANDLED:
                    self.head_sent, self.keep = True, False
                else:
                    self._send_all(result)  # type: ignore[arg-type]
            else:
                self._send_result(result)
        except ClientDisconnected:
            self.keep = False
        except StopIteration as error:
            self.keep = False
            if self.head is None:  # gunicorn's way to say that the application has answered on the socket itself
                self.head_sent = True
            else:
                self.handler.server.log_error(self.environ, error)
                self._fail("500 Internal Server Error", "The server failed to answer this request.")
        except BadRequest as error:
            self._fail(error.status, error.detail)
        except (GreenletExit, KeyboardInterrupt):
            self.keep = False
            raise
        except BaseException as error:  # a Timeout or sys.exit() of the application, too
            self.handler.server.log_error(self.environ, error)
            self._fail("500 Internal Server Error", "The server failed to answer this request.")

    def _send_result(self, result: Iterable[bytes]) -> None:
        """Send what is no list: a generator, a file, an object of the application's own."""
        try:
            if result.__class__ is FileWrapper and not self.head_sent and send_file(self, result):  # type: ignore[arg-type]
                return
            if result.__class__ is tuple and not self.head_sent:
                self._send_all(result)  # type: ignore[arg-type]
                return
            for piece in result:
                if piece:
                    self.write(piece)
                    if self._no_body:
                        break  # it may be endless, and what is not sent can't tell that the peer is gone
            self.finish()
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    # ---- what the application calls ----

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """The function that :pep:`3333` describes. Never yields."""
        if exc_info is not None:
            try:
                if self.head_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # no cycle with the traceback
        elif self.head is not None:
            raise BadResponse("start_response() was called twice without exc_info")
        self.head = reply_head(status, headers)
        self.status = status
        self.headers = headers
        return self.write

    def early_hints(self, headers: Iterable[tuple[str, str]]) -> None:
        """Tell a client what it may fetch meanwhile: a reply 103 with `headers`, before the one that follows. Yields.

        Nothing happens once that has begun, and with HTTP/1.0, which knows no such thing. Raises `BadResponse` for a
        header that may not be sent. As ``environ["wsgi.early_hints"]`` it is gunicorn's.
        """
        if self.is_11 and not self.head_sent:
            self.handler.expect_long(self.handler.limits.send_timeout)
            self.handler.send(early_hints(headers))

    def write(self, data: bytes) -> None:
        """Send a piece of the body. Yields."""
        if data.__class__ is not bytes:
            data = _as_bytes(data)
        if self.head_sent:
            framed = self._frame(data)
            if framed:
                self.handler.send(framed)
            return
        self.handler.expect_long(self.handler.limits.send_timeout)
        head = self.begin(None)
        framed = self._frame(data)
        if len(framed) <= _JOINED:
            self.handler.send(head + framed)
        else:
            self.handler.send(head)
            self.handler.send(framed)

    # ---- the reply ----

    def begin(self, total: int | None) -> bytes:
        """The reply's head. `total` is the size of the body, None if that is not known yet."""
        head = self.head
        if head is None:
            raise BadResponse("the application returned a body without calling start_response()")
        self.head_sent = True
        text = head.text
        if not head.has_date:
            text += date_line()
        status = head.status_code
        if self.environ["REQUEST_METHOD"] == "HEAD" or status in BODILESS:
            self._no_body = True
            if status in BODILESS and status != 304:
                if head.length is not None:
                    text = _LENGTH_LINE.sub("", text)
                if status == 205:
                    text += "Content-Length: 0\r\n"
        elif head.length is not None:
            self._left = head.length
        elif total is not None:
            text += f"Content-Length: {total}\r\n"
            self._left = total
        elif self.is_11:
            text += "Transfer-Encoding: chunked\r\n"
            self._chunked = True
        else:
            self.keep = False
        if self.keep and (
            head.close
            or status == 101
            or self.handler.server.stopping
            or not (self.input is NO_BODY or self._may_continue())
        ):
            self.keep = False
        if not self.keep:
            if not head.close and status != 101:
                text += "Connection: close\r\n"
        elif not self.is_11:
            text += "Connection: keep-alive\r\n"
        return (text + "\r\n").encode("latin-1")

    def _may_continue(self) -> bool:
        """Whether the next request on this connection can be found behind this one's body."""
        return self.input.finished or self.input.skippable(self.handler.limits.drain)

    def _frame(self, data: bytes) -> bytes:
        """A piece of the body as it travels."""
        if self._no_body:
            return b""
        if self._chunked:
            self.sent += len(data)
            return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        left = self._left
        if left is not None:
            if len(data) > left:
                self.keep = False
                self.handler.server.log_warning(
                    self.environ, "the application sent more than its Content-Length; the rest was cut off"
                )
                data = data[:left]
            self._left = left - len(data)
        self.sent += len(data)
        return data

    def _send_all(self, pieces: list[bytes] | tuple[bytes, ...]) -> None:
        """The whole body is there: send it, with its head in the same packet if it is small.

        A small reply has the patience that the next request has: it waits only if the peer has not taken earlier ones.
        """
        handler = self.handler
        if handler.unbounded:
            handler.expect_long(handler.limits.send_timeout)
        if len(pieces) == 1:
            body = pieces[0]
        else:
            if sum(map(len, pieces)) > _JOINED:
                handler.expect_long(handler.limits.send_timeout)
                handler.send(self.begin(sum(map(len, pieces))))
                for piece in pieces:
                    self.write(piece)
                self.finish()
                return
            body = b"".join(pieces)
        if body.__class__ is not bytes:
            body = _as_bytes(body)
        size = len(body)
        head = self.head
        if (
            head is not None
            and head.data is not None
            and head.length == size
            and self.keep
            and self.is_11
            and self.input is NO_BODY
            and self.environ["REQUEST_METHOD"] != "HEAD"
            and not handler.server.stopping
        ):  # `begin`, for the most frequent of its cases
            data = head.data + end_with_date()
            self.head_sent = True
            self.sent = size
        else:
            data = self.begin(size)
            if self._left == size:
                self._left = 0
                self.sent = size
            else:
                body = self._frame(body)
        if size <= _JOINED:
            try:
                handler.transmit(handler.sock, data + body, 0)
            except OSError as error:
                raise ClientDisconnected(f"the peer is gone: {error}") from error
        else:
            handler.expect_long(handler.limits.send_timeout)
            handler.send(data)
            handler.send(body)
        if self._left:
            self._too_short()

    def finish(self) -> None:
        """The body is complete."""
        if not self.head_sent:
            self.handler.send(self.begin(0))
        elif self._chunked:
            self.handler.send(b"0\r\n\r\n")
        if self._left:
            self._too_short()

    def skip(self, count: int) -> None:
        """`count` bytes of the body have been sent by other means than `write`."""
        self.sent += count
        if self._left is not None:
            self._left -= count

    @property
    def left(self) -> int | None:
        """How many bytes of the body Content-Length still promises; 0 if there is to be no body."""
        return 0 if self._no_body else self._left

    def _too_short(self) -> None:
        self.keep = False
        self.handler.server.log_warning(self.environ, "the application sent less than its Content-Length")

    def _fail(self, status: str, detail: str) -> None:
        """Something went wrong: say so if the reply has not begun, else break it off."""
        self.keep = False
        if self.head_sent:
            return
        body = detail.encode() + b"\n"
        self.head = None
        self.start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        try:
            self.handler.send(self.begin(len(body)) + self._frame(body))
        except ClientDisconnected:
            pass


def new_exchange(handler: WSGIHandler, environ: Environ, is_11: bool, keep: bool, body: Input) -> Exchange:
    """The exchange of a request that has begun; no `__init__`, which would cost each request half a microsecond."""
    exchange: Exchange = _new(Exchange)
    exchange.handler = handler
    exchange.environ = environ
    exchange.is_11 = is_11
    exchange.keep = keep
    exchange.input = body
    exchange.head = exchange._left = None
    exchange.head_sent = exchange._chunked = exchange._no_body = False
    exchange.sent = 0
    exchange.status = ""
    exchange.headers = ()
    return exchange


def _as_bytes(data: Any) -> bytes:
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise TypeError(f"the body of a reply is made of bytes, not {type(data).__name__}")
