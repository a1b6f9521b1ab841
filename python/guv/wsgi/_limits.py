"""How much a peer may ask of the server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on a request. Sizes in bytes, times in seconds; None is no bound."""

    request_line: int = 8192
    header_line: int = 8192
    #: the request line and all header fields together
    head: int = 65536
    #: how many header fields there may be
    header_fields: int = 128
    #: a chunk-size line of a chunked body, extensions included
    chunk_line: int = 4096
    #: a request body
    body: int | None = None
    #: how much of a body that the application left unread is read and thrown away to keep the connection
    drain: int = 65536
    #: how long an idle connection is kept between two requests
    keep_alive: float | None = 75.0
    #: from the first byte of a request to the end of its head
    head_timeout: float | None = 30.0
    #: the longest silence within a request body
    body_timeout: float | None = 60.0
    #: the longest time in which the peer takes nothing of a reply
    send_timeout: float | None = 60.0
    #: requests on one connection
    requests: int | None = None
