"""The chunked transfer coding, decoded piece by piece. No I/O.

Strict, because two servers in a row that disagree about the end of a body are a way to smuggle requests: sizes are
hexadecimal digits only, every line ends in CRLF, a chunk is followed by CRLF and nothing else, trailers are field
lines. Bytes that the extensions take count against one bound for the whole body.
"""

from __future__ import annotations

import re

from ._errors import TOO_LARGE_BODY, TOO_LARGE_HEAD, BadRequest
from ._head import split_field
from ._limits import Limits

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})((?:[ \t]*;[\t -~\x80-\xff]*)?)")
_EXTENSIONS = 16384  # bytes in all the extensions of a body

# where the decoder stands
_SIZE, _DATA, _DATA_END, _TRAILER, _DONE = range(5)


class ChunkedDecoder:
    """Takes the connection's bytes by `receive`, gives the body's."""

    __slots__ = ("_extensions", "_left", "_limits", "_line", "_state", "_total", "rest", "trailers")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._state = _SIZE
        self._line = b""  # a line, or the end of a chunk, that has not fully arrived
        self._left = 0  # bytes that the chunk still has
        self._total = 0  # bytes of the body up to the end of this chunk
        self._extensions = 0
        #: name and value of each trailer field, once `done`
        self.trailers: list[tuple[str, str]] = []
        #: what came behind the end of the body
        self.rest = b""

    @property
    def done(self) -> bool:
        """Whether the whole body has been received."""
        return self._state == _DONE

    def receive(self, data: bytes) -> bytes:
        """Decode what arrived; b"" may also mean that no chunk is complete enough. Raises `BadRequest`."""
        pieces = []
        position = 0
        if self._line:
            data = self._line + data
            self._line = b""
        while self._state != _DONE:
            if self._state == _DATA:
                piece = data[position : position + self._left]
                if not piece:
                    break
                pieces.append(piece)
                position += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._state = _DATA_END
            elif self._state == _DATA_END:
                end = data[position : position + 2]
                if not b"\r\n".startswith(end):
                    raise BadRequest("a chunk is longer than its size says")
                if len(end) < 2:
                    self._line = end
                    position = len(data)
                    break
                position += 2
                self._state = _SIZE
            else:
                end_of_line = data.find(b"\n", position)
                if end_of_line < 0:
                    self._keep_line(data[position:])
                    position = len(data)
                    break
                if data[end_of_line - 1 : end_of_line] != b"\r" or end_of_line == position:
                    raise BadRequest("a line of a chunked body ends without a carriage return")
                line = data[position : end_of_line - 1]
                position = end_of_line + 1
                if self._state == _SIZE:
                    self._size_line(line)
                else:
                    self._trailer_line(line)
        if self._state == _DONE:
            self.rest = data[position:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _keep_line(self, line: bytes) -> None:
        if self._state == _SIZE:
            limit = self._limits.chunk_line
            if line and not _SIZE_LINE.match(line):
                raise BadRequest("a chunk size is not hexadecimal")
        else:
            limit = self._limits.header_line
        if len(line) > limit:
            raise BadRequest("a line of a chunked body is too long")
        self._line = line

    def _size_line(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None or len(line) > self._limits.chunk_line:
            raise BadRequest("a chunk size is malformed")
        self._extensions += len(match[2])
        if self._extensions > _EXTENSIONS:
            raise BadRequest("the chunk extensions are too large", TOO_LARGE_HEAD)
        size = int(match[1], 16)
        self._total += size
        if self._limits.body is not None and self._total > self._limits.body:
            raise BadRequest("the body is too large", TOO_LARGE_BODY)
        self._left = size
        self._state = _DATA if size else _TRAILER

    def _trailer_line(self, line: bytes) -> None:
        if not line:
            self._state = _DONE
            return
        if len(line) > self._limits.header_line or len(self.trailers) >= self._limits.header_fields:
            raise BadRequest("the trailers are too large", TOO_LARGE_HEAD)
        self.trailers.append(split_field(line.decode("latin-1")))
