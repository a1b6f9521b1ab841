"""Requests that two servers in a row might read differently: refused, and nothing behind them is answered."""

from __future__ import annotations

import re

import pytest

from guv.wsgi import Limits

HOST = b"Host: a\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"


def app(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode("latin-1"), b" ", body]


# What is sent before HIDDEN, and the status of its answer. RFC 9112, the sections in the comments.
ATTACKS = {
    # 6.1, 6.3: two framings
    "length, then chunked": (POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked, then length": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n", 400),
    "chunked in HTTP/1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two different lengths": (POST + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n", 400),
    "two equal lengths": (POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
    "list of lengths": (POST + b"Content-Length: 0, 44\r\n\r\n", 400),
    "length with plus": (POST + b"Content-Length: +0\r\n\r\n", 400),
    "length with spaces in it": (POST + b"Content-Length: 0 44\r\n\r\n", 400),
    "length that is empty": (POST + b"Content-Length: \r\n\r\n", 400),
    "length beyond numbers": (POST + b"Content-Length: 18446744073709551616\r\n\r\n", 400),
    "chunked twice": (POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked is not last": (POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    "chunked, twice the field": (
        POST + b"Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n\r\n0\r\n\r\n", 400),
    "something like chunked": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    "chunked behind a control": (POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "chunked in quotes": (POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n', 400),
    "coding that is not known": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    # 2.2: line ends
    "bare LF ends lines": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "bare LF ends one line": (POST + b"X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "bare LF ends the head": (b"GET / HTTP/1.1\r\n" + HOST + b"\n", 400),
    "bare CR in a value": (POST + b"X: y\rTransfer-Encoding: chunked\r\n\r\n", 400),
    "bare CR ends the request line": (b"GET / HTTP/1.1\rHost: a\r\n\r\n", 400),
    "space before the first header": (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    # 5.1, 5.2: fields
    "space before the colon": (POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    "tab before the colon": (POST + b"Content-Length\t: 44\r\n\r\n", 400),
    "folded line": (POST + b"X: y\r\n Transfer-Encoding: chunked\r\n\r\n", 400),
    "folded Transfer-Encoding": (POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    "no colon": (POST + b"Content-Length 44\r\n\r\n", 400),
    "no name": (POST + b": 44\r\n\r\n", 400),
    "NUL in a name": (POST + b"Content-\0Length: 44\r\n\r\n", 400),
    "NUL in a value": (POST + b"X: \0\r\n\r\n", 400),
    "bare CR in a field that is dropped": (POST + b"X_Y: y\rTransfer-Encoding: chunked\r\n\r\n", 400),
    "NUL in a field that is dropped": (POST + b"X_Y: \0\r\n\r\n", 400),
    "no colon in a field that is dropped": (POST + b"X_Y\r\n\r\n", 400),
    "byte above ASCII in a name": (POST + b"Content-Length\xa0: 44\r\n\r\n", 400),
    # 3: the request line, Host
    "NUL in the target": (b"GET /\0 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "tab for a space": (b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "no version": (b"GET /\r\n\r\n", 400),
    "version in lower case": (b"GET / http/1.1\r\n" + HOST + b"\r\n", 400),
    "version 2.0": (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    "preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "connect": (b"CONNECT a:80 HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "no host beside an absolute target": (b"GET http://b/ HTTP/1.1\r\n\r\n", 400),
    "malformed host beside an absolute target": (b"GET http://b/ HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "malformed host in an absolute target": (b"GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\n" + HOST + b"Host: b\r\n\r\n", 400),
    "host with a space": (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "host with a slash": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    # 7.1: chunks; the application has begun to read when they turn out wrong
    "chunk size with LF": (CHUNKED + b"0\n\r\n", 400),
    "chunk size is negative": (CHUNKED + b"-1\r\n\r\n", 400),
    "chunk size in C": (CHUNKED + b"0x0\r\n\r\n", 400),
    "chunk size with underscore": (CHUNKED + b"0_0\r\n\r\n", 400),
    "chunk size is too long": (CHUNKED + b"0" * 17 + b"\r\n\r\n", 400),
    "chunk size behind a space": (CHUNKED + b" 0\r\n\r\n", 400),
    "no chunk size": (CHUNKED + b";x\r\n\r\n", 400),
    "bare LF in a chunk extension": (CHUNKED + b"2;\nxx\r\n4c\r\n0\r\n\r\n", 400),
    "bare CR in a chunk extension": (CHUNKED + b"2;\rxx\r\nab\r\n0\r\n\r\n", 400),
    "chunk longer than its size": (CHUNKED + b"1\r\nab\r\n0\r\n\r\n", 400),
    "chunk ends in LF": (CHUNKED + b"1\r\na\n0\r\n\r\n", 400),
    "chunk ends in other bytes": (CHUNKED + b"1\r\naXX0\r\n\r\n", 400),
    "trailers end in LF": (CHUNKED + b"0\r\n\n", 400),
    "trailer is folded": (CHUNKED + b"0\r\nA: b\r\n c\r\n\r\n", 400),
    "trailer with space before the colon": (CHUNKED + b"0\r\nA : b\r\n\r\n", 400),
    # limits
    "long request line": (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "long header": (POST + b"X: " + b"x" * 9000 + b"\r\n\r\n", 431),
    "many headers": (POST + b"X: y\r\n" * 128 + b"\r\n", 431),
    "large head": (POST + (b"X: " + b"y" * 1000 + b"\r\n") * 70 + b"\r\n", 431),
    "large body": (POST + b"Content-Length: 1000001\r\n\r\n", 413),
    "large chunk": (CHUNKED + b"f4241\r\n", 413),
    "long chunk extension": (CHUNKED + b"1;" + b"x" * 5000 + b"\r\na\r\n0\r\n\r\n", 400),
    "many chunk extensions": (CHUNKED + (b"1;" + b"x" * 1000 + b"\r\na\r\n") * 20 + b"0\r\n\r\n", 431),
    # 10.1.1 of RFC 9110
    "unknown expectation": (POST + b"Expect: 200-ok\r\nContent-Length: 1\r\n\r\na", 417),
    # other protocols
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), 400),
    "SSH": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", 400),
    "bytes": (bytes(range(256)) + b"\r\n\r\n", 400),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("cut", ["whole", "bytes"])
def test_attack_is_answered_once_and_the_connection_ends(converse, name, cut):
    attack, status = ATTACKS[name]
    wire = attack + HIDDEN
    size = len(wire) if cut == "whole" else 1 if len(wire) < 20_000 else 11
    pieces = [wire[i : i + size] for i in range(0, len(wire), size)]
    output = converse(pieces, app, Limits(body=1_000_000))
    heads = re.findall(rb"HTTP/1\.1 ([0-9]{3}) [^\r]*\r\n((?:[^\r]+\r\n)*)\r\n", output)
    assert [int(code) for code, _ in heads] == [status]
    assert b"Connection: close\r\n" in heads[0][1]
    assert b"hidden" not in output


ALLOWED = {
    "empty lines first": (b"\r\n\r\nGET /a HTTP/1.1\r\n" + HOST + b"\r\n", b"/a "),
    "chunks": (CHUNKED + b"1\r\na\r\n0A;x=\"y\"\r\nbcdefghijk\r\n000\r\nT: u\r\n\r\n", b"/ abcdefghijk"),
    "as many headers as allowed": (b"GET /a HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 127 + b"\r\n", b"/a "),
    "unusual method": (b"PURGE /a HTTP/1.1\r\n" + HOST + b"\r\n", b"/a "),
    "absolute target": (b"GET http://b/c?d HTTP/1.1\r\n" + HOST + b"\r\n", b"/c "),
    "value with bytes above ASCII": (b"GET /a HTTP/1.1\r\n" + HOST + b"X: \xff\xc3\r\n\r\n", b"/a "),
    "path of invalid UTF-8": (b"GET /%ff%c3 HTTP/1.1\r\n" + HOST + b"\r\n", b"/\xff\xc3 "),
    "length with zeros": (POST + b"Content-Length: 0003\r\n\r\nabc", b"/ abc"),
    "empty Host": (b"GET /a HTTP/1.1\r\nHost:\r\n\r\n", b"/a "),
    "version 1.2": (b"GET /a HTTP/1.2\r\n" + HOST + b"\r\n", b"/a "),
}  # fmt: skip


@pytest.mark.parametrize("name", ALLOWED)
@pytest.mark.parametrize("cut", ["whole", "bytes"])
def test_what_is_allowed_is_answered_and_so_is_the_next(converse, name, cut):
    request, body = ALLOWED[name]
    wire = request + HIDDEN
    pieces = [wire] if cut == "whole" else [wire[i : i + 1] for i in range(len(wire))]
    output = converse(pieces, app)
    assert re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", output) == [b"200", b"200"]
    assert body in output
    assert b"/hidden" in output


def test_application_can_not_split_its_reply(converse):
    def evil(environ, start_response):
        start_response("200 OK", [("X", "a\r\nSet-Cookie: evil=1")])
        return [b""]

    output = converse([b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"], evil)
    assert output.startswith(b"HTTP/1.1 500 ")
    assert b"evil" not in output


def test_field_with_underscore_is_not_the_one_with_hyphen(converse):
    def show(environ, start_response):
        start_response("200 OK", [])
        return [environ.get("HTTP_X_USER", "nobody").encode()]

    assert converse([b"GET / HTTP/1.1\r\nHost: a\r\nX_User: root\r\n\r\n"], show).endswith(b"nobody")


def test_unread_body_is_never_taken_for_a_request(converse):
    def careless(environ, start_response):
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    output = converse([POST + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN], careless)
    assert output.count(b"HTTP/1.1 ") == 1
    output = converse([CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN) + HIDDEN], careless)
    assert output.count(b"HTTP/1.1 ") == 2
    output = converse([POST + b"Content-Length: 999999\r\n\r\n" + HIDDEN * 1000], careless)
    assert output.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close" in output
