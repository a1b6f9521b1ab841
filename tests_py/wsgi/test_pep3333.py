"""What an application may do and gets, over real sockets."""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import io
import ssl
import sys
from wsgiref.validate import validator

import pytest
from http_replies import read_all, read_reply

import guv
import guv.wsgi
from guv.wsgi import FileWrapper, Limits

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"


def body_of(reply: bytes) -> bytes:
    """The body of a reply, out of its chunks if it is in chunks."""
    head, _, body = reply.partition(b"\r\n\r\n")
    if b"Transfer-Encoding: chunked" not in head:
        return body
    whole = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        count = int(size, 16)
        if not count:
            assert body == b"\r\n"
            return whole
        whole, body = whole + body[:count], body[count + 2 :]


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


# ---- connections ----


def test_interim_status_is_no_reply(serve, caplog):
    """The peer would wait for one behind it, and take the next request's for that."""

    def app(environ, start_response):
        start_response("103 Early Hints", [])
        return []

    assert serve(app).talk(GET).startswith(b"HTTP/1.1 500 ")
    assert "'103 Early Hints' is no answer" in caplog.text


def test_pipelined_requests_are_answered_in_order(serve):
    def app(environ, start_response):
        body = environ["PATH_INFO"].encode() + b"|"
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    wire = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(100))
    reply = serve(app).talk(wire)
    assert [part.split(b"|")[0] for part in reply.split(b"\r\n\r\n/")[1:]] == [b"%d" % n for n in range(100)]


def test_ended_connection_leaves_nothing_to_the_garbage_collector(serve):
    import weakref

    seen = []

    def handle(sock, address):
        seen.append(weakref.ref(sock))
        served.server.handle(sock, address)

    served = serve(ok)
    served.server.client_handler_cb = handle
    gc.disable()
    try:
        for _ in range(3):
            served.talk(LAST)
        while served.server.running:
            guv.sleep(0)
        guv.sleep(0)
        assert [ref() for ref in seen] == [None] * 3
    finally:
        gc.enable()


def test_http_10_is_kept_alive_when_it_asks(serve):
    with serve(ok).connect() as sock:
        for _ in range(2):
            sock.sendall(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert b"Connection: keep-alive" in read_reply(sock)[0]
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b"Connection: close" in read_all(sock)


def test_connection_ends_after_its_share_of_requests(serve):
    reply = serve(ok, limits=Limits(requests=3)).talk(GET * 5)
    assert reply.count(b"HTTP/1.1 200") == 3
    assert reply.count(b"Connection: close") == 1


def test_application_that_closes_ends_the_connection(serve):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "0"), ("Connection", "close")])
        return []

    assert serve(app).talk(GET * 2).count(b"HTTP/1.1 ") == 1


def test_unix_socket_is_served(hub, tmp_path):
    from guv.wsgi import WSGIServer

    path = str(tmp_path / "socket")
    server = WSGIServer(guv.listen(path), validator(lambda e, s: (s("200 OK", [("Content-Type", "a/b")]), [b"ok"])[1]))
    server.start()
    with guv.connect(path) as sock:
        sock.sendall(LAST)
        assert body_of(read_all(sock)) == b"ok"
    server.stop(1)


def test_tls_is_told_in_the_environ(serve, certificate):
    from guv.green._greentls import green_context

    seen = {}

    def app(environ, start_response):
        seen.update(environ)
        start_response("200 OK", [("Content-Length", "200000")])
        return FileWrapper(io.BytesIO(bytes(200_000)))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    served = serve(app, ssl_context=context)
    with served.connect() as plain:
        client = green_context(ssl.create_default_context(cafile=certificate))
        with client.wrap_socket(plain, server_hostname="localhost") as sock:
            sock.sendall(LAST)
            assert len(body_of(read_all(sock))) == 200_000
    assert (seen["wsgi.url_scheme"], seen["HTTPS"]) == ("https", "on")


def test_tls_connection_ends_with_a_good_bye(serve, certificate):
    from guv.green._greentls import green_context

    def app(environ, start_response):
        start_response("200 OK", [])
        return iter([b"all", b" of it"])

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    served = serve(app, ssl_context=context)
    client = green_context(ssl.create_default_context(cafile=certificate))
    for request in (b"GET / HTTP/1.0\r\n\r\n", b"nonsense\r\n\r\n"):
        with (
            served.connect() as plain,
            client.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as sock,
        ):
            sock.sendall(request)
            reply = read_all(sock)  # an end without it would be SSLEOFError
        assert reply.endswith(b"all of it") or reply.startswith(b"HTTP/1.1 400 ")


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


# ---- files ----


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_file_is_sent_from_its_position(serve, tmp_path, size):
    path = tmp_path / "file"
    path.write_bytes(b"skipped" + bytes(range(256)) * (size // 256) + b"e" * (size % 256))

    def app(environ, start_response):
        start_response("200 OK", [])
        file = open(path, "rb")  # noqa: SIM115
        file.seek(7)
        return environ["wsgi.file_wrapper"](file)

    reply = serve(app).talk(LAST)
    assert b"Content-Length: %d\r\n" % size in reply
    assert body_of(reply) == path.read_bytes()[7:]


def test_file_goes_through_sendfile_and_stops_at_its_length(serve, tmp_path, monkeypatch):
    import os

    calls = []
    real = os.sendfile

    def counted(*args):
        calls.append(args)
        return real(*args)

    monkeypatch.setattr(os, "sendfile", counted)
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")

    def app(environ, start_response):
        start_response("200 OK", [("Content-Length", "4")])
        return FileWrapper(open(path, "rb"))

    assert body_of(serve(app).talk(LAST)) == b"0123"
    assert len(calls) == 1


@pytest.mark.parametrize("name", ["file", "within tempfile", "within Django's File"])
def test_file_within_a_wrapper_goes_through_sendfile(name, tmp_path):
    import tempfile

    from guv.wsgi._file import _descriptor

    with open(tmp_path / "file", "wb+") as plain, tempfile.NamedTemporaryFile() as temporary:
        file = {"file": plain, "within tempfile": temporary}.get(name)
        if file is None:
            file = pytest.importorskip("django.core.files").File(plain)
        assert _descriptor(file) == file.fileno()


@pytest.mark.parametrize("module", ["gzip", "bz2", "lzma"])
def test_packed_file_is_sent_unpacked(serve, tmp_path, module):
    """Its descriptor is that of the packed file."""
    package = importlib.import_module(module)
    with package.open(tmp_path / "file", "wb") as file:
        file.write(b"content")

    def app(environ, start_response):
        start_response("200 OK", [])
        return FileWrapper(package.open(tmp_path / "file"))

    assert body_of(serve(app).talk(LAST)) == b"content"


def test_file_of_the_kernel_that_claims_to_be_empty_is_sent(serve):
    def app(environ, start_response):
        start_response("200 OK", [])
        return FileWrapper(open("/proc/version", "rb"))

    with open("/proc/version", "rb") as file:
        assert body_of(serve(app).talk(LAST)) == file.read()


def test_file_that_the_kernel_can_not_send_is_copied(serve, tmp_path, monkeypatch):
    def refused(*args):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("os.sendfile", refused)
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 1000)

    def app(environ, start_response):
        start_response("200 OK", [])
        return FileWrapper(open(path, "rb"))

    assert body_of(serve(app).talk(LAST)) == path.read_bytes()


@pytest.mark.parametrize("what", ["bytes", "pipe"])
def test_what_is_no_regular_file_is_read(serve, what):
    import os

    def app(environ, start_response):
        start_response("200 OK", [])
        if what == "bytes":
            return FileWrapper(io.BytesIO(b"some" * 50_000), 1000)
        reading, writing = os.pipe()
        os.write(writing, b"some" * 10)
        os.close(writing)
        return FileWrapper(open(reading, "rb"))

    assert set(body_of(serve(app).talk(LAST)).split(b"some")) == {b""}
