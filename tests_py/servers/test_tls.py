"""TLS: the handshake is the business of its own connection only."""

from __future__ import annotations

import contextlib
import ssl

import pytest

import guv
from guv.server import Server, wrap_ssl


@pytest.fixture
def context(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusting(certificate):
    return ssl.create_default_context(cafile=certificate)


def shout(sock, address):
    while data := sock.recv(100):
        sock.sendall(data.upper())


@pytest.fixture
def start(hub, context):
    servers = []

    def run(handle=shout, **options) -> Server:
        server = Server(guv.listen(("127.0.0.1", 0)), handle, ssl_context=context, **options)
        servers.append(server)
        server.start()
        return server

    yield run
    for server in servers:
        server.stop(0)
    guv.sleep(0)


def secure(server, trusting, name="localhost"):
    """A TLS connection whose methods yield, in this unpatched process."""
    from guv.green._greentls import green_context

    sock = guv.connect(server.address)
    sock.settimeout(20)
    return green_context(trusting).wrap_socket(sock, server_hostname=name)


def test_handler_gets_plain_text(start, trusting):
    with secure(start(), trusting) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"HELLO"


def test_bad_and_silent_handshakes_cost_nobody_else(start, trusting, caplog):
    handled = []

    def handle(sock, address):
        handled.append(address)
        shout(sock, address)

    server = start(handle, handshake_timeout=0.02)
    silent = guv.connect(server.address)
    plain = guv.connect(server.address)
    plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
    with secure(server, trusting) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"HELLO"
    with contextlib.suppress(ConnectionResetError):  # not all it sent was read
        while plain.recv(100):
            pass
    assert silent.recv(1) == b""
    silent.close()
    plain.close()
    assert len(handled) == 1
    assert not caplog.records


def test_server_name_and_protocol_are_negotiated(start, context, trusting):
    names = []
    context.sni_callback = lambda sock, name, _context: names.append(name)
    context.set_alpn_protocols(["http/1.1"])
    trusting.set_alpn_protocols(["h2", "http/1.1"])
    server = start()
    with secure(server, trusting, "other.test") as client:
        assert client.selected_alpn_protocol() == "http/1.1"
    assert names == ["other.test"]


def test_wrapped_listener_gives_secure_connections(hub, certificate, trusting):
    listener = wrap_ssl(guv.listen(("127.0.0.1", 0)), certfile=certificate, server_side=True)
    server = Server(listener, shout)
    server.start()
    with secure(server, trusting) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"HELLO"
    server.stop(0)


def test_wrapped_client_checks_what_it_is_told_to(start, certificate):
    server = start()
    sock = wrap_ssl(guv.connect(server.address), cert_reqs=ssl.CERT_REQUIRED, ca_certs=certificate)
    sock.sendall(b"a")
    assert sock.recv(1) == b"A"
    sock.close()
    with pytest.raises(ssl.SSLCertVerificationError), guv.connect(server.address) as plain:
        wrap_ssl(plain, cert_reqs=ssl.CERT_REQUIRED)
