"""What an application may do and gets, over real sockets."""

from __future__ import annotations

import contextlib
import sys
from wsgiref.validate import validator

import pytest
from http_replies import body_of, read_all, read_reply

import guv
import guv.wsgi
from guv.wsgi import Limits

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"


def ok(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


@pytest.mark.parametrize(
    "request_",
    [
        LAST,
        b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        POST + b"Content-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello",
        b"GET /a%20b?c=d HTTP/1.0\r\n\r\n",
    ],
)
def test_validator_of_the_standard_library_is_content(serve, request_):
    def app(environ, start_response):
        environ["wsgi.input"].read(5)
        environ["wsgi.errors"].flush()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"o", b"k"]

    reply = serve(validator(app)).talk(request_)
    assert reply.startswith(b"HTTP/1.1 200 OK\r\n")


def test_environ_says_where_and_who(serve):
    seen = {}

    def app(environ, start_response):
        seen.update(environ)
        return ok(environ, start_response)

    served = serve(app, environ={"mine": 1})
    with served.connect() as sock:
        sock.sendall(LAST)
        read_all(sock)
        mine = sock.getsockname()
    wanted = {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/", "QUERY_STRING": "", "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(served.address[1]), "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": str(mine[1]), "HTTP_HOST": "a", "wsgi.version": (1, 0), "wsgi.url_scheme": "http",
        "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False, "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr, "mine": 1,
    }  # fmt: skip
    assert {key: seen.get(key) for key in wanted} == wanted


@pytest.mark.parametrize("family", ["tcp", "unix"])
def test_environ_tells_the_client_of_a_proxy_header(hub, tmp_path, family):
    from guv.wsgi import WSGIServer

    def app(environ, start_response):
        start_response("200 OK", [])
        return [f"{environ['REMOTE_ADDR']} {environ['REMOTE_PORT']}".encode()]

    address = ("127.0.0.1", 0) if family == "tcp" else str(tmp_path / "socket")
    server = WSGIServer(guv.listen(address), app, proxy_protocol=True)
    server.start()
    with guv.connect(server.address) as sock:
        sock.settimeout(20)
        sock.sendall(b"PROXY TCP4 1.2.3.4 5.6.7.8 1000 80\r\n" + LAST)
        assert body_of(read_all(sock)) == b"1.2.3.4 1000"
    server.stop(0)


def test_serve_logs_and_ends_by_stop_serve(hub, caplog):
    caplog.set_level("INFO", "guv.wsgi.access")
    listener = guv.listen(("127.0.0.1", 0))
    serving = guv.spawn(guv.wsgi.serve, listener, ok)
    with guv.connect(listener.getsockname()) as sock:
        sock.settimeout(20)
        sock.sendall(LAST)
        assert body_of(read_all(sock)) == b"ok"
    guv.kill(serving, guv.StopServe)
    assert serving.wait() is None
    listener.close()
    assert '"GET / HTTP/1.1" 200 2 ' in caplog.text


def test_environ_of_one_request_does_not_reach_the_next(serve):
    def app(environ, start_response):
        assert "dirt" not in environ
        environ["dirt"] = environ["PATH_INFO"] = environ["HTTP_HOST"] = "dirt"
        return ok(environ, start_response)

    with serve(app).connect() as sock:
        for _ in range(5):
            sock.sendall(GET)
            assert read_reply(sock)[1] == b"ok"


# ---- start_response, write, iterables ----


def test_unsized_body_is_chunked_for_http_11_and_ends_the_connection_for_10(serve):
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"some"
        yield b""
        yield b"thing"

    served = serve(app)
    reply = served.talk(LAST)
    assert b"Transfer-Encoding: chunked" in reply
    assert body_of(reply) == b"something"
    reply = served.talk(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert b"chunked" not in reply
    assert b"Connection: close" in reply
    assert body_of(reply) == b"something"


def test_pieces_are_sent_as_they_are_made(serve):
    go = guv.event.TEvent()

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        yield b"first"
        go.wait()
        yield b"second"

    with serve(app).connect() as sock:
        sock.sendall(LAST)
        data = b""
        while b"first" not in data:
            data += sock.recv(1000)
        go.set()
        assert b"second" in read_all(sock)


def test_write_and_iterable_come_in_order(serve):
    def app(environ, start_response):
        write = start_response("200 OK", [("Content-Length", "6")])
        write(b"ab")
        write(b"cd")
        return [b"ef"]

    assert body_of(serve(app).talk(LAST)) == b"abcdef"


def test_second_start_response_with_exc_info_replaces_the_first(serve):
    def app(environ, start_response):
        start_response("200 OK", [("X-First", "1")])
        try:
            raise ValueError
        except ValueError:
            start_response("503 Sorry", [("Content-Length", "5")], sys.exc_info())
        return [b"later"]

    reply = serve(app).talk(LAST)
    assert reply.startswith(b"HTTP/1.1 503 Sorry\r\n")
    assert b"X-First" not in reply


def test_exc_info_after_the_head_is_raised_and_breaks_the_reply_off(serve, caplog):
    def app(environ, start_response):
        start_response("200 OK", [])
        yield b"begun"
        try:
            raise ValueError("half way")
        except ValueError:
            start_response("500 Sorry", [], sys.exc_info())

    reply = serve(app).talk(GET)
    assert b"begun" in reply
    assert not reply.endswith(b"0\r\n\r\n")  # the peer can see that it is not whole
    assert "half way" in caplog.text


@pytest.mark.parametrize("fault", ["raises", "no start_response", "start twice", "str body", "generator raises"])
def test_fault_of_the_application_is_a_500_and_is_logged(serve, caplog, fault):
    def app(environ, start_response):
        if fault == "raises":
            raise RuntimeError("broken application")
        if fault != "no start_response":
            start_response("200 OK", [])
        if fault == "start twice":
            start_response("200 OK", [])
        if fault == "generator raises":
            return (1 / 0 for _ in "a")
        return ["text" if fault == "str body" else b"bytes"]

    served = serve(app)
    reply = served.talk(GET)
    assert reply.startswith(b"HTTP/1.1 500 ")
    assert b"Connection: close" in reply
    assert b"broken" not in reply  # nothing of the inside is told
    assert "the application failed" in caplog.text
    assert served.talk(LAST).startswith(b"HTTP/1.1 500 ")  # and the server lives


class Closing:
    """An iterable that tells when it is closed."""

    def __init__(self, pieces) -> None:
        self.pieces = iter(pieces)
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.pieces)

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("pieces", [[b"a"], [], [b"a", 5]])
def test_iterable_is_closed_once_however_it_ends(serve, pieces, caplog):
    made = Closing(pieces)

    def app(environ, start_response):
        start_response("200 OK", [])
        return made

    serve(app).talk(LAST)
    assert made.closed == 1


def test_generator_is_closed_when_the_peer_goes_away(serve, caplog):
    ended = []

    def app(environ, start_response):
        start_response("200 OK", [])
        try:
            while True:
                yield bytes(100_000)
        finally:
            ended.append(True)

    with serve(app).connect() as sock:
        sock.sendall(GET)
        sock.recv(1000)
    while not ended:
        guv.sleep(0.001)
    guv.sleep(0)
    assert not caplog.records


def test_body_longer_than_its_length_is_cut_and_shorter_ends_the_connection(serve, caplog):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "3")])
        return [b"a" if environ["PATH_INFO"] == "/short" else b"abcdef"]

    served = serve(app)
    assert body_of(served.talk(GET)) == b"abc"
    assert body_of(served.talk(GET.replace(b"/ ", b"/short "))) == b"a"
    assert "more than its Content-Length" in caplog.text
    assert "less than its Content-Length" in caplog.text


@pytest.mark.parametrize(
    ("method", "status", "headers"),
    [
        ("HEAD", "200 OK", [("Content-Length", "4")]),
        ("HEAD", "200 OK", []),
        ("GET", "204 No Content", []),
        ("GET", "204 No Content", [("Content-Length", "4")]),
        ("GET", "304 Not Modified", [("Content-Length", "4")]),
        ("HEAD", "204 No Content", [("Content-Length", "4")]),
        ("GET", "205 Reset Content", []),
        ("GET", "205 Reset Content", [("Content-Length", "4")]),
    ],
)
def test_reply_without_a_body_has_none_and_the_next_follows(serve, method, status, headers):
    def app(environ, start_response):
        if environ["PATH_INFO"] == "/next":
            return ok(environ, start_response)
        start_response(status, headers)
        return [b"body"]

    request = f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    first, second = serve(app).talk(request + LAST.replace(b"/ ", b"/next ")).split(b"\r\n\r\n", 1)
    assert second.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"chunked" not in first
    if status.startswith("205"):
        assert b"\r\nContent-Length: 0" in first
        assert first.count(b"Content-Length") == 1
    else:
        assert (b"Content-Length" in first) == (headers != [] and "204" not in status)


@pytest.mark.parametrize(("method", "status"), [("HEAD", "200 OK"), ("GET", "304 Not Modified")])
def test_endless_iterable_ends_where_there_is_no_body(serve, method, status):
    """Nothing that is sent would tell that the peer has gone."""
    closed = []

    def app(environ, start_response):
        start_response(status, [])
        try:
            while True:
                yield b"event"
                guv.sleep(0)
        finally:
            closed.append(True)

    reply = serve(app).talk(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert reply.endswith(b"\r\n\r\n")
    assert b"event" not in reply
    assert closed == [True]


def test_reply_that_takes_little_is_given_up_though_an_upgrade_was_asked_for(serve):
    """A websocket may wait for ever, a plain reply may not: not to a peer that asks on and on and reads nothing."""
    answered = []

    def app(environ, start_response):
        answered.append(True)
        start_response("200 OK", [])
        return [bytes(60_000)]

    served = serve(app, limits=Limits(send_timeout=0.02))
    with served.connect() as sock:
        request = GET.replace(b"\r\n\r\n", b"\r\nUpgrade: websocket\r\n\r\n")
        with contextlib.suppress(OSError):
            sock.settimeout(0.5)
            for _ in range(1000):
                sock.sendall(request)
        while served.server.running:
            guv.sleep(0.005)
    assert len(answered) < 1000


def test_interim_status_is_no_reply(serve, caplog):
    """The peer would wait for one behind it, and take the next request's for that."""

    def app(environ, start_response):
        start_response("103 Early Hints", [])
        return []

    assert serve(app).talk(GET).startswith(b"HTTP/1.1 500 ")
    assert "'103 Early Hints' is no answer" in caplog.text


# ---- request bodies ----


def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def test_chunked_body_is_decoded_and_ends(serve):
    wire = POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    assert body_of(serve(echo).talk(wire)) == b"hello world"


def test_trailers_are_there_after_the_body(serve):
    def app(environ, start_response):
        environ["wsgi.input"].read()
        assert environ["wsgi.input"].trailers == [("X-Sum", "42")]
        return ok(environ, start_response)

    wire = POST + b"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n1\r\na\r\n0\r\nX-Sum: 42\r\n\r\n"
    assert serve(app).talk(wire).startswith(b"HTTP/1.1 200")


def test_continue_is_sent_when_the_body_is_asked_for(serve):
    with serve(echo).connect() as sock:
        sock.sendall(POST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"hi")
        assert body_of(read_all(sock)) == b"hi"


def test_continue_is_not_sent_when_the_body_is_not_wanted(serve):
    with serve(ok).connect() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        reply = read_all(sock)
    assert b"100 Continue" not in reply
    assert b"Connection: close" in reply  # whether the body comes can't be known


def test_lines_of_the_body_are_read_as_from_a_file(serve):
    def app(environ, start_response):
        body = environ["wsgi.input"]
        got = [body.readline(), body.readline(2), body.read(3), *body.readlines(), body.read(), body.readline()]
        assert got == [b"one\n", b"tw", b"o\nt", b"hree\n", b"four", b"", b""]
        return ok(environ, start_response)

    lines = b"one\ntwo\nthree\nfour"
    assert serve(app).talk(POST + b"Content-Length: %d\r\n\r\n" % len(lines) + lines).startswith(b"HTTP/1.1 200")


def test_body_that_breaks_off_is_no_error_of_the_application(serve, caplog):
    from guv.wsgi import ClientDisconnected

    seen = []

    def app(environ, start_response):
        try:
            environ["wsgi.input"].read()
        except ClientDisconnected as error:
            seen.append(str(error))
            raise

    serve(app).talk(POST + b"Content-Length: 10\r\n\r\nhalf")
    assert seen == ["the connection ended before the request body did"]
    assert not caplog.records


def test_early_hints_come_before_the_reply(serve):
    def app(environ, start_response):
        hint = environ["wsgi.early_hints"]
        hint([("Link", "</a.css>; rel=preload")])
        hint([("Link", "</b.css>; rel=preload"), ("X", "y")])
        start_response("200 OK", [("Content-Length", "5")])
        yield b"he"
        hint([("Link", "</late.css>")])  # would be in the middle of the body
        yield b"llo"

    served = serve(app, early_hints=True)
    reply = served.talk(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert reply.startswith(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
        b"HTTP/1.1 103 Early Hints\r\nLink: </b.css>; rel=preload\r\nX: y\r\n\r\n"
        b"HTTP/1.1 200 OK\r\n"
    )
    assert reply.endswith(b"\r\n\r\nhello")
    assert served.talk(b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("header", [("X", "a\r\nY: b"), ("X Y", "a"), ("Content-Length", "5")])
def test_early_hints_that_are_no_headers_are_the_applications_error(serve, header):
    def app(environ, start_response):
        environ["wsgi.early_hints"]([header])
        raise AssertionError

    reply = serve(app, early_hints=True).talk(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 500 ")


def test_early_hints_are_offered_only_if_asked_for(serve):
    def app(environ, start_response):
        start_response("200 OK", [])
        return [repr("wsgi.early_hints" in environ).encode()]

    assert serve(app).talk(b"GET / HTTP/1.0\r\n\r\n").endswith(b"False")
