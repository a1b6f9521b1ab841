"""Request heads, as RFC 9112 wants them read."""

import pytest

from guv.wsgi import BadRequest, Limits
from guv.wsgi._head import CHUNKED, check_unfinished, parse_head

HOST = b"Host: example.com\r\n"


def parse(text: bytes, limits: Limits = Limits()):
    environ: dict = {}
    return environ, parse_head(text.removesuffix(b"\r\n"), environ, limits)


def test_simple_request_fills_the_environ():
    environ, framing = parse(b"GET /a%20b/c?x=1&y=%20 HTTP/1.1\r\n" + HOST + b"X-Thing:  some value \t\r\n")
    assert framing == (True, 0, True)
    assert environ == {
        "REQUEST_METHOD": "GET",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_URI": "/a%20b/c?x=1&y=%20",
        "RAW_URI": "/a%20b/c?x=1&y=%20",
        "PATH_INFO": "/a b/c",
        "QUERY_STRING": "x=1&y=%20",
        "HTTP_HOST": "example.com",
        "HTTP_X_THING": "some value",
    }


def test_path_is_latin_1_of_its_bytes():
    environ, _ = parse(b"GET /%C3%A9\xc3\xa9 HTTP/1.0\r\n")
    assert environ["PATH_INFO"].encode("latin-1").decode() == "/éé"


def test_absolute_target_replaces_the_host():
    environ, _ = parse(b"GET http://other.example:8080/p?q HTTP/1.1\r\n" + HOST)
    assert (environ["HTTP_HOST"], environ["PATH_INFO"], environ["QUERY_STRING"]) == ("other.example:8080", "/p", "q")


def test_asterisk_is_for_options():
    assert parse(b"OPTIONS * HTTP/1.1\r\n" + HOST)[0]["PATH_INFO"] == "*"


def test_repeated_fields_are_joined():
    environ, _ = parse(b"GET / HTTP/1.0\r\nA: 1\r\nCookie: a=b\r\nA: 2\r\nCookie: c=d\r\n")
    assert (environ["HTTP_A"], environ["HTTP_COOKIE"]) == ("1,2", "a=b; c=d")


def test_name_with_underscore_is_dropped():
    environ, _ = parse(b"GET / HTTP/1.0\r\nX_Real_IP: 6.6.6.6\r\nX-Real-IP: 1.2.3.4\r\n")
    assert environ["HTTP_X_REAL_IP"] == "1.2.3.4"


@pytest.mark.parametrize(
    ("version", "connection", "keeps"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Connection: close\r\n", False),
        (b"1.1", b"Connection: Keep-Alive, Upgrade\r\n", True),
        (b"1.1", b"Connection: foo, CLOSE\r\n", False),
        (b"1.0", b"", False),
        (b"1.0", b"Connection: keep-alive\r\n", True),
    ],
)
def test_persistence(version, connection, keeps):
    assert parse(b"GET / HTTP/" + version + b"\r\n" + HOST + connection)[1][2] is keeps


def test_length_of_the_body():
    assert parse(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 12\r\n")[1][1] == 12
    assert parse(b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: Chunked\r\n")[1][1] == CHUNKED


BAD = {
    "no version": (b"GET /\r\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\n" + HOST, 400),
    "space at the end": (b"GET / HTTP/1.1 \r\n" + HOST, 400),
    "tab between": (b"GET\t/\tHTTP/1.1\r\n" + HOST, 400),
    "lower case version": (b"GET / http/1.1\r\n" + HOST, 400),
    "version 2": (b"PRI * HTTP/2.0\r\n", 505),
    "long version": (b"GET / HTTP/1.10\r\n" + HOST, 400),
    "method is no token": (b"G(T / HTTP/1.1\r\n" + HOST, 400),
    "connect": (b"CONNECT example.com:443 HTTP/1.1\r\n" + HOST, 501),
    "target without slash": (b"GET path HTTP/1.1\r\n" + HOST, 400),
    "asterisk for get": (b"GET * HTTP/1.1\r\n" + HOST, 400),
    "fragment": (b"GET /#x HTTP/1.1\r\n" + HOST, 400),
    "control in the target": (b"GET /\x01 HTTP/1.1\r\n" + HOST, 400),
    "no host": (b"GET / HTTP/1.1\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\n" + HOST + HOST, 400),
    "bad host": (b"GET / HTTP/1.1\r\nHost: a b\r\n", 400),
    "host with user": (b"GET / HTTP/1.1\r\nHost: u@h\r\n", 400),
    "space before colon": (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length : 5\r\n", 400),
    "no colon": (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length\r\n", 400),
    "empty name": (b"GET / HTTP/1.1\r\n" + HOST + b": x\r\n", 400),
    "folded line": (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n", 400),
    "folded first line": (b"GET / HTTP/1.1\r\n Host: a\r\n", 400),
    "bare lf in a value": (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\nTransfer-Encoding: chunked\r\n", 400),
    "bare cr in a value": (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\rb\r\n", 400),
    "nul in a value": (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n", 400),
    "the same length twice": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 5\r\n", 400),
    "list of lengths": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5, 5\r\n", 400),
    "length with sign": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +5\r\n", 400),
    "negative length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n", 400),
    "length with underscore": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1_0\r\n", 400),
    "hexadecimal length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x5\r\n", 400),
    "superscript length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: \xb2\r\n", 400),
    "empty length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length:\r\n", 400),
    "endless length": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 40 + b"\r\n", 400),
    "length and chunked": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
    "chunked in 1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", 400),
    "chunked twice": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, chunked\r\n", 400),
    "chunked in two fields": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
    "chunked not last": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, gzip\r\n", 400),
    "identity": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: identity\r\n", 400),
    "unknown coding": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n", 501),
    "chunked with vertical tab": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: \x0bchunked\r\n", 400),
    "quoted chunked": (b'POST / HTTP/1.1\r\n' + HOST + b'Transfer-Encoding: "chunked"\r\n', 400),
    "long request line": (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n" + HOST, 414),
    "long header": (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"x" * 9000 + b"\r\n", 431),
    "many headers": (b"GET / HTTP/1.1\r\n" + HOST + b"X: x\r\n" * 200, 431),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_malformed_head_is_refused(name):
    text, status = BAD[name]
    with pytest.raises(BadRequest) as caught:
        parse(text)
    assert int(caught.value.status[:3]) == status


def test_refused_name_stays_refused():
    for _ in range(3):
        with pytest.raises(BadRequest):
            parse(b"GET / HTTP/1.0\r\nA B: 1\r\n")


@pytest.mark.parametrize("start", [b"\x16\x03\x01", b"\0", b"GET / HTTP/1.1\nHost: x\n\n", b"GET /\0", b"G" * 9000])
def test_hopeless_start_is_refused_before_the_head_ends(start):
    with pytest.raises(BadRequest):
        check_unfinished(start + b"\n", Limits()) if start == b"GET /\0" else check_unfinished(start, Limits())


def test_unfinished_head_may_go_on():
    whole = b"GET /path HTTP/1.1\r\nHost: example.com\r\nX: y\r\n\r\n"
    for end in range(len(whole)):
        check_unfinished(whole[:end], Limits())
