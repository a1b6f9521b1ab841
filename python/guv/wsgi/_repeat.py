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


class Repeated:
    """The head of a request without a body, whose header lines have come more than once."""

    __slots__ = ("_version", "fields", "is_11", "keep", "request", "template")

    def __init__(self, line: bytes, fields: bytes, template: Environ, is_11: bool, keep: bool) -> None:
        #: from the end of the request line to that of the empty line
        self.fields = fields
        self.is_11 = is_11
        self.keep = keep
        #: the request that `template` is of; empty if its target may be meant for one client only
        self.request = b"" if b"?" in line else line + fields
        #: the environ but for what belongs to the connection, to be copied
        self.template = template
        self._version = line[line.rindex(b" ") :]

    def environ(self, line: bytes) -> Environ | None:
        """The environ of a request with these fields and another request line; None if that changes what they mean.

        Raises `BadRequest`.
        """
        if not line.endswith(self._version):
            return None
        environ = self.template.copy()
        parse_request_line(line.decode("latin-1"), environ)
        return environ if environ["REQUEST_URI"][:1] == "/" else None


class Memory:
    """What a server remembers of heads."""

    def __init__(self) -> None:
        self._heads: dict[bytes, Repeated] = {}
        self._noted: set[int] = set()  # hashes of the header lines that came once
        #: the head with these header lines, or None
        self.get = self._heads.get

    def learn(
        self, line: bytes, fields: bytes, environs: Iterable[Environ], is_11: bool, keep: bool
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
        known = Repeated(line, fields, template, is_11, keep)
        if SECRET.isdisjoint(template):
            if len(self._heads) >= _MOST:
                self._heads.clear()
            self._heads[fields] = known
        return known
