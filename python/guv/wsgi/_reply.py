"""The head of a reply: what the application said, checked and made into bytes. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable
from time import gmtime
from typing import Final

from .._originals import time as _time
from ._errors import BadResponse
from ._head import FIELD_VALUE, TOKEN

_REMEMBERED = 1024
_LINE_END = "\r\n"

#: statuses of replies that have no body
BODILESS: Final = frozenset((101, 204, 205, 304))
_STATUS = re.compile(r"[1-9][0-9][0-9](?: [\t -~\x80-\xff]*)?")
_status_lines: dict[str, tuple[int, str]] = {}

# What a field means to the server.
_PLAIN, _LENGTH, _DATE, _CONNECTION, _CODING, _SECRET = range(6)
_LASTING = (_PLAIN, _LENGTH)
_SPECIAL = {
    "content-length": _LENGTH,
    "set-cookie": _SECRET,
    "date": _DATE,
    "connection": _CONNECTION,
    "transfer-encoding": _CODING,
    "keep-alive": _CODING,
}
_names: dict[str, int] = {}
#: headers known as valid, with their line and the number of a Content-Length or -1; emptied when it is full
_lines: dict[tuple[str, str], tuple[str, int]] = {}
_LONGEST_REMEMBERED = 64  # characters of a value


#: heads that are likely to come again, by status and headers; emptied when it is full
_heads: dict[tuple[str | tuple[str, str], ...], ReplyHead] = {}
_HEADS_REMEMBERED = 256


def reply_head(status: str, headers: Iterable[tuple[str, str]]) -> ReplyHead:
    """The head that an application gives; raises as `ReplyHead` does."""
    known = None
    if headers.__class__ is list:
        try:
            known = _heads.get((status, *headers))
        except TypeError:  # a header is no tuple
            pass
    return ReplyHead(status, headers) if known is None else known


class ReplyHead:
    """A status line and header fields, as far as the application gives them. Constant."""

    __slots__ = ("close", "data", "has_date", "length", "status_code", "text")

    #: the number in the status
    status_code: int
    #: status line and fields, each with its line end
    text: str
    #: `text` as it travels, if only Date is missing; None if there is more to say about it
    data: bytes | None
    #: Content-Length, or None
    length: int | None

    def __init__(self, status: str, headers: Iterable[tuple[str, str]]) -> None:
        """Raises `BadResponse` for what would not be a valid head, TypeError for what is no str."""
        try:
            self.status_code, text = _status_lines[status]
        except (KeyError, TypeError):
            self.status_code, text = _learn_status(status)
        self.length = None
        self.has_date = self.close = False
        is_known = headers.__class__ is list  # and can be read twice
        for header in headers:
            try:
                line = _lines.get(header)
            except TypeError:
                line = None
            if line is None:
                is_known = False
                line = self._line(header)
            text += line[0]
            if line[1] >= 0:
                if self.length is not None:
                    raise BadResponse("Content-Length is given twice")
                self.length = line[1]
        self.text = text
        self.data = None
        if is_known and self.length is not None and self.status_code not in BODILESS:
            self.data = text.encode("latin-1")
            if len(_heads) >= _HEADS_REMEMBERED:
                _heads.clear()
            key: tuple[str | tuple[str, str], ...] = (status, *headers)
            _heads[key] = self

    def _line(self, header: tuple[str, str]) -> tuple[str, int]:
        """The line of a header and, if that is Content-Length, its number, else -1."""
        name, value = header
        meaning = _names.get(name)
        if meaning is None:
            meaning = _learn_name(name)
        try:
            if not (value.isprintable() and value.isascii()) and not FIELD_VALUE.fullmatch(value):
                raise BadResponse(f"the value of the header {name} has a control character or is not latin-1")
        except AttributeError:
            raise TypeError(f"the value of the header {name} must be a str, not {value!r}") from None
        length = -1
        if meaning == _LENGTH:
            if not (value.isascii() and value.isdigit()):
                raise BadResponse(f"Content-Length must be a number, not {value!r}")
            length = int(value)
        elif meaning == _DATE:
            self.has_date = True
        elif meaning == _CONNECTION:
            self.close = self.close or "close" in value.lower()
        elif meaning == _CODING:
            return "", -1
        line = f"{name}: {value}\r\n", length
        if meaning in _LASTING and len(value) <= _LONGEST_REMEMBERED and header.__class__ is tuple:
            if len(_lines) >= _REMEMBERED:
                _lines.clear()
            _lines[header] = line
        return line


def early_hints(headers: Iterable[tuple[str, str]]) -> bytes:
    """A reply 103, which comes before the one that answers. Raises `BadResponse` for what may not be in it."""
    hints = ReplyHead("200 OK", iter(headers))
    if hints.length is not None:
        raise BadResponse("early hints have no body, and so no Content-Length")
    return f"HTTP/1.1 103 Early Hints\r\n{hints.text.partition(_LINE_END)[2]}\r\n".encode("latin-1")


def _learn_status(status: str) -> tuple[int, str]:
    if not isinstance(status, str):
        raise TypeError(f"the status must be a str, not {status!r}")
    if not _STATUS.fullmatch(status):
        raise BadResponse(f"the status must be like '200 OK', not {status!r}")
    if status[0] == "1" and status[:3] != "101":
        raise BadResponse(f"{status!r} is no answer: the peer goes on waiting for one behind it")
    line = int(status[:3]), f"HTTP/1.1 {status}{'' if len(status) > 3 else ' '}\r\n"
    if len(_status_lines) < _REMEMBERED:
        _status_lines[status] = line
    return line


def _learn_name(name: str) -> int:
    if not isinstance(name, str):
        raise TypeError(f"the name of a header must be a str, not {name!r}")
    if not TOKEN.fullmatch(name):
        raise BadResponse(f"{name!r} can't be the name of a header")
    meaning = _SPECIAL.get(name.lower(), _PLAIN)
    if len(_names) < _REMEMBERED:
        _names[name] = meaning
    return meaning


_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def format_date_time(timestamp: float) -> str:
    """A POSIX timestamp as HTTP writes dates, whatever the locale."""
    year, month, day, hour, minute, second, weekday, *_ = gmtime(timestamp)
    return f"{_DAYS[weekday]}, {day:02} {MONTHS[month - 1]} {year:04} {hour:02}:{minute:02}:{second:02} GMT"


_date = ""
_end = b""
_date_ends = 0.0


def date_line() -> str:
    """The field Date for now; made once a second."""
    end_with_date()
    return _date


def end_with_date() -> bytes:
    """The field Date for now and the empty line, as they travel; made once a second."""
    global _date, _end, _date_ends
    now = _time()
    if not _date_ends - 1.0 <= now < _date_ends:  # a clock that is set back counts, too
        _date_ends = int(now) + 1.0
        _date = f"Date: {format_date_time(now)}\r\n"
        _end = f"{_date}\r\n".encode()
    return _end
