"""The head of an HTTP/1 request: checked by RFC 9112 and put into the environ. No I/O.

There is one parser, in plain Python on methods of `str` that are loops in C. The other candidate was httptools, on
llhttp. It accepts what has to be refused: requests with no Host, two or a malformed one, with Transfer-Encoding in
HTTP/1.0, two spaces, no version (``tests_py/wsgi/test_httptools.py``), so each head would need a second look, and it
knows no limits. With the environ filled it takes 7.9 µs for a minimal head and 22 for a browser's, where this one takes
6.0 and 13; 23 against 32 where no line has been seen before. A head whose lines have come twice, as nearly all have,
takes 5 (`_repeat`; ``python -m bench.parsers``). Here every rule that keeps two servers in a row from seeing different
requests stands in one place:

- lines end in CRLF; a bare CR, LF or NUL anywhere is an error, and so is a folded line;
- nothing but token characters before the colon of a field;
- one Host, valid, required from HTTP/1.1 on; an absolute target replaces it;
- one Content-Length of digits only; never together with Transfer-Encoding;
- Transfer-Encoding is ``chunked``, not in HTTP/1.0;
- a field name with an underscore is dropped, since the environ can't tell it from the one with a hyphen; whoever knows
  that its own proxy has sent it finds it in ``guv.dropped``.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from ._errors import NOT_IMPLEMENTED, TOO_LARGE_BODY, TOO_LARGE_HEAD, TOO_LONG_LINE, UNKNOWN_VERSION, BadRequest
from ._limits import Limits

Environ = dict[str, Any]

#: where the environ has the fields that were dropped, pairs of name and value, if there were any
DROPPED: Final = "guv.dropped"

#: the body length of a chunked request
CHUNKED: Final = -1

TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
FIELD_VALUE: Final = re.compile(r"[\t -~\x80-\xff]*")
_TARGET = re.compile(r"[!-~\x80-\xff]+")
_HOST = re.compile(r"(?:\[[0-9A-Za-z:.%~_-]+\]|[A-Za-z0-9\-._~%!$&'()*+;=]*)(?::[0-9]{0,5})?")
_ABSOLUTE = re.compile(r"(?:http|https)://([^/?]+)", re.IGNORECASE)
_VERSION = re.compile(r"HTTP/([0-9])\.[0-9]")
_LONGEST_LENGTH = 18  # digits; more is beyond any body
_REMEMBERED = 1024  # how many names, methods and hosts are remembered as valid

_VERSIONS = {"HTTP/1.1": True, "HTTP/1.0": False}
_methods = dict.fromkeys(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"), True)
_hosts: dict[str, bool] = {}
#: field name as sent -> its key in the environ
_keys: dict[str, str] = {}
#: header lines that were found valid, and what they say; emptied when it is full
_lines: dict[str, tuple[str, str]] = {}
_LONGEST_REMEMBERED = 160  # characters of a line
#: fields with credentials, which are not kept
SECRET: Final = frozenset(("HTTP_COOKIE", "HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION"))
_UNIQUE = frozenset(("HTTP_HOST", "CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_TRANSFER_ENCODING"))


def parse_head(head: bytes, environ: Environ, limits: Limits) -> tuple[bool, int, bool]:
    """Read `head`, which ends before the empty line, into `environ`.

    Returns whether it is HTTP/1.1, the length of the body or `CHUNKED`, and whether the peer wants to keep the
    connection. Raises `BadRequest`.
    """
    lines = head.decode("latin-1").split("\r\n")
    request_line = lines[0]
    if len(head) > limits.header_line:
        _check_sizes(lines, len(head), limits)
    elif len(request_line) > limits.request_line:
        raise BadRequest("the request line is too long", TOO_LONG_LINE)
    if len(lines) > limits.header_fields + 1:
        raise BadRequest("there are too many header fields", TOO_LARGE_HEAD)
    is_11 = parse_request_line(request_line, environ)
    del lines[0]
    for line in lines:
        field = _lines.get(line)
        if field is None:
            field = _read_line(line)
            if field is None:
                name, _, value = line.partition(":")
                environ[DROPPED] = (*environ.get(DROPPED, ()), (name, value.strip(" \t")))
                continue
        key, value = field
        if key in environ:
            if key in _UNIQUE:
                raise BadRequest(f"the field {key} was sent twice")
            value = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"
        environ[key] = value
    host = environ.get("HTTP_HOST")
    if host is None:
        if is_11:
            raise BadRequest("an HTTP/1.1 request needs the field Host")
    elif host not in _hosts:
        _learn_host(host)
    if environ["REQUEST_URI"][:1] != "/":
        _replace_host(environ)
    keep = is_11
    connection = environ.get("HTTP_CONNECTION")
    if connection is not None:
        options = tokens(connection)
        keep = "close" not in options and (is_11 or "keep-alive" in options)
    if "HTTP_TRANSFER_ENCODING" in environ:
        _check_transfer_encoding(environ, is_11)
        return is_11, CHUNKED, keep
    sent = environ.get("CONTENT_LENGTH")
    if sent is None:
        return is_11, 0, keep
    return is_11, content_length(sent, limits), keep


def _read_line(line: str) -> tuple[str, str] | None:
    """A header line as a key of the environ and its value; None if it is to be dropped. Raises `BadRequest`."""
    name, colon, value = line.partition(":")
    key = _keys.get(name)
    if key is None:
        key = _learn_name(name)
    if not colon:
        raise BadRequest("a header line has no colon")
    value = value.strip(" \t")
    if not (value.isprintable() and value.isascii()) and not FIELD_VALUE.fullmatch(value):
        raise BadRequest(f"the value of the field {name} has a control character")
    if key is None:
        return None
    field = key, value
    if len(line) <= _LONGEST_REMEMBERED and key not in SECRET:
        if len(_lines) >= _REMEMBERED:
            _lines.clear()
        _lines[line] = field
    return field


def parse_request_line(line: str, environ: Environ) -> bool:
    """Method, target and version into `environ`; whether it is HTTP/1.1. Raises `BadRequest`."""
    parts = line.split(" ")
    if len(parts) != 3:
        raise BadRequest("the request line is not a method, a target and a version with one space between")
    method, target, version = parts
    if method not in _methods:
        _learn_method(method)
    is_11 = _VERSIONS.get(version)
    if is_11 is None:
        is_11 = _other_version(version)
    if not (target.isprintable() and target.isascii()) and not _TARGET.fullmatch(target):
        raise BadRequest("the target has a control character")
    environ["REQUEST_METHOD"] = method
    environ["SERVER_PROTOCOL"] = version
    environ["REQUEST_URI"] = environ["RAW_URI"] = target
    if "#" in target:
        raise BadRequest("the target has a fragment")
    if target[:1] != "/":
        target = _path_of(method, target)
    path, _, environ["QUERY_STRING"] = target.partition("?")
    if "%" in path:
        path = unquote_to_bytes(path.encode("latin-1")).decode("latin-1")
    environ["PATH_INFO"] = path
    return is_11


def check_unfinished(head: bytes | bytearray, limits: Limits, start: int = 0) -> None:
    """Refuse the beginning of a head as soon as it can't become a valid one; raises `BadRequest`.

    What is before `start` has been checked already: a head that arrives byte by byte is not read over and over.
    """
    if head and not (head[:1].isalnum() or head[:1] in b"\r!#$%&'*+-.^_`|~"):
        raise BadRequest("this is not HTTP")
    if len(head) > limits.request_line and head.find(b"\n", 0, limits.request_line + 2) < 0:
        raise BadRequest("the request line is too long", TOO_LONG_LINE)
    if len(head) > limits.head:
        raise BadRequest("the header fields are too large", TOO_LARGE_HEAD)
    if head.count(b"\n", start) != head.count(b"\r\n", max(0, start - 1)):
        raise BadRequest("a line ends without a carriage return")
    if head.find(b"\0", start) >= 0:
        raise BadRequest("there is a NUL in the head")


def content_length(sent: str, limits: Limits) -> int:
    """The value of Content-Length as a number; raises `BadRequest`."""
    if not (sent.isascii() and sent.isdigit()) or len(sent) > _LONGEST_LENGTH:
        raise BadRequest("Content-Length is not a number")
    length = int(sent)
    if limits.body is not None and length > limits.body:
        raise BadRequest("the body is too large", TOO_LARGE_BODY)
    return length


def tokens(value: str) -> list[str]:
    """The elements of a field value that is a list, in lower case."""
    return [token.strip(" \t") for token in value.lower().split(",")]


def split_field(line: str) -> tuple[str, str]:
    """A field line (of trailers) as name and value; raises `BadRequest`."""
    name, colon, value = line.partition(":")
    value = value.strip(" \t")
    if not colon or not TOKEN.fullmatch(name) or not FIELD_VALUE.fullmatch(value):
        raise BadRequest("a trailer field is malformed")
    return name, value


def _check_sizes(lines: list[str], size: int, limits: Limits) -> None:
    if len(lines[0]) > limits.request_line:
        raise BadRequest("the request line is too long", TOO_LONG_LINE)
    if size > limits.head or max(map(len, lines[1:]), default=0) > limits.header_line:
        raise BadRequest("the header fields are too large", TOO_LARGE_HEAD)


def _learn_method(method: str) -> None:
    if not TOKEN.fullmatch(method):
        raise BadRequest("the method is not a token")
    if method == "CONNECT":
        raise BadRequest("this is no proxy", NOT_IMPLEMENTED)
    if len(method) > 32:
        raise BadRequest("the method is unknown", NOT_IMPLEMENTED)
    if len(_methods) < _REMEMBERED:
        _methods[method] = True


def _other_version(version: str) -> bool:
    match = _VERSION.fullmatch(version)
    if match is None:
        raise BadRequest("the version is not HTTP/x.y")
    if match[1] != "1":
        raise BadRequest("only HTTP/1 is spoken here", UNKNOWN_VERSION)
    return True


def _learn_name(name: str) -> str | None:
    """The environ's key for a field name; None if the field is to be dropped."""
    if not TOKEN.fullmatch(name):
        raise BadRequest("the name of a header field is malformed")
    if "_" in name:
        return None
    key = name.upper().replace("-", "_")
    if key not in ("CONTENT_LENGTH", "CONTENT_TYPE"):
        key = "HTTP_" + key
    if len(_keys) < _REMEMBERED and len(name) < 64:
        _keys[name] = key
    return key


def _learn_host(host: str) -> None:
    if not _HOST.fullmatch(host):
        raise BadRequest("the field Host is malformed")
    if len(_hosts) < _REMEMBERED:
        _hosts[host] = True


def _check_transfer_encoding(environ: Environ, is_11: bool) -> None:
    if "CONTENT_LENGTH" in environ:
        raise BadRequest("Content-Length and Transfer-Encoding exclude each other")
    if not is_11:
        raise BadRequest("Transfer-Encoding is unknown to HTTP/1.0")
    codings = tokens(environ["HTTP_TRANSFER_ENCODING"])
    if codings[-1] != "chunked" or codings.count("chunked") != 1:
        raise BadRequest("the length of the body is unknown: Transfer-Encoding does not end in one chunked")
    if len(codings) > 1:
        raise BadRequest("only the transfer coding chunked is known", NOT_IMPLEMENTED)


def _path_of(method: str, target: str) -> str:
    """Path and query of a target that is not just these; raises `BadRequest`."""
    if target == "*" and method == "OPTIONS":
        return target
    match = _ABSOLUTE.match(target)
    if match is None:
        raise BadRequest("the target is neither a path nor an http URL")
    rest = target[match.end() :]
    return rest if rest[:1] == "/" else "/" + rest


def _replace_host(environ: Environ) -> None:
    """The host of an absolute target takes the place of the field Host."""
    match = _ABSOLUTE.match(environ["REQUEST_URI"])
    if match is not None:
        _learn_host(match[1])
        environ["HTTP_HOST"] = match[1]
