"""An open websocket: messages in, messages out, and the closing handshake."""

from __future__ import annotations

import io
import socket
from collections import deque
from collections.abc import Iterator
from typing import Any

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, TextMessage
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import LocalProtocolError

from ..event import TEvent
from ..semaphore import Semaphore
from ..timeout import Timeout
from ._errors import ConnectionClosedError, FailedConnectionError

MAX_MESSAGE = 8 << 20  # bytes in a message that is received, if nothing else is said
_RECEIVE = 65536
_PIECE = 65536  # bytes sent at a time, each within `send_timeout`
_LINGER = 2.0  # seconds for which what a peer goes on sending is thrown away, so that it gets to our good-bye
_LINGER_BYTES = 16 << 20
_SLICE = 4096  # bytes decoded at a time: deflate makes at most a thousandfold of them

NO_STATUS = 1005
ABNORMAL = 1006
TOO_BIG = 1009
SERVER_ERROR = 1011
GOING_AWAY = 1001
_LOCAL_CODES = (NO_STATUS, ABNORMAL, 1015)  # never sent: `close_code` may be one, and is said as 1000
_SENDABLE = frozenset((*range(1000, 1004), *range(1007, 1015), *_LOCAL_CODES))


class WebSocket:
    """What every version of a websocket has. `RFC6455WebSocket` is the only one that is spoken."""

    def __init__(self, sock: socket.socket, environ: dict[str, Any], version: int = 13) -> None:
        self.socket = sock
        self.environ = environ
        self.version = version
        #: set once no message can be sent or received any more
        self.websocket_closed = False
        self.path: str = environ.get("PATH_INFO", "")
        self.origin: str | None = environ.get("HTTP_ORIGIN")
        #: the subprotocol that was agreed on
        self.protocol: str | None = None

    def send(self, message: str | bytes) -> None:
        """Send a message. Yields."""
        raise TypeError(f"{type(self).__name__} speaks no version of the protocol; use RFC6455WebSocket")

    def wait(self) -> str | bytes | None:
        """The next message, None at the end. Yields."""
        raise TypeError(f"{type(self).__name__} speaks no version of the protocol; use RFC6455WebSocket")

    def close(self, close_data: tuple[int, str] | None = None) -> None:
        """Say good-bye. Yields."""
        raise TypeError(f"{type(self).__name__} speaks no version of the protocol; use RFC6455WebSocket")

    def __iter__(self) -> Iterator[str | bytes]:
        """The messages until the websocket ends. Yields."""
        while True:
            message = self.wait()
            if message is None:
                return
            yield message


class RFC6455WebSocket(WebSocket):
    """A websocket after its opening handshake.

    Several greenlets may send; messages go out whole, one after the other. Several may `wait`; each message goes to one
    of them. Pings are answered while some greenlet waits.
    """

    def __init__(
        self,
        sock: socket.socket,
        environ: dict[str, Any],
        version: int = 13,
        protocol: str | None = None,
        client: bool = False,
        *,
        extension: PerMessageDeflate | None = None,
        received: bytes = b"",
        max_frame_length: int = MAX_MESSAGE,
        ping_interval: float | None = None,
        ping_timeout: float = 20.0,
        close_timeout: float = 5.0,
        send_timeout: float | None = 60.0,
    ) -> None:
        """`received` is what was read from `sock` behind the handshake; for the rest see `WebSocketWSGI.configured`."""
        super().__init__(sock, environ, version)
        self.protocol = protocol
        self.client = client
        self.max_frame_length = max_frame_length
        self.ping_interval = ping_interval
        self.ping_timeout = ping_timeout
        self.close_timeout = close_timeout
        self.send_timeout = send_timeout
        #: how the peer closed: 1005 without a code, 1006 without a good-bye; None before
        self.close_code: int | None = None
        self.close_reason = ""
        kind = ConnectionType.CLIENT if client else ConnectionType.SERVER
        self._protocol = Connection(kind, [] if extension is None else [extension])
        self._undecoded = received
        self._messages: deque[str | bytes] = deque()
        self._text: io.StringIO | None = None  # a text message that has not fully arrived
        self._binary: bytearray | None = None  # the same for a binary one
        self._size = 0  # of either, in bytes
        self._close_sent = False
        self._failure: FailedConnectionError | None = None  # waits until the messages before it have been taken
        self._asked = False  # a ping was sent since the peer was last heard of
        self._sending = Semaphore()  # order on the wire is order of compression
        self._reading = Semaphore()
        self._ended = TEvent()

    # ---- for the program ----

    def send(self, message: str | bytes | bytearray | memoryview) -> None:
        """Send a text message (str) or a binary one (bytes). Yields.

        Raises `ConnectionClosedError` if the websocket is closed, by whichever side, or the connection broke, or the
        peer takes nothing for `send_timeout` seconds.
        """
        if isinstance(message, memoryview):
            message = bytes(message)
        elif not isinstance(message, (str, bytes, bytearray)):
            raise TypeError(f"a message is str or bytes, not {type(message).__name__}")
        self._send(Message(data=message))

    def wait(self) -> str | bytes | None:
        """The next message: str for text, bytes for binary, None when there will be no more. Yields.

        What ended the websocket is in `close_code` and `close_reason`.
        """
        messages = self._messages
        if messages:
            return messages.popleft()
        with self._reading:
            while not messages:
                if self._ended.is_set():
                    return None
                self._read_more()
            return messages.popleft()

    def ping(self, data: bytes = b"") -> None:
        """Ask the peer for a sign of life. Yields."""
        self._send(Ping(payload=data))

    def close(self, close_data: tuple[int, str] | None = None) -> None:
        """Say good-bye with (code, reason), 1000 by default, and wait for the peer to do so. Yields.

        Both together take `close_timeout` at most. What the peer sends until then is dropped. Does nothing the second
        time. Raises ValueError for a code that RFC 6455 does not allow.
        """
        code, reason = close_data if close_data is not None else (1000, "")
        if code not in _SENDABLE and not 3000 <= code < 5000:
            raise ValueError(f"{code} is no close code: they are 1000 to 1003, 1007 to 1014 and 3000 to 4999")
        try:
            with Timeout(self.close_timeout, False):
                self._send_close(code, reason)
                if self._reading.acquire(blocking=False):
                    try:
                        while not self._ended.is_set():
                            self._read_more()
                    finally:
                        self._reading.release()
                else:
                    self._ended.wait()
        finally:
            self._end(ABNORMAL, "")

    def __enter__(self) -> RFC6455WebSocket:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # ---- sending ----

    def _send(self, event: Message[Any] | Ping | CloseConnection) -> None:
        with self._sending:
            if self._close_sent or self._ended.is_set():
                raise self._closed()
            if isinstance(event, CloseConnection):
                self._close_sent = True
            try:
                self._transmit(self._protocol.send(event))
            except LocalProtocolError as error:  # the peer has said good-bye meanwhile
                raise self._closed() from error
            except OSError as error:
                self._end(ABNORMAL, str(error))
                raise ConnectionClosedError(f"the connection broke: {error}") from error
            except BaseException:  # a timeout: part of a frame may be on its way, and nothing can come behind that
                self._end(ABNORMAL, "sending was cut off")
                raise

    def _transmit(self, data: bytes) -> None:
        """Send a frame. Yields. Raises OSError; `TimeoutError` if the peer takes nothing for too long."""
        pieces = [data] if len(data) <= _PIECE else [data[i : i + _PIECE] for i in range(0, len(data), _PIECE)]
        for piece in pieces:
            limit = Timeout(self.send_timeout)
            try:
                self.socket.sendall(piece)
            except Timeout as due:
                if due is not limit:
                    raise
                raise TimeoutError(f"the peer took nothing for {self.send_timeout} s") from None
            finally:
                limit.cancel()

    def _answer(self, event: Ping | CloseConnection) -> None:
        """Send a pong or the second good-bye. A peer that takes none may still have sent something worth reading."""
        with self._sending:
            if self._close_sent or self._ended.is_set():
                return
            self._close_sent = isinstance(event, CloseConnection)
            try:
                self._transmit(self._protocol.send(event.response()))
            except TimeoutError as error:
                self._end(ABNORMAL, str(error))
            except (LocalProtocolError, OSError):
                pass
            except BaseException:
                self._end(ABNORMAL, "sending was cut off")
                raise

    def _send_close(self, code: int, reason: str) -> None:
        if not self._close_sent:
            try:
                self._send(CloseConnection(code, reason or None))
            except ConnectionClosedError:
                pass

    def _closed(self) -> ConnectionClosedError:
        code = ABNORMAL if self.close_code is None else self.close_code
        return ConnectionClosedError(
            f"the websocket is closed, code {code} {self.close_reason}", code, self.close_reason
        )

    # ---- receiving ----

    def _read_more(self) -> None:
        """Take the next bytes, and do what the peer says in them. Yields."""
        try:
            if self._failure is not None:
                raise self._failure
            data = self._undecoded or self._receive()
            if not data:
                self._end(ABNORMAL, "the peer ended the connection without a good-bye")
                return
            self._undecoded = data[_SLICE:]
            self._protocol.receive_data(data[:_SLICE])
            for event in self._protocol.events():
                self._handle(event)
                if self._ended.is_set():
                    return
        except FailedConnectionError as error:
            if self._messages and self._failure is None:
                self._failure = error
                return
            self._failure = None
            with Timeout(self.close_timeout, False):
                self._send_close(error.status, error.message)
            self._end(error.status, error.message, linger=not self._asked)  # not for one that is silent
        except OSError as error:
            self._end(ABNORMAL, str(error))

    def _receive(self) -> bytes:
        """Bytes from the socket, with pings while it is silent. Yields."""
        while self.ping_interval is not None and not self._close_sent:
            silence = Timeout(self.ping_timeout if self._asked else self.ping_interval)
            try:
                data = self.socket.recv(_RECEIVE)
                self._asked = False
                return data
            except Timeout as due:
                if due is not silence:
                    raise
            finally:
                silence.cancel()
            if self._asked:
                raise FailedConnectionError(SERVER_ERROR, "no sign of life")
            self._asked = True
            with Timeout(self.ping_timeout, False):  # a peer that takes nothing gives no sign of life either
                self.ping()
        return self.socket.recv(_RECEIVE)

    def _handle(self, event: Any) -> None:
        if isinstance(event, (TextMessage, BytesMessage)):
            self._take(event)
        elif isinstance(event, Ping):
            self._answer(event)
        elif isinstance(event, CloseConnection):
            if self._protocol.state in (ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING):
                raise FailedConnectionError(int(event.code), event.reason or "")  # what it sent made no sense
            self._answer(event)
            self._end(int(event.code), event.reason or "")

    def _take(self, event: TextMessage | BytesMessage) -> None:
        """A message, or a part of one."""
        data = event.data
        self._size += len(data) if not isinstance(data, str) or data.isascii() else len(data.encode())
        if self._size > self.max_frame_length:
            raise FailedConnectionError(TOO_BIG, f"a message may have {self.max_frame_length} bytes")
        first = self._text is None and self._binary is None
        if first and event.message_finished:
            if not self._close_sent:
                self._messages.append(data if isinstance(data, str) else bytes(data))
            self._size = 0
            return
        if isinstance(data, str):
            if self._text is None:
                self._text = io.StringIO(newline="")
            self._text.write(data)
        else:
            if self._binary is None:
                self._binary = bytearray()
            self._binary += data
        if event.message_finished:
            whole = self._text.getvalue() if self._text is not None else bytes(self._binary or b"")
            self._text = self._binary = None
            self._size = 0
            if not self._close_sent:
                self._messages.append(whole)

    def _end(self, code: int, reason: str, linger: bool = False) -> None:
        """Nothing more can be sent or received. Yields if it is to `linger`."""
        if self._ended.is_set():
            return
        self.close_code, self.close_reason = code, reason
        self.websocket_closed = True
        self._ended.set()
        try:
            self.socket.shutdown(socket.SHUT_RDWR if self.client and not linger else socket.SHUT_WR)
            if linger:
                self._linger()
        except OSError:
            pass
        finally:
            if self.client:
                self.socket.close()

    def _linger(self) -> None:
        """Let the peer take the good-bye: closing with input unread would reset the connection, and lose it. Yields."""
        left = _LINGER_BYTES
        with Timeout(min(_LINGER, self.close_timeout), False):
            while left > 0 and (data := self.socket.recv(_RECEIVE)):
                left -= len(data)
