"""Heads of replies: what an application may say."""

import pytest

from guv.wsgi import BadResponse, _reply, format_date_time
from guv.wsgi._reply import ReplyHead, reply_head


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


def test_head_given_again_is_the_same_to_the_byte_whatever_holds_it(monkeypatch):
    monkeypatch.setattr(_reply, "_heads", {})
    monkeypatch.setattr(_reply, "_lines", {})
    headers = [("Content-Type", "text/plain"), ("Content-Length", "5")]
    texts = {reply_head("200 OK", kind(headers)).text for kind in (list, tuple, iter, list, iter, list)}
    assert texts == {"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"}
    assert reply_head("200 OK", list(headers)) is reply_head("200 OK", list(headers))
    assert reply_head("200 OK", [list(header) for header in headers]).text in texts
    assert reply_head("201 Created", list(headers)).status_code == 201


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified", "205 Reset Content"])
def test_head_of_a_reply_without_a_body_is_made_anew(status):
    heads = [reply_head(status, [("Content-Length", "5")]) for _ in range(3)]
    assert all(head.data is None for head in heads)


def test_heads_remembered_are_bounded_and_without_secrets(monkeypatch):
    monkeypatch.setattr(_reply, "_heads", {})
    for number in range(3 * _reply._HEADS_REMEMBERED):
        for _ in range(3):
            reply_head("200 OK", [("X", str(number)), ("Content-Length", "5")])
            reply_head("200 OK", [("Set-Cookie", str(number)), ("Content-Length", "5")])
            reply_head("200 OK", [("Date", "today"), ("Content-Length", "5")])
    assert 0 < len(_reply._heads) <= _reply._HEADS_REMEMBERED
    assert {name for _, *headers in _reply._heads for name, _ in headers} == {"X", "Content-Length"}


def test_reply_with_a_known_head_and_a_body_of_another_size_is_framed_by_its_head(converse):
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "a/b"), ("Content-Length", "5")])
        return [environ["PATH_INFO"][1:].encode()]

    server = converse.server(application)
    request = b"%b /%b HTTP/1.1\r\nHost: a\r\n\r\n"
    asked = [(b"GET", b"right"), (b"GET", b"right"), (b"GET", b"right"), (b"HEAD", b"right"), (b"GET", b"too-long")]
    output = converse([request % each for each in asked], server=server)
    replies = output.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert [reply.partition(b"\r\n\r\n")[2] for reply in replies] == [b"right", b"right", b"right", b"", b"too-l"]
