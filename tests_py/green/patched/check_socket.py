"""Sockets: each method that waits, what ends the wait, and what a socket is like afterwards.

One file: a test for each method of one class, and both ends of a connection are in most of them.
"""

from __future__ import annotations

import array
import errno
import fcntl
import gc
import io
import os
import pickle
import socket
import sys
import threading
import time

import pytest

from conftest import only_patched

BIG = os.urandom(1 << 12) * 256  # 1 MiB: more than the buffers of a socket take


def drain(sock, size=len(BIG)):
    parts = []
    while size > 0:
        part = sock.recv(65536)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def fill(sock):
    """Make the socket's buffer full, whatever the socket's timeout."""
    timeout = sock.gettimeout()
    sock.setblocking(False)
    try:
        while True:
            sock.send(BIG)
    except BlockingIOError:
        pass
    sock.settimeout(timeout)


# ---- input


def into(method):
    def call(sock):
        buffer = bytearray(5)
        found = getattr(sock, method)(buffer)
        return bytes(buffer[: found if isinstance(found, int) else found[0]])

    return call


def message_into(sock):
    parts = bytearray(2), bytearray(5)
    size, ancillary, flags, _ = sock.recvmsg_into(parts)
    assert (ancillary, flags) == ([], 0)
    return b"".join(parts)[:size]


INPUT = {
    "recv": lambda sock: sock.recv(5),
    "recv_into": into("recv_into"),
    "recvfrom": lambda sock: sock.recvfrom(5)[0],
    "recvfrom_into": into("recvfrom_into"),
    "recvmsg": lambda sock: sock.recvmsg(5)[0],
    "recvmsg_into": message_into,
    "makefile": lambda sock: sock.makefile("rb").read(5),
}


@pytest.fixture(params=INPUT)
def receive(request):
    return INPUT[request.param]


def test_input_waits_until_the_peer_sends(pair, receive, blocked):
    a, b = pair
    waiting = blocked(receive, a)
    b.send(b"hello")
    assert waiting.result() == b"hello"


def test_input_of_datagrams_waits_and_tells_the_sender(blocked):
    with socket.socket(type=socket.SOCK_DGRAM) as a, socket.socket(type=socket.SOCK_DGRAM) as b:
        a.bind(("127.0.0.1", 0))
        b.bind(("localhost", 0))  # a name
        waiting = blocked(a.recvfrom, 10)
        b.sendto(b"one", ("localhost", a.getsockname()[1]))
        assert waiting.result() == (b"one", b.getsockname())
        waiting = blocked(a.recvfrom_into, bytearray(3))
        b.sendto(b"", 0, a.getsockname())
        assert waiting.result() == (0, b.getsockname())
        waiting = blocked(a.recvmsg, 10)
        assert b.sendmsg([b"tw", b"o"], [], 0, a.getsockname()) == 3
        assert waiting.result()[0] == b"two"


def test_input_ends_when_the_peer_goes(pair, receive, blocked):
    a, b = pair
    waiting = blocked(receive, a)
    b.close()
    assert waiting.result() == b""


def test_input_ends_when_another_thread_shuts_the_socket_down(pair, receive, blocked):
    a, _ = pair
    waiting = blocked(receive, a)
    a.shutdown(socket.SHUT_RD)
    assert waiting.result() == b""


def test_input_raises_when_time_is_over(pair, receive):
    a, b = pair
    a.settimeout(0.02)
    with pytest.raises(TimeoutError, match=r"^timed out$"):
        receive(a)
    if receive is not INPUT["makefile"]:
        b.send(b"hello")
        assert receive(a) == b"hello"


def test_input_of_a_socket_that_does_not_block_raises(pair, receive):
    a, b = pair
    a.setblocking(False)
    if receive is INPUT["makefile"]:
        return
    with pytest.raises(BlockingIOError):
        receive(a)
    b.send(b"hello")
    assert receive(a) == b"hello"


def test_recv_with_flags_waits_as_the_flags_say(pair, blocked):
    a, b = pair
    with pytest.raises(BlockingIOError):
        a.recv(1, socket.MSG_DONTWAIT)
    waiting = blocked(a.recv, 6, socket.MSG_WAITALL)
    b.send(b"abc")
    time.sleep(0.01)
    assert waiting.running
    b.send(b"defg")
    assert waiting.result() == b"abcdef"
    assert a.recv(5, socket.MSG_PEEK) == b"g"
    assert a.recv(5) == b"g"
    waiting = blocked(a.recv, 5, socket.MSG_PEEK)
    b.send(b"h")
    assert waiting.result() == a.recv(5) == b"h"


def test_readers_of_one_socket_each_get_their_share(pair, blocked):
    a, b = pair
    waiting = [blocked(a.recv, 1) for _ in range(4)]
    b.send(b"wxyz")
    assert sorted(each.result() for each in waiting) == [b"w", b"x", b"y", b"z"]


def test_readers_with_timeouts_each_have_their_own_patience(pair, task):
    a, b = pair
    a.settimeout(10)
    long = task(a.recv, 1)
    time.sleep(0.01)
    a.settimeout(0.03)
    short = task(a.recv, 1)
    with pytest.raises(TimeoutError):
        short.result()
    assert long.running
    b.send(b"x")
    assert long.result() == b"x"


# ---- output


def whole(method):
    def call(sock):
        sent = 0
        while sent < len(BIG):
            sent += getattr(sock, method)(BIG[sent:])
        return sent

    return call


def message(sock):
    sent = 0
    while sent < len(BIG):
        sent += sock.sendmsg([BIG[sent : sent + 10], BIG[sent + 10 :]])
    return sent


def raw(sock):
    with sock.makefile("wb", 0) as file:
        return file.write(BIG)


OUTPUT = {
    "send": whole("send"),
    "sendall": lambda sock: sock.sendall(BIG) or len(BIG),
    "sendall array": lambda sock: sock.sendall(array.array("Q", BIG)) or len(BIG),
    "sendmsg": message,
    "makefile": raw,
}


@pytest.fixture(params=OUTPUT)
def transmit(request):
    return OUTPUT[request.param]


def test_output_waits_until_the_peer_reads(pair, transmit, blocked):
    a, b = pair
    waiting = blocked(transmit, a)
    assert drain(b) == BIG
    assert waiting.result() == len(BIG)


def test_output_arrives_as_it_was_sent(pair, task):
    a, b = pair
    reading = task(drain, b, 3 * len(BIG))
    a.sendall(BIG)
    message(a)
    whole("send")(a)
    assert reading.result() == BIG * 3


def test_output_raises_when_time_is_over(pair):
    a, _ = pair
    fill(a)
    a.settimeout(0.02)
    for method in a.send, a.sendall, lambda data: a.sendmsg([data]):
        with pytest.raises(TimeoutError, match=r"^timed out$"):
            method(BIG)


def test_sendall_has_one_timeout_for_all_of_it(pair, task):
    a, b = pair
    a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    a.settimeout(0.1)
    stop = threading.Event()

    def trickle():
        while not stop.is_set():
            b.recv(100)
            time.sleep(0.001)

    reading = task(trickle)
    with pytest.raises(TimeoutError):
        a.sendall(BIG)
    stop.set()
    reading.result()


def test_output_to_a_peer_that_has_gone_raises_broken_pipe(pair, blocked):
    a, b = pair
    fill(a)
    waiting = blocked(a.sendall, BIG)
    b.close()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        waiting.result()


def test_sendfile_waits_until_the_peer_reads(pair, tmp_path, blocked):
    a, b = pair
    (tmp_path / "big").write_bytes(BIG)
    with open(tmp_path / "big", "rb") as file:
        waiting = blocked(a.sendfile, file, 10)
        assert drain(b, len(BIG) - 10) == BIG[10:]
        assert waiting.result() == len(BIG) - 10
        assert file.tell() == len(BIG)
        assert a.sendfile(file, 0, 7) == 7
        assert b.recv(100) == BIG[:7]
        assert fcntl.fcntl(a, fcntl.F_GETFL) & os.O_NONBLOCK == 0
        a.settimeout(0.05)
        with pytest.raises(TimeoutError):
            while True:
                a.sendfile(file, 0)


def test_sendfile_of_what_is_no_file_sends_it_in_pieces(pair, task):
    a, b = pair
    reading = task(drain, b)
    assert a.sendfile(io.BytesIO(BIG)) == len(BIG)
    assert reading.result() == BIG


def test_reader_and_writer_use_one_socket_at_a_time(pair, task):
    a, b = pair

    def echo():
        left = len(BIG)
        while left:
            data = b.recv(65536)
            b.sendall(data)
            left -= len(data)

    echoing, reading = task(echo), task(drain, a)
    a.sendall(BIG)
    assert reading.result() == BIG
    echoing.result()


def test_descriptors_are_passed_and_received(pair, blocked):
    a, b = pair
    read, write = os.pipe()
    waiting = blocked(socket.recv_fds, a, 10, 2)
    socket.send_fds(b, [b"fd"], [write])
    message, fds, _, _ = waiting.result()
    assert message == b"fd"
    os.close(write)
    os.write(fds[0], b"through")
    os.close(fds[0])
    assert os.read(read, 10) == b"through"
    os.close(read)


# ---- connections


def test_accept_waits_until_somebody_connects(listener, blocked):
    waiting = blocked(listener.accept)
    with socket.create_connection(listener.getsockname()) as client:
        server, address = waiting.result()
        with server:
            assert address == client.getsockname()
            assert type(server) is socket.socket
            assert (server.family, server.type, server.gettimeout()) == (listener.family, listener.type, None)
            assert not server.get_inheritable()


def test_accept_raises_when_time_is_over_and_gives_blocking_sockets(listener, task):
    listener.settimeout(0.02)
    with pytest.raises(TimeoutError):
        listener.accept()
    connecting = task(socket.create_connection, listener.getsockname(), 5)
    listener.settimeout(5)
    server, _ = listener.accept()
    assert server.gettimeout() is None
    assert fcntl.fcntl(server, fcntl.F_GETFL) & os.O_NONBLOCK == 0
    client = connecting.result()
    assert client.gettimeout() == 5
    server.close()
    client.close()


def test_default_timeout_holds_for_new_sockets(listener, task):
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(0.03)
    try:
        with socket.create_connection(listener.getsockname()) as client, listener.accept()[0] as server:
            assert client.gettimeout() == server.gettimeout() == 0.03
            with pytest.raises(TimeoutError):
                server.recv(1)
            with pytest.raises(TimeoutError):
                client.recv(1)
    finally:
        socket.setdefaulttimeout(before)


def test_connect_to_nobody_is_refused(listener):
    address = listener.getsockname()
    listener.close()
    for timeout in None, 5:
        with socket.socket() as sock:
            sock.settimeout(timeout)
            with pytest.raises(ConnectionRefusedError) as caught:
                sock.connect(address)
            assert caught.value.args == (errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        with socket.socket() as sock:
            sock.settimeout(timeout)
            assert sock.connect_ex(address) == errno.ECONNREFUSED
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("localhost", address[1]), 5)


def test_connect_of_a_socket_that_does_not_block_is_in_progress(listener):
    with socket.socket() as sock:
        sock.setblocking(False)
        assert sock.connect_ex(listener.getsockname()) in (0, errno.EINPROGRESS)
        server, _ = listener.accept()
        with server:
            sock.setblocking(True)
            server.send(b"welcome")
            assert sock.recv(10) == b"welcome"


def test_connect_to_a_busy_unix_listener_waits(tmp_path, blocked):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen(0)
        first, second = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        with first, second:
            first.connect(str(tmp_path / "s"))
            waiting = blocked(second.connect, str(tmp_path / "s"))
            listening.accept()[0].close()
            waiting.result()
            listening.accept()[0].close()


def test_create_connection_binds_its_own_address(listener):
    with socket.create_connection(listener.getsockname(), source_address=("127.0.0.1", 0)) as client:
        assert client.getsockname()[0] == "127.0.0.1"
        listener.accept()[0].close()


def test_dual_stack_server_takes_both_families():
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        port = server.getsockname()[1]
        for host in "127.0.0.1", "::1":
            with socket.create_connection((host, port), 5):
                server.accept()[0].close()


def test_bind_and_connect_take_names(listener):
    with socket.socket() as server:
        server.bind(("localhost", 0))
        assert server.getsockname()[0] == "127.0.0.1"
        server.listen()
        with socket.socket() as client:
            client.connect(("localhost", server.getsockname()[1]))
            server.accept()[0].close()
        for wrong in ("localhost", -1), ("localhost",), "localhost", 5, (5, 0):
            with pytest.raises((TypeError, OverflowError)):
                server.bind(wrong)


# ---- life


@only_patched
def test_close_wakes_who_waits(pair, tcp, listener, blocked):
    a, _ = pair
    c, _ = tcp
    fill(c)
    waiting = [blocked(a.recv, 1), blocked(a.recv, 1), blocked(c.sendall, BIG), blocked(listener.accept)]
    for sock in a, c, listener:
        sock.close()
    for each in waiting:
        with pytest.raises(OSError) as caught:
            each.result()
        assert caught.value.errno == errno.EBADF


@only_patched
def test_close_by_os_close_wakes_who_waits(pair, blocked):
    a, _ = pair
    waiting = blocked(a.recv, 1)
    os.close(a.fileno())
    with pytest.raises(OSError) as caught:
        waiting.result()
    assert caught.value.errno == errno.EBADF
    a.detach()


def test_closed_socket_raises_everywhere(pair):
    a, _ = pair
    a.close()
    for call in (
        lambda: a.recv(1), lambda: a.recv_into(bytearray(1)), lambda: a.recvfrom(1), lambda: a.recvmsg(1),
        lambda: a.send(b"x"), lambda: a.sendall(b"x"), lambda: a.sendmsg([b"x"]), lambda: a.sendto(b"x", "x"),
        lambda: a.accept(), lambda: a.connect("x"), lambda: a.listen(), lambda: a.getpeername(),
        lambda: a.setblocking(True), lambda: a.settimeout(1),
    ):  # fmt: skip
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == errno.EBADF
    assert a.fileno() == -1
    assert "[closed]" in repr(a)
    a.close()


def test_makefile_keeps_a_closed_socket_open(pair):
    a, b = pair
    with a.makefile("rwb") as file:
        a.close()
        b.sendall(b"line\nrest")
        assert file.readline() == b"line\n"
        file.write(b"answer")
        file.flush()
        assert b.recv(10) == b"answer"
    assert b.recv(1) == b""


def test_makefile_reads_text_line_by_line(pair, blocked):
    a, b = pair
    with a.makefile(encoding="utf-8") as file:
        waiting = blocked(file.readline)
        b.sendall("grün\nzwei\n".encode())
        assert waiting.result() == "grün\n"
        b.close()
        assert list(file) == ["zwei\n"]


def test_makefile_that_has_timed_out_is_of_no_use_any_more(pair):
    a, b = pair
    a.settimeout(0.02)
    with a.makefile("rb") as file:
        with pytest.raises(TimeoutError):
            file.read(1)
        b.send(b"x")
        with pytest.raises(OSError, match="cannot read from timed out object"):
            file.read(1)


def test_detached_descriptor_is_as_blocking_as_the_socket_was(blocked):
    for timeout, nonblocking in (None, 0), (5, os.O_NONBLOCK), (0, os.O_NONBLOCK):
        a, b = socket.socketpair()
        with b:
            waiting = blocked(a.recv, 1)
            b.send(b"x")
            waiting.result()
            a.settimeout(timeout)
            fd = a.detach()
            assert fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK == nonblocking
            assert a.fileno() == -1
            with socket.socket(fileno=fd) as again:
                b.send(b"y")
                assert again.recv(1) == b"y"


def test_copies_share_the_connection(pair, blocked):
    a, b = pair
    with a.dup() as copy, socket.fromfd(a.fileno(), a.family, a.type) as other:
        waiting = [blocked(each.recv, 1) for each in (a, copy, other)]
        b.send(b"xyz")
        assert sorted(each.result() for each in waiting) == [b"x", b"y", b"z"]
        a.close()
        b.send(b"still")
        assert copy.recv(9) == b"still"


def test_number_of_a_closed_socket_serves_the_next_one(blocked):
    numbers = set()
    for _ in range(5):
        a, b = socket.socketpair()
        with a, b:
            waiting = blocked(a.recv, 1)
            numbers.add(a.fileno())
            b.send(b"x")
            assert waiting.result() == b"x"
    assert len(numbers) == 1


def test_collected_socket_warns(pair):
    sock = socket.socket()
    with pytest.warns(ResourceWarning, match="unclosed <socket.socket"):
        del sock
        gc.collect()


def test_timeouts_are_read_as_they_were_set():
    with socket.socket() as sock:
        for value, timeout, blocking in (
            (None, None, True), (0, 0.0, False), (0.0, 0.0, False), (1, 1.0, True), (2.5, 2.5, True),
        ):  # fmt: skip
            sock.settimeout(value)
            assert (sock.gettimeout(), sock.timeout, sock.getblocking()) == (timeout, timeout, blocking)
            assert type(sock.gettimeout()) is type(timeout)
            assert fcntl.fcntl(sock, fcntl.F_GETFL) & os.O_NONBLOCK == (0 if timeout is None else os.O_NONBLOCK)
        sock.setblocking(True)
        assert sock.gettimeout() is None
        sock.setblocking(False)
        assert sock.gettimeout() == 0.0
        for wrong, error in (-1, ValueError), ("x", TypeError), (float("nan"), ValueError), (1e300, OverflowError):
            with pytest.raises(error):
                sock.settimeout(wrong)


class Counting(socket.socket):
    received = 0

    def recv(self, *args):
        data = super().recv(*args)
        self.received += len(data)
        return data


def test_subclass_inherits_what_waits(pair, blocked):
    a, b = pair
    with Counting(a.family, a.type, a.proto, a.detach()) as sock:
        waiting = blocked(sock.recv, 10)
        b.send(b"12345")
        assert waiting.result() == b"12345"
        assert sock.received == 5


def test_socket_type_is_what_it_was():
    assert socket.socket.__module__ == "socket"
    assert issubclass(socket.socket, socket.SocketType)
    assert socket.timeout is TimeoutError
    with socket.socket() as sock, pytest.raises(TypeError, match="cannot pickle 'socket' object"):
        pickle.dumps(sock)


# ---- names


def test_lookups_tell_the_auditing_hooks():
    events = []

    def hook(event, args):
        if listening and event.startswith("socket.get"):
            events.append((event, args))

    listening = True
    sys.addaudithook(hook)
    socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    socket.getaddrinfo("127.0.0.1", "80")
    socket.gethostbyname("127.0.0.1")
    socket.gethostbyname_ex("localhost")
    socket.gethostbyaddr("127.0.0.1")
    listening = False
    assert events == [
        ("socket.getaddrinfo", ("localhost", 80, 0, 1, 0)),
        ("socket.getaddrinfo", ("127.0.0.1", "80", 0, 0, 0)),
        ("socket.gethostbyname", ("127.0.0.1",)),
        ("socket.gethostbyname", ("localhost",)),
        ("socket.gethostbyaddr", ("127.0.0.1",)),
    ]
