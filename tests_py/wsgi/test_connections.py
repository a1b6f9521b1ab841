"""Connections: one request after another, their end, Unix sockets and TLS."""

from __future__ import annotations

import gc
import io
import ssl
from wsgiref.validate import validator

from http_replies import body_of, read_all, read_reply

import guv
import guv.wsgi
from guv.wsgi import FileWrapper, Limits

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def ok(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


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
