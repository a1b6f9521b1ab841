"""TLS over sockets: what waits, for how long, and what is left of a connection that ends."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import time
from pathlib import Path

import pytest

from conftest import only_patched

CERTIFICATE = str(Path(__file__).resolve().parent.parent.parent / "data" / "localhost.pem")
BIG = os.urandom(1 << 12) * 256


class EarlyContext(ssl.SSLContext):
    """A subclass like those that programs make at import."""


def server_context(**changes):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    for name, value in changes.items():
        setattr(context, name, value)
    return context


def client_context(kind=ssl.SSLContext):
    context = kind(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(CERTIFICATE)
    return context


@pytest.fixture(params=["TLSv1_2", "TLSv1_3"])
def version(request):
    return ssl.TLSVersion[request.param]


@pytest.fixture
def tls(pair, task, version):
    """A client and a server that have shaken hands."""
    a, b = pair
    wrapping = task(server_context(maximum_version=version).wrap_socket, b, True)
    client = client_context().wrap_socket(a, server_hostname="localhost")
    server = wrapping.result()
    with client, server:
        yield client, server


def test_handshake_agrees_on_everything(pair, task):
    a, b = pair
    seen = []
    context = server_context()
    context.set_alpn_protocols(["http/1.1", "h2"])
    context.sni_callback = lambda sock, name, ctx: seen.append(name)
    wrapping = task(context.wrap_socket, b, True)
    asking = client_context(EarlyContext)
    asking.set_alpn_protocols(["h2"])
    with asking.wrap_socket(a, server_hostname="localhost") as client, wrapping.result() as server:
        assert client.selected_alpn_protocol() == server.selected_alpn_protocol() == "h2"
        assert seen == ["localhost"]
        assert client.getpeercert()["subjectAltName"][0] == ("DNS", "localhost")
        assert client.cipher() and client.version() == server.version()
        assert type(client.context) is EarlyContext and client.server_hostname == "localhost"
        assert type(client) is ssl.SSLSocket


def test_read_waits_until_the_peer_writes(tls, blocked):
    client, server = tls
    for read in client.recv, client.read:
        waiting = blocked(read, 5)
        server.sendall(b"hello")
        assert waiting.result() == b"hello"
    buffer = bytearray(9)
    waiting = blocked(client.recv_into, buffer)
    server.write(b"hi")
    assert waiting.result() == 2 and buffer[:2] == b"hi"
    waiting = blocked(client.read, 5, buffer)
    server.send(b"world!")
    assert waiting.result() == 5 and buffer[:5] == b"world"
    assert client.pending() == 1 and client.recv(5) == b"!"


def test_write_waits_until_the_peer_reads(tls, blocked):
    client, server = tls
    waiting = blocked(client.sendall, BIG)
    got = bytearray()
    while len(got) < len(BIG):
        got += server.recv(65536)
    assert got == BIG
    assert waiting.result() is None


def test_both_directions_are_used_at_a_time(tls, task):
    client, server = tls

    def echo():
        left = len(BIG)
        while left:
            data = server.recv(16384)
            server.sendall(data)
            left -= len(data)

    echoing, sending = task(echo), task(client.sendall, BIG)
    got = bytearray()
    while len(got) < len(BIG):
        got += client.recv(16384)
    assert got == BIG
    echoing.result()
    sending.result()


def test_time_limits_name_the_operation(pair, tls):
    client, _ = tls
    client.settimeout(0.02)
    with pytest.raises(TimeoutError, match="The read operation timed out"):
        client.recv(1)
    with pytest.raises(TimeoutError, match="The write operation timed out"):
        while True:
            client.sendall(BIG)


def test_handshake_has_a_time_limit():
    a, b = socket.socketpair()
    with a, b:
        a.settimeout(0.02)
        with pytest.raises(TimeoutError, match="handshake operation timed out"):
            client_context().wrap_socket(a, server_hostname="localhost")
        a.close()


def test_socket_that_does_not_block_says_what_it_wants(tls):
    client, server = tls
    client.setblocking(False)
    with pytest.raises(ssl.SSLWantReadError):
        client.recv(1)
    server.sendall(b"x")
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            assert client.recv(1) == b"x"
            break
        except ssl.SSLWantReadError:
            time.sleep(0.001)
    with pytest.raises(ssl.SSLWantWriteError):
        while True:
            client.send(BIG)


def test_errors_are_made_anew(tls):
    client, _ = tls
    client.setblocking(False)
    errors = []
    for _ in range(2):
        with pytest.raises(ssl.SSLWantReadError) as caught:
            client.recv(1)
        errors.append(caught.value)
    assert errors[0] is not errors[1]


def test_unwrap_leaves_a_plain_socket(tls, task):
    client, server = tls
    unwrapping = task(server.unwrap)
    plain = client.unwrap()
    other = unwrapping.result()
    plain.sendall(b"plain")
    assert other.recv(9) == b"plain"
    with pytest.raises(ValueError):
        client.unwrap()


def test_peer_that_goes_without_a_word_ends_the_stream(tls, blocked):
    client, server = tls
    waiting = blocked(client.recv, 1)
    server.close()
    assert waiting.result() == b""


def test_peer_that_speaks_no_tls_fails_the_handshake(pair, blocked):
    a, b = pair
    waiting = blocked(server_context().wrap_socket, b, True)
    a.sendall(b"GET / HTTP/1.0\r\n\r\n")
    with pytest.raises(ssl.SSLError, match=r"(?i)http.request"):
        waiting.result()


def test_certificate_of_another_name_is_refused(pair, task):
    a, b = pair
    wrapping = task(server_context().wrap_socket, b, True)
    with pytest.raises(ssl.SSLCertVerificationError, match="elsewhere"):
        client_context().wrap_socket(a, server_hostname="elsewhere")
    a.close()
    with pytest.raises(OSError):
        wrapping.result()


def test_server_socket_wraps_what_it_accepts(listener, task):
    with server_context().wrap_socket(listener, server_side=True) as listening:
        accepting = task(listening.accept)
        plain = socket.create_connection(listening.getsockname())
        with client_context().wrap_socket(plain, server_hostname="localhost") as client:
            server, _ = accepting.result()
            with server:
                server.sendall(b"welcome")
                assert client.recv(9) == b"welcome"


def test_handshake_can_wait_until_it_is_asked_for(pair, task):
    a, b = pair
    server = server_context().wrap_socket(b, server_side=True, do_handshake_on_connect=False)
    client = client_context().wrap_socket(a, server_hostname="localhost", do_handshake_on_connect=False)
    with client, server:
        shaking = task(server.do_handshake)
        client.do_handshake()
        shaking.result()
        client.sendall(b"x")
        assert server.recv(1) == b"x"


def test_key_update_of_the_peer_is_answered_within_reads(pair, task):
    """Post-handshake authentication makes a read of the client write, and one of the server read twice."""
    a, b = pair
    serving = server_context(minimum_version=ssl.TLSVersion.TLSv1_3, verify_mode=ssl.CERT_REQUIRED)
    serving.load_verify_locations(CERTIFICATE)
    serving.post_handshake_auth = True
    asking = client_context()
    asking.post_handshake_auth = True
    asking.load_cert_chain(CERTIFICATE)
    wrapping = task(serving.wrap_socket, b, True)
    with asking.wrap_socket(a, server_hostname="localhost") as client, wrapping.result() as server:
        reading = task(client.recv, 1)
        server.verify_client_post_handshake()
        server.sendall(b"x")
        assert reading.result() == b"x"
        answering = task(server.recv, 1)
        client.sendall(b"y")
        assert answering.result() == b"y"
        assert server.getpeercert()


def test_session_is_resumed(listener, task):
    serving = server_context(maximum_version=ssl.TLSVersion.TLSv1_2)
    asking = client_context()
    session = None
    for resumed in False, True:
        accepting = task(lambda: serving.wrap_socket(listener.accept()[0], True))
        plain = socket.create_connection(listener.getsockname())
        with asking.wrap_socket(plain, server_hostname="localhost", session=session) as client:
            accepting.result().close()
            assert client.session_reused is resumed
            session = client.session


def test_memory_bios_need_no_socket():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    server = server_context().wrap_bio(outgoing, incoming, server_side=True)
    pending = [client, server]
    while pending:
        side = pending.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            pending.append(side)
    client.write(b"hello")
    assert server.read(9) == b"hello"


@pytest.mark.parametrize("kind", [ssl.SSLContext, EarlyContext])
def test_every_property_of_a_context_can_be_set(kind):
    client, server = kind(ssl.PROTOCOL_TLS_CLIENT), kind(ssl.PROTOCOL_TLS_SERVER)
    for context, name, value in (
        (client, "check_hostname", False), (client, "verify_mode", ssl.CERT_NONE),
        (client, "minimum_version", ssl.TLSVersion.TLSv1_2), (client, "maximum_version", ssl.TLSVersion.TLSv1_3),
        (client, "hostname_checks_common_name", False), (client, "post_handshake_auth", True),
        (client, "keylog_filename", os.devnull), (client, "_msg_callback", None), (server, "sni_callback", len),
        (server, "num_tickets", 1), (client, "sslsocket_class", ssl.SSLSocket),
        (client, "sslobject_class", ssl.SSLObject),
    ):  # fmt: skip
        setattr(context, name, value)
        assert getattr(context, name) == value, name
    client.options |= ssl.OP_NO_TICKET
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    assert client.options & ssl.OP_NO_TICKET and client.verify_flags & ssl.VERIFY_X509_STRICT
    assert isinstance(ssl.create_default_context(), ssl.SSLContext)


def test_server_certificate_is_fetched_with_its_name(listener, task):
    names = []
    context = server_context()
    context.sni_callback = lambda sock, name, ctx: names.append(name)

    def serve():
        sock, _ = listener.accept()
        with context.wrap_socket(sock, server_side=True) as server, contextlib.suppress(ConnectionResetError):
            server.recv(1)

    serving = task(serve)
    pem = ssl.get_server_certificate(("localhost", listener.getsockname()[1]), timeout=10)
    assert pem.startswith("-----BEGIN CERTIFICATE-----") and names == ["localhost"]
    serving.result()


@only_patched
def test_close_wakes_who_reads(tls, blocked):
    client, _ = tls
    waiting = blocked(client.recv, 1)
    client.close()
    with pytest.raises((OSError, ValueError)):
        waiting.result()
