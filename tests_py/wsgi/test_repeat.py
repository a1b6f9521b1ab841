"""Heads that come again are not read again; what is remembered is bounded, and of no use to anybody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guv.wsgi import _repeat
from guv.wsgi._errors import BadRequest
from guv.wsgi._head import parse_request_line

LINES = b"\r\nHost: a\r\nX: y\r\n\r\n"


def show(environ, start_response):
    told = " ".join(environ.get(key, "-") for key in ("PATH_INFO", "QUERY_STRING", "HTTP_X", "HTTP_COOKIE")).encode()
    start_response("200 OK", [("Content-Length", str(len(told)))])
    return [told]


@pytest.fixture
def server(converse):
    return converse.server(show)


@pytest.fixture
def read(monkeypatch):
    """The heads that are read in full."""
    from guv.wsgi import _handler

    heads = []
    parse = _handler.parse_head

    def noted(head, environ, limits):
        heads.append(head)
        return parse(head, environ, limits)

    monkeypatch.setattr(_handler, "parse_head", noted)
    return heads


def test_lines_that_came_twice_are_read_no_more_on_any_connection(converse, server, read):
    for number in range(5):
        assert converse([b"GET /%d?q%d HTTP/1.1" % (number, number) + LINES], server=server).endswith(
            b"/%d q%d y -" % (number, number)
        )
    assert len(read) == 2


def test_other_version_is_read_by_itself(converse, server, read):
    for version in (b"1.1", b"1.1", b"1.1", b"1.0", b"1.0"):
        output = converse([b"GET / HTTP/" + version + LINES], server=server)
        assert (b"Connection: close" in output) == (version == b"1.0")
    assert [head[:14] for head in read] == [b"GET / HTTP/1.1", b"GET / HTTP/1.1", b"GET / HTTP/1.0"]


def test_credentials_stay_with_their_connection(converse, server, read):
    request = b"GET /a HTTP/1.1\r\nHost: a\r\nCookie: secret=1\r\n\r\n"
    assert converse([request] * 4, server=server).count(b"secret=1") == 4
    assert len(read) == 2
    assert server.memory.get(request.partition(b"\r\n")[2]) is None


def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@pytest.mark.parametrize(
    "rest",
    [b"Content-Length: 5\r\n\r\nbody%d", b"Transfer-Encoding: chunked\r\n\r\n5\r\nbody%d\r\n0\r\n\r\n"],
    ids=["length", "chunked"],
)
@pytest.mark.parametrize("size", [1, 40, 1000])
def test_heads_with_bodies_are_remembered_without_them(converse, read, rest, size):
    wire = b"".join(b"POST /%d HTTP/1.1\r\nHost: a\r\n" % number + rest % number for number in range(6))
    output = converse([wire[i : i + size] for i in range(0, len(wire), size)], server=converse.server(echo))
    assert [output.count(b"body%d" % number) for number in range(6)] == [1] * 6
    assert len(read) == 2


def test_unread_body_of_a_remembered_head_is_dropped(converse, server):
    wire = b"POST / HTTP/1.1" + LINES[:-2] + b"Content-Length: 3\r\n\r\nGET"
    assert converse([wire * 5], server=server).count(b"HTTP/1.1 200 ") == 5


def test_target_of_one_client_is_not_kept(converse, server):
    wire = b"GET /a?token=1 HTTP/1.1" + LINES
    converse([wire] * 3, server=server)
    assert server.memory.get(LINES[2:]).request == b""


def test_what_a_server_remembers_is_bounded(converse, server, monkeypatch):
    monkeypatch.setattr(_repeat, "_MOST", 5)
    monkeypatch.setattr(_repeat, "_MOST_NOTED", 7)
    for number in range(50):
        wire = b"GET / HTTP/1.1\r\nHost: a\r\nX: %d\r\n\r\n" % number
        assert converse([wire] * 3, server=server).count(b" %d -" % number) == 3
        assert len(server.memory._heads) <= 5
        assert len(server.memory._noted) <= 7


REQUEST_LINES = st.builds(
    lambda method, target, version: b"%b %b HTTP/%b" % (method, target, version),
    st.sampled_from([b"GET", b"HEAD", b"PURGE", b"G(T", b""]),
    st.one_of(
        st.sampled_from([b"/", b"/a", b"/a?", b"/a?b=c", b"/a?b=d", b"/a??", b"/%41?%41", b"/\xe4?\xe4", b"*", b"http://h/a?b"]),
        st.text("/a?%4# \x7f\xe4\t", max_size=6).map(lambda text: text.encode("latin-1")),
    ),
    st.sampled_from([b"1.1", b"1.1", b"1.0"]),
)  # fmt: skip


@given(st.lists(REQUEST_LINES, min_size=2, max_size=8))
def test_request_lines_mean_the_same_however_often_they_come(lines):
    first = b"GET / HTTP/1.1"
    template = {"HTTP_X": "y"}
    parse_request_line(first.decode(), template)
    known = _repeat.Repeated(first, LINES[2:], template, True, 0, True)
    for line in lines * 2:
        expected = dict(template)
        try:
            parse_request_line(line.decode("latin-1"), expected)
        except BadRequest:
            expected = BadRequest
        try:
            found = known.environ(line)
        except BadRequest:
            found = BadRequest
        if line.endswith(b"1.0") or (expected is not BadRequest and expected["REQUEST_URI"][0] != "/"):
            assert found in (None, BadRequest)
        else:
            assert found == expected


def test_paths_that_a_head_remembers_are_bounded(converse, server):
    for number in range(200):
        assert b"/%d  y -" % number in converse([b"GET /%d HTTP/1.1" % number + LINES], server=server)
    known = server.memory.get(LINES[2:])
    assert 0 < len(known._starts) <= _repeat._MOST_STARTS
    assert converse([b"GET /%b HTTP/1.1" % (b"x" * 500) + LINES], server=server).count(b"x") >= 500
    assert all(len(start) <= _repeat._LONGEST_START for start in known._starts)


def test_long_heads_are_not_remembered(converse, server, read):
    wire = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 3000 + b"\r\n\r\n"
    converse([wire] * 4, server=server)
    assert len(read) == 4
