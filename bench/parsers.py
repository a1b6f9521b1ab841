"""``python -m bench.parsers``: what reading a request's head costs, by guv's parser and by httptools.

Both fill the same environ, which is asserted. httptools (on llhttp, in C) calls back for the target and each field;
part of what it does not check is checked afterwards. This is what `guv.wsgi._head` was chosen by; what httptools
accepts that has to be refused is in ``tests_py/wsgi/test_httptools.py``.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import httptools

from guv.wsgi import BadRequest, Limits
from guv.wsgi._head import CHUNKED, Environ, content_length, parse_head, parse_request_line
from guv.wsgi._repeat import Memory

from .table import markdown

#: the environ's entries of a request, whether it is HTTP/1.1, the length of its body, whether to keep the connection
Read = tuple[Environ, bool, int, bool]

LIMITS = Limits()
MINIMAL = b"GET /hello?x=1 HTTP/1.1\r\nHost: localhost:8000\r\n\r\n"
BROWSER = (
    b"GET /shop/items/%d?page=2&sort=price HTTP/1.1\r\nHost: www.example.com\r\nConnection: keep-alive\r\n"
    b'sec-ch-ua: "Chromium";v="120", "Not?A_Brand";v="8"\r\nsec-ch-ua-mobile: ?0\r\n'
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36\r\n"
    b'sec-ch-ua-platform: "Linux"\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n'
    b"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"
    b"Referer: https://www.example.com/shop\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en,de;q=0.9\r\n"
    b"Cookie: session=4f2d0c1e9ab87765; theme=dark\r\n\r\n"
)
ROUNDS, HEADS = 7, 4000


class ByHttptools:
    """As `by_guv`, but for the limits of lines and the form of Host; one parser for all requests of a connection."""

    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.keys: dict[bytes, str | None] = {}

    def __call__(self, head: bytes) -> Read:
        environ: Environ = {}
        self.environ = environ
        self.url = ""
        parser = self.parser
        try:
            parser.feed_data(head)
        except httptools.HttpParserError as error:
            raise BadRequest(str(error)) from error
        version = parser.get_http_version()
        is_11 = version == "1.1"
        parse_request_line(f"{parser.get_method().decode('ascii')} {self.url} HTTP/{version}", environ)
        if is_11 and "HTTP_HOST" not in environ:
            raise BadRequest("an HTTP/1.1 request needs the field Host")
        length = CHUNKED if "HTTP_TRANSFER_ENCODING" in environ else 0
        if "CONTENT_LENGTH" in environ:
            length = content_length(environ["CONTENT_LENGTH"], LIMITS)
        return environ, is_11, length, parser.should_keep_alive()

    # ---- what httptools calls ----

    def on_url(self, url: bytes) -> None:
        self.url += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        try:
            key = self.keys[name]
        except KeyError:
            key = self.keys[name] = self._key(name)
        if key is None:
            return
        text = value.decode("latin-1")
        if key in self.environ:
            if key in ("HTTP_HOST", "CONTENT_LENGTH", "CONTENT_TYPE"):
                raise BadRequest(f"{key} was sent twice")
            text = f"{self.environ[key]},{text}"
        self.environ[key] = text

    @staticmethod
    def _key(name: bytes) -> str | None:
        if b"_" in name:
            return None
        key = name.decode("latin-1").upper().replace("-", "_")
        return key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else "HTTP_" + key


def by_guv(head: bytes) -> Read:
    """Each head is read in full, though lines that have been seen are known."""
    environ: Environ = {}
    is_11, length, keep = parse_head(head[: head.find(b"\r\n\r\n")], environ, LIMITS)
    return environ, is_11, length, keep


def by_memory() -> Callable[[bytes], Read]:
    """As the server does it: header lines that have come twice are known."""
    memory = Memory()

    def read(head: bytes) -> Read:
        line, _, fields = head.partition(b"\r\n")
        known = memory.get(fields)
        environ = None if known is None else known.environ(line)
        if known is not None and environ is not None:
            return environ, known.is_11, known.length, known.keep
        environ, is_11, length, keep = by_guv(head)
        memory.learn(line, fields, (environ,), is_11, length, keep)
        return environ, is_11, length, keep

    return read


def cost(read: Callable[[bytes], Any], heads: list[bytes]) -> float:
    """Microseconds of CPU for a head; `heads` are those of all rounds."""
    times = []
    for turn in range(ROUNDS):
        part = heads[turn * HEADS : (turn + 1) * HEADS]
        start = time.process_time()
        for head in part:
            read(head)
        times.append((time.process_time() - start) * 1e6 / HEADS)
    return statistics.median(times)


def main() -> None:
    no_cookie = BROWSER.replace(b"Cookie: session=4f2d0c1e9ab87765; theme=dark\r\n", b"")
    cases = {
        "one line, Host": [MINIMAL] * (HEADS * ROUNDS),
        "a browser's, 14 lines, the target changes": [no_cookie % number for number in range(HEADS * ROUNDS)],
        "the same, every line new": [
            (no_cookie % number).replace(b"\r\n\r\n", b"\r\n").replace(b": ", b": %d " % number)
            .replace(b"Host: %d " % number, b"Host: ").replace(b"Connection: %d " % number, b"Connection: ") + b"\r\n"
            for number in range(HEADS * ROUNDS)
        ],
    }  # fmt: skip
    rows = [["µs CPU a head", "", "guv, header lines known", "guv, whole head read", "httptools"]]
    for title, heads in cases.items():
        for head in heads[:3]:
            assert by_guv(head) == ByHttptools()(head)
        costs = (cost(read, heads) for read in (by_memory(), by_guv, ByHttptools()))
        rows.append([title, f"{len(heads[0])} B", *(f"{value:.1f}" for value in costs)])
    print(markdown(rows))
    print(f"\nMedians of {ROUNDS} rounds. CPython {platform.python_version()}, httptools {httptools.__version__}.")


if __name__ == "__main__":
    main()
