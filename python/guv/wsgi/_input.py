"""``wsgi.input``: the body of a request, read from the connection when the application asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ._chunked import ChunkedDecoder
from ._errors import ClientDisconnected
from ._head import CHUNKED
from ._limits import Limits

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Source(Protocol):
    """What an input needs of its connection."""

    #: received but not used yet
    buffer: bytes
    limits: Limits

    def receive_body(self) -> bytes:
        """The next bytes of the peer; b"" at the end. Yields."""

    def send_interim(self, data: bytes) -> None:
        """Send a reply of the class 1xx. Yields."""


class Input:
    """A file-like object that ends where the body ends. Reading it yields to other greenlets.

    Raises `ClientDisconnected` if the peer goes away before, `BadRequest` if the body is malformed.
    """

    __slots__ = ("_buffer", "_decoder", "_expected", "_left", "_source")

    def __init__(self, source: Source | None, length: int, expects_continue: bool) -> None:
        self._source = source
        self._decoder = ChunkedDecoder(source.limits) if length == CHUNKED and source else None
        self._left = length  # bytes still to come from the source, if there is no decoder
        self._buffer = b""  # decoded but not read yet
        self._expected = expects_continue

    @property
    def trailers(self) -> list[tuple[str, str]]:
        """The trailer fields of a chunked body, once it has been read to its end."""
        return self._decoder.trailers if self._decoder is not None else []

    # ---- for the server ----

    @property
    def finished(self) -> bool:
        """Whether the source stands behind the body."""
        return not self._left if self._decoder is None else self._decoder.done

    def skippable(self, limit: int) -> bool:
        """Whether `drain` may succeed."""
        return not self._expected and (self._decoder is not None or self._left <= limit)

    def detach(self) -> None:
        """The request is over: what the application reads from now on is an error."""
        self._source = None

    def drain(self, limit: int) -> bool:
        """Read and drop what is left, if that is at most `limit` bytes. False: the body is still there."""
        if self._expected:
            return self.finished
        if self._decoder is None and self._left > limit:
            return False
        while not self.finished and limit >= 0:
            limit -= len(self._pull())
        return self.finished

    def _pull(self) -> bytes:
        """The next bytes of the body, b"" at its end."""
        source = self._source
        while not self.finished:
            if source is None:
                raise ValueError("the request is over, its body can't be read any more")
            if self._expected:
                self._expected = False
                if not source.buffer:
                    source.send_interim(CONTINUE)
            data, source.buffer = source.buffer, b""
            if not data:
                data = source.receive_body()
                if not data:
                    raise ClientDisconnected("the connection ended before the request body did")
            if self._decoder is None:
                if len(data) > self._left:
                    data, source.buffer = data[: self._left], data[self._left :]
                self._left -= len(data)
                return data
            data = self._decoder.receive(data)
            if self._decoder.done:
                source.buffer = self._decoder.rest
            if data:
                return data
        return b""

    # ---- for the application ----

    def read(self, size: int | None = -1, /) -> bytes:
        """`size` bytes, fewer only at the end of the body; all that is left without `size`."""
        limit = -1 if size is None or size < 0 else size
        pieces: list[bytes] = []
        have = 0
        while limit < 0 or have < limit:
            data = self._buffer or self._pull()
            self._buffer = b""
            if not data:
                break
            if 0 <= limit < have + len(data):
                data, self._buffer = data[: limit - have], data[limit - have :]
            pieces.append(data)
            have += len(data)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def read1(self, size: int = -1, /) -> bytes:
        """What is there or arrives next, at most `size` bytes."""
        if size == 0:
            return b""
        data = self._buffer or self._pull()
        if size < 0:
            size = len(data)
        self._buffer = data[size:]
        return data[:size]

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        """As `read1`, into `buffer`."""
        data = self.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readline(self, size: int | None = -1, /) -> bytes:
        """A line with its end, at most `size` bytes."""
        limit = -1 if size is None else size
        pieces: list[bytes] = []
        have = 0
        while limit < 0 or have < limit:
            data = self._buffer or self._pull()
            if not data:
                break
            end = data.find(b"\n") + 1 or len(data)
            if limit >= 0:
                end = min(end, limit - have)
            pieces.append(data[:end])
            self._buffer = data[end:]
            have += end
            if data[end - 1] == 10:
                break
        return b"".join(pieces)

    def readlines(self, hint: int | None = None, /) -> list[bytes]:
        """The lines that are left, or those that make up at least `hint` bytes."""
        lines: list[bytes] = []
        size = 0
        for line in self:
            lines.append(line)
            size += len(line)
            if hint is not None and 0 < hint <= size:
                break
        return lines

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        """Does nothing: the server owns the connection."""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line


#: the body of a request that has none
NO_BODY = Input(None, 0, False)
