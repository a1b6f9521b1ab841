"""Requests like earlier ones: clients repeat their header lines from request to request, byte by byte.

Reading the same lines again takes most of the time that a small request costs, so a server remembers what they came to.
Equal bytes mean an equal head, so no rule of the parser can be got round in this way. What carries credentials is
remembered by its connection only, and goes with it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ._head import SECRET, Environ, parse_request_line

LONGEST = 2048  # bytes of a head that is remembered
_MOST = 256  # heads that a server remembers; it begins anew when there are more
_MOST_NOTED = 4096  # heads that it has seen, at least once
_MOST_STARTS = 32  # methods with paths that are remembered for each head
_LONGEST_START = 128  # bytes of these


class Repeated:
    """The head of a request whose header lines have come more than once."""

    __slots__ = ("_line_end", "_starts", "_version", "fields", "is_11", "keep", "length", "request", "template")

    def __init__(self, line: bytes, fields: bytes, template: Environ, is_11: bool, length: int, keep: bool) -> None:
        #: all that follows the request line and its end, the empty line included
        self.fields = fields
        self.is_11 = is_11
        #: of the body, as `parse_head` gives it
        self.length = length
        self.keep = keep
        #: the request that `template` is of; empty if it has a body, or if its target may be meant for one client only
        self.request = b"" if length or b"?" in line else line + b"\r\n" + fields
        #: the environ but for what belongs to the connection, to be copied
        self.template = template
        self._version = line[line.rindex(b" ") :]
        self._line_end = -len(self._version)
        #: request lines that came with these fields, up to the question mark -> method, PATH_INFO, path as it was sent
        self._starts: dict[bytes, tuple[str, str, str]] = {}

    def environ(self, line: bytes) -> Environ | None:
        """The environ of a request with these fields and another request line; None if that changes what they mean.

        Raises `BadRequest`.
        """
        end = self._line_end
        if line[end:] != self._version:
            return None
        start, mark, query = line[:end].partition(b"?")
        known = self._starts.get(start)
        if known is None:
            return self._other(line, start)
        text = ""
        if mark:
            text = query.decode("latin-1")
            if not (text.isascii() and text.isprintable()) or " " in text or "#" in text:
                return self._other(line, start)
        environ = self.template.copy()
        environ["REQUEST_METHOD"], environ["PATH_INFO"], path = known
        environ["QUERY_STRING"] = text
        environ["REQUEST_URI"] = environ["RAW_URI"] = f"{path}?{text}" if mark else path
        return environ

    def _other(self, line: bytes, start: bytes) -> Environ | None:
        """`environ` for a request line of which only the version is known."""
        environ = self.template.copy()
        parse_request_line(line.decode("latin-1"), environ)
        target: str = environ["REQUEST_URI"]
        if target[:1] != "/":
            return None
        if len(start) <= _LONGEST_START:
            if len(self._starts) >= _MOST_STARTS:
                self._starts.clear()
            self._starts[start] = environ["REQUEST_METHOD"], environ["PATH_INFO"], target.partition("?")[0]
        return environ


class Memory:
    """What a server remembers of heads."""

    def __init__(self) -> None:
        self._heads: dict[bytes, Repeated] = {}
        self._noted: set[int] = set()  # hashes of the header lines that came once
        #: the head with these header lines, or None
        self.get = self._heads.get

    def learn(
        self, line: bytes, fields: bytes, environs: Iterable[Environ], is_11: bool, length: int, keep: bool
    ) -> Repeated | None:
        """Note a head, of which `environs` together are the environ; from the second time on, what it came to."""
        number = hash(fields)
        if number not in self._noted:
            if len(self._noted) >= _MOST_NOTED:
                self._noted.clear()
            self._noted.add(number)
            return None
        template: Environ = {}
        for environ in environs:
            template.update(environ)
        known = Repeated(line, fields, template, is_11, length, keep)
        if SECRET.isdisjoint(template):
            if len(self._heads) >= _MOST:
                self._heads.clear()
            self._heads[fields] = known
        return known
