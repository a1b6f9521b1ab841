"""Requests like the last one: clients repeat their header lines from request to request, byte by byte.

Reading the same lines again takes most of the time that a small request costs, so each connection remembers what they
came to. Equal bytes mean an equal head, so no rule of the parser can be got round in this way; and no connection sees
what another one sent.
"""

from __future__ import annotations

from ._head import Environ, parse_request_line

LONGEST = 2048  # bytes of a head that a connection remembers


class Repeated:
    """The head of a request without a body, whose header lines came twice in a row."""

    __slots__ = ("_version", "fields", "is_11", "keep", "request", "template")

    def __init__(self, line: bytes, fields: bytes, environ: Environ, is_11: bool, keep: bool) -> None:
        #: from the end of the request line to that of the empty line
        self.fields = fields
        self.is_11 = is_11
        self.keep = keep
        #: a whole request of this kind
        self.request = line + fields
        #: the environ of `request`, to be copied
        self.template = environ
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
