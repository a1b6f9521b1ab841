"""What can go wrong with a websocket."""

from __future__ import annotations

from ..exceptions import GuvError


class BadRequest(GuvError):
    """A request that is no opening handshake; `status`, `headers` and `body` are its answer."""

    def __init__(
        self,
        status: str = "400 Bad Request",
        body: str | None = None,
        headers: list[tuple[str, str]] | None = None,
    ) -> None:
        super().__init__(status, body, headers)
        self.status = status
        self.body = body
        self.headers = headers

    def __str__(self) -> str:
        return f"{self.status}: {self.body}" if self.body else self.status


class ProtocolError(GuvError, ValueError):
    """The peer broke the rules of RFC 6455, or did not agree to a websocket."""


class ConnectionClosedError(GuvError, ConnectionError):
    """A message can't be sent any more. `code` and `reason` are those of the close, `code` 1006 if there was none."""

    def __init__(self, message: str, code: int = 1006, reason: str = "") -> None:
        super().__init__(message, code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return str(self.args[0])


class FailedConnectionError(GuvError, ConnectionError):
    """The connection has to be given up, and the peer is told so with `status`, a close code, and `message`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def __str__(self) -> str:
        return f"{self.status}: {self.message}"
