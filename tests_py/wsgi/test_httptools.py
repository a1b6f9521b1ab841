"""Why guv.wsgi has a parser of its own: what httptools, the parser that other servers use, accepts.

If one of these fails, httptools has become stricter: look at the decision in `guv.wsgi._head` again, with the times of
``python -m bench.parsers``.
"""

from __future__ import annotations

import pytest
from test_attacks import ALLOWED, ATTACKS

httptools = pytest.importorskip("httptools", reason="httptools is not installed")

#: Limits are a server's own business with any parser; so are expectations and CONNECT.
OWN_BUSINESS = {
    "length beyond numbers", "connect", "version 2.0", "coding that is not known", "unknown expectation",
    "long request line", "long header", "many headers", "large head", "large body", "large chunk",
    "long chunk extension", "many chunk extensions",
}  # fmt: skip

ACCEPTED = {
    "chunked in HTTP/1.0", "two spaces", "no version", "no host", "two hosts", "host with a space", "host with a slash",
    "no host beside an absolute target", "malformed host beside an absolute target",
    "malformed host in an absolute target", "chunk size is too long",
}  # fmt: skip


class Messages:
    """Counts the requests that are complete."""

    count = 0

    def on_message_complete(self) -> None:
        self.count += 1


def accepts(wire: bytes) -> bool:
    messages = Messages()
    parser = httptools.HttpRequestParser(messages)
    try:
        parser.feed_data(wire)
    except httptools.HttpParserError:
        return False
    return messages.count == 1


@pytest.mark.parametrize("name", sorted(ACCEPTED))
def test_malformed_request_is_accepted_by_httptools(name):
    assert accepts(ATTACKS[name][0])


@pytest.mark.parametrize("name", sorted(ATTACKS.keys() - ACCEPTED - OWN_BUSINESS))
def test_other_malformed_requests_are_refused_by_httptools_too(name):
    assert not accepts(ATTACKS[name][0])


@pytest.mark.parametrize("name", sorted(ALLOWED.keys() - {"version 1.2"}))
def test_valid_requests_are_accepted_by_httptools_too(name):
    assert accepts(ALLOWED[name][0])
