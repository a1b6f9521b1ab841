"""Whole connections of odd bytes: nothing kills the server, and how the bytes are cut makes no difference."""

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guv.wsgi import Limits

PIECES = [
    b"GET / HTTP/1.1\r\n", b"POST /x?y HTTP/1.1\r\n", b"HEAD / HTTP/1.0\r\n", b"GET http://h/ HTTP/1.1\r\n",
    b"Host: a\r\n", b"Host: a\r\n\r\n", b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"Connection: close\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n", b"Expect: 100-continue\r\n", b"\r\n", b"\n", b"\r",
    b"abc", b"3\r\nabc\r\n", b"0\r\n\r\n", b"0\r\nA: b\r\n\r\n", b"fffff\r\n", b" ", b"\0", b":", b"X: y\r\n", b"X : y\r\n",
]  # fmt: skip

STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")


def kinds(output: bytes) -> list[bytes]:
    """Statuses; which of its faults a request is refused for may depend on which one arrives first."""
    return [status if status < b"400" else b"refused" for status in STATUS.findall(output)]


def app(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [b"<", body.replace(b"HTTP", b"http"), b">"]


wires = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=5)), max_size=14).map(b"".join)
fuzz = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)


@fuzz
@given(wires)
def test_any_bytes_get_well_formed_replies_however_they_are_cut(converse, wire):
    limits = Limits(head=4096, body=4096)
    whole = converse([wire], app, limits)
    assert not whole or whole.startswith(b"HTTP/1.1 ")
    in_bytes = converse([bytes([byte]) for byte in wire], app, limits)
    assert kinds(whole) == kinds(in_bytes)


@fuzz
@given(st.lists(st.binary(max_size=200), min_size=1, max_size=6), st.integers(1, 50))
def test_pipelined_bodies_come_back_in_order(converse, bodies, size):
    wire = b""
    for number, body in enumerate(bodies):
        if number % 2:
            wire += b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        else:
            wire += b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            wire += b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    output = converse([wire[i : i + size] for i in range(0, len(wire), size)], app)
    for body in bodies:
        head, _, output = output.partition(b"\r\n\r\n")
        assert STATUS.findall(head) == [b"200"]
        wanted = b"<" + body.replace(b"HTTP", b"http") + b">"
        assert b"Content-Length: %d" % len(wanted) in head
        assert output.startswith(wanted)
        output = output[len(wanted) :]
    assert output == b""


DATE = re.compile(rb"Date: [^\r]+")
LINES = [
    b"Host: a\r\n",
    b"Host: b\r\n",
    b"X: y\r\n",
    b"X : y\r\n",
    b"Connection: close\r\n",
    b"Content-Length: 0\r\n",
    b"\n",
]
TARGETS = [b"GET / HTTP/1.1", b"GET /a%20?b HTTP/1.1", b"HEAD / HTTP/1.1", b"GET http://h/ HTTP/1.1", b"GET / HTTP/1.0", b"GET /# HTTP/1.1", b"\r\nGET / HTTP/1.1", b"GET /"]  # fmt: skip


def tell(environ, start_response):
    told = repr(sorted((key, value) for key, value in environ.items() if isinstance(value, str))).encode()
    start_response("200 OK", [("Content-Length", str(len(told)))])
    return [told]


@fuzz
@given(st.lists(st.sampled_from(TARGETS), min_size=3, max_size=6), st.lists(st.sampled_from(LINES), max_size=3))
def test_repeated_header_lines_are_read_as_if_they_were_new(converse, targets, lines):
    """Who repeats lines, on a connection or on several, is answered like who sends them once."""
    requests = [target + b"\r\n" + b"".join(lines) + b"\r\n" for target in targets]
    wanted = b""
    for request in requests:
        wanted += converse([request], tell)
        if not wanted or b"Connection: close" in wanted or b"HTTP/1.1 4" in wanted or b"HTTP/1.1 5" in wanted:
            break
    # the second may turn between the two
    server = converse.server(tell)
    each = [DATE.sub(b"", converse([request], server=server)) for request in requests]
    assert each == [DATE.sub(b"", converse([request], tell)) for request in requests]
    assert DATE.sub(b"", converse(requests, tell)) == DATE.sub(b"", wanted)
