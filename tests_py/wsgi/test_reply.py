"""Heads of replies: what an application may say."""

import pytest

from guv.wsgi import BadResponse, format_date_time
from guv.wsgi._reply import ReplyHead


def test_head_is_status_and_fields_in_order():
    head = ReplyHead("200 OK", [("B", "2"), ("a", "1"), ("B", "3")])
    assert head.text == "HTTP/1.1 200 OK\r\nB: 2\r\na: 1\r\nB: 3\r\n"
    assert (head.status_code, head.length) == (200, None)


def test_framing_is_the_servers_business():
    head = ReplyHead("200 OK", [("Transfer-Encoding", "chunked"), ("content-length", "5")])
    assert "ransfer" not in head.text
    assert head.length == 5


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        ("200 OK\r\nX: y", []),
        ("OK", []),
        ("20", []),
        ("200OK", []),
        ("200 OK", [("X", "a\r\nY: b")]),
        ("200 OK", [("X", "a\nb")]),
        ("200 OK", [("X", "a\rb")]),
        ("200 OK", [("X", "a\0b")]),
        ("200 OK", [("X", "\u20ac")]),
        ("200 OK", [("X Y", "a")]),
        ("200 OK", [("X:", "a")]),
        ("200 OK", [("X\r\n", "a")]),
        ("200 OK", [("", "a")]),
        ("200 OK", [("Content-Length", "five")]),
        ("200 OK", [("Content-Length", "-5")]),
        ("200 OK", [("Content-Length", "5"), ("content-length", "5")]),
    ],
)
def test_invalid_head_is_the_applications_error(status, headers):
    with pytest.raises(BadResponse):
        ReplyHead(status, headers)


@pytest.mark.parametrize(
    ("status", "headers"),
    [(b"200 OK", []), (200, []), ("200 OK", [("X", 1)]), ("200 OK", [("X", b"1")]), ("200 OK", [(b"X", "1")])],
)
def test_wrong_types_are_named(status, headers):
    with pytest.raises(TypeError):
        ReplyHead(status, headers)


def test_dates_are_those_of_http():
    assert format_date_time(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT"
