"""What can be wrong with a request or a reply, and whose fault it is."""

from __future__ import annotations

from ..exceptions import GuvError


class BadRequest(GuvError, ValueError):
    """The peer broke the rules of HTTP. `status` is what it is answered; then the connection ends.

    Reading ``wsgi.input`` raises it too, for a chunked body that can not be decoded.
    """

    def __init__(self, detail: str, status: str = "400 Bad Request") -> None:
        super().__init__(detail, status)
        self.detail = detail
        self.status = status

    def __str__(self) -> str:
        return self.detail


class ClientDisconnected(GuvError, ConnectionError):
    """The peer closed the connection, or was silent for too long, before the request body was complete."""


class BadResponse(GuvError, ValueError):
    """The application broke the rules of WSGI or HTTP: raised where it called the server."""


TOO_LONG_LINE = "414 URI Too Long"
TOO_LARGE_HEAD = "431 Request Header Fields Too Large"
TOO_LARGE_BODY = "413 Content Too Large"
NOT_IMPLEMENTED = "501 Not Implemented"
UNKNOWN_VERSION = "505 HTTP Version Not Supported"
UNKNOWN_EXPECTATION = "417 Expectation Failed"
TIMED_OUT = "408 Request Timeout"
