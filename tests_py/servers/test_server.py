"""Stream servers: accepting, limits, the end; over TCP and Unix sockets."""

from __future__ import annotations

import os
import socket

import pytest

import guv
from guv.server import Server, StopServe, StreamServer


def shout(sock, address):
    with sock:
        while data := sock.recv(100):
            sock.sendall(data.upper())


def ask(address, data=b"hello") -> bytes:
    with guv.connect(address) as sock:
        sock.settimeout(20)
        sock.sendall(data)
        return sock.recv(100)


@pytest.fixture
def start(hub):
    servers = []

    def run(handle=shout, sock=None, kind=Server, **options) -> Server:
        server = kind(sock or guv.listen(("127.0.0.1", 0)), handle, **options)
        servers.append(server)
        server.start()
        return server

    yield run
    for server in servers:
        server.stop(0)
    guv.sleep(0)


def until(condition) -> None:
    """Yield until `condition()`; the test's own time limit ends it otherwise."""
    while not condition():
        guv.sleep(0.001)


def test_connections_are_served_side_by_side(start):
    server = start(kind=StreamServer)
    clients = [guv.connect(server.address) for _ in range(20)]
    for number, client in enumerate(clients):
        client.sendall(b"x%d" % number)
    assert [client.recv(10) for client in reversed(clients)] == [b"X%d" % n for n in reversed(range(20))]
    for client in clients:
        client.close()


def test_handler_gets_the_clients_address(start):
    seen = []
    server = start(lambda sock, address: seen.append(address))
    with guv.connect(server.address) as client:
        mine = client.getsockname()
        assert client.recv(1) == b""
    assert seen == [mine]


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python has no IPv6")
def test_colon_in_the_host_means_ipv6(start):
    try:
        listener = guv.listen(("::1", 0))
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    assert ask(start(sock=listener).address) == b"HELLO"


def test_unix_socket_left_over_is_replaced_and_one_in_use_is_not(start, tmp_path):
    path = str(tmp_path / "socket")
    guv.listen(path).close()
    assert os.path.exists(path)
    start(sock=guv.listen(path))
    assert ask(path) == b"HELLO"
    with pytest.raises(OSError, match="in use"):
        guv.listen(path)


def test_file_in_place_of_a_unix_socket_is_left_alone(hub, tmp_path):
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(OSError, match="in use"):
        guv.listen(str(path))
    assert path.read_text() == "data"


def test_connect_comes_from_the_address_asked_for(start):
    seen = []
    server = start(lambda sock, address: seen.append(address))
    with guv.listen(("127.0.0.1", 0)) as placeholder:
        port = placeholder.getsockname()[1]
    with guv.connect(server.address, bind=("127.0.0.1", port)) as client:
        client.recv(1)
    assert seen == [("127.0.0.1", port)]


def test_connect_to_nobody_is_refused_and_leaks_nothing(hub):
    with guv.listen(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    with pytest.raises(ConnectionRefusedError):
        guv.connect(address)


def test_two_listeners_share_a_port_by_reuse_port(hub):
    from guv.server import listen

    first = listen(("127.0.0.1", 0), reuse_port=True)
    second = listen(first.getsockname(), reuse_port=True)
    assert first.getsockname() == second.getsockname()
    seen = []
    servers = [
        Server(listener, lambda sock, address, number=number: seen.append(number))
        for number, listener in enumerate((first, second))
    ]
    for server in servers:
        server.start()
    while set(seen) != {0, 1}:  # the kernel chooses by the client's port
        with guv.connect(servers[0].address) as client:
            assert client.recv(1) == b""
    for server in servers:
        server.stop()


def test_serve_ends_by_stop_serve_thrown_in(hub):
    listener = guv.listen(("127.0.0.1", 0))
    serving = guv.spawn(guv.serve, listener, shout)
    assert ask(listener.getsockname()) == b"HELLO"
    guv.kill(serving, StopServe)
    assert serving.wait() is None
    listener.close()


def test_serve_ends_by_stop_serve_raised_in_a_handler(hub):
    def handle(sock, address):
        sock.close()
        raise StopServe

    listener = guv.listen(("127.0.0.1", 0))
    serving = guv.spawn(guv.serve, listener, handle)
    guv.connect(listener.getsockname()).close()
    assert serving.wait() is None
    listener.close()


@pytest.mark.parametrize("way", ["concurrency", "pool"])
def test_no_more_connections_than_allowed_are_accepted(start, way):
    limit = {"concurrency": 2} if way == "concurrency" else {"pool": guv.GreenPool(2)}
    server = start(**limit)
    clients = [guv.connect(server.address) for _ in range(4)]
    for client in clients:
        client.sendall(b"a")
    assert [clients[0].recv(1), clients[1].recv(1)] == [b"A", b"A"]
    guv.sleep(0.01)
    assert len(server.running) == 2
    clients[2].settimeout(0.01)
    with pytest.raises(TimeoutError):
        clients[2].recv(1)
    clients[2].settimeout(20)
    clients[0].close()
    assert clients[2].recv(1) == b"A"
    for client in clients:
        client.close()


def test_failing_handler_is_logged_and_costs_nobody_else(start, caplog):
    def handle(sock, address):
        if sock.recv(10) == b"bad":
            raise RuntimeError("broken handler")
        sock.sendall(b"fine")

    server = start(handle)
    assert ask(server.address, b"bad") == b""
    assert ask(server.address) == b"fine"
    assert "broken handler" in caplog.text
    assert not server.running


def test_stop_waits_for_connections_and_refuses_new_ones(start):
    server = start()
    client = guv.connect(server.address)
    client.sendall(b"a")
    assert client.recv(1) == b"A"
    stopping = guv.spawn(server.stop)
    until(lambda: server.stopping)
    with pytest.raises(ConnectionRefusedError):
        guv.connect(server.address if server.server_sock.fileno() >= 0 else client.getpeername())
    client.sendall(b"b")
    assert client.recv(1) == b"B"
    assert not stopping.dead
    client.close()
    stopping.wait()
    assert not server.running


def test_stop_kills_what_its_timeout_outlasts(start):
    ends = []

    def handle(sock, address):
        try:
            guv.sleep(1000)
        except BaseException as error:
            ends.append(type(error).__name__)
            raise

    server = start(handle)
    client = guv.connect(server.address)
    until(lambda: server.running)
    server.stop(0.01)
    assert client.recv(1) == b""
    assert ends == ["GreenletExit"]
    client.close()


def test_each_of_several_stops_ends_with_the_last_connection(start):
    server = start()
    client = guv.connect(server.address)
    client.sendall(b"a")
    assert client.recv(1) == b"A"
    stops = [guv.spawn(server.stop) for _ in range(3)]
    until(lambda: server.stopping)
    guv.sleep(0)
    assert not any(stop.dead for stop in stops)
    client.close()
    for stop in stops:
        stop.wait()


def test_stop_within_a_handler_waits_for_the_others_only(start):
    done = []

    def handle(sock, address):
        server.stop()
        done.append(address)

    server = start(handle)
    with guv.connect(server.address) as client:
        assert client.recv(1) == b""
    assert done


def test_server_takes_a_pool_or_a_spawn_function(hub):
    with guv.listen(("127.0.0.1", 0)) as listener:
        with pytest.raises(TypeError, match="not both"):
            Server(listener, shout, guv.GreenPool(), guv.spawn)
        with pytest.raises(ValueError, match="at least 1"):
            Server(listener, shout, concurrency=0)


def test_client_that_leaves_before_it_is_accepted_is_no_error(start, caplog):
    import struct

    listener = guv.listen(("127.0.0.1", 0))
    for _ in range(3):
        early = guv.connect(listener.getsockname())
        early.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        early.close()
    assert ask(start(sock=listener).address) == b"HELLO"
    assert not [record for record in caplog.records if "accepting" in record.message]


def test_process_short_of_descriptors_serves_again_when_it_has_some(script):
    out = script(
        """
        import logging, os, resource
        import guv
        from guv.server import Server

        logging.basicConfig(format="%(message)s", stream=__import__("sys").stdout)
        def echo(sock, address):
            sock.sendall(sock.recv(10))
        server = Server(guv.listen(("127.0.0.1", 0)), echo)
        client = guv.connect(("127.0.0.1", server.address[1]))
        server.start()
        used = os.open("/dev/null", os.O_RDONLY)
        guv.sleep(0)
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 1, 4096))
        late = []
        held = []
        try:
            while True:
                held.append(os.dup(used))
        except OSError:
            pass
        os.close(held.pop() if held else used)
        late = guv.connect(("127.0.0.1", server.address[1]))   # takes the last descriptor
        client.sendall(b"early"); print(client.recv(10))
        client.close()
        late.sendall(b"late"); print(late.recv(10))
        late.close()
        server.stop(1)
        """
    )
    assert "b'early'" in out
    assert "b'late'" in out


def test_sockets_of_a_service_manager_are_taken_once(script):
    out = script(
        """
        import os, socket
        import guv
        from guv.server import Server, listen_fds

        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = listener.getsockname()
        if listener.fileno() != 3:
            os.dup2(listener.fileno(), 3)
        os.environ.update(LISTEN_FDS="1", LISTEN_PID="1")
        print(listen_fds())
        os.environ.update(LISTEN_PID=str(os.getpid()))
        [passed] = listen_fds()
        print(listen_fds(), passed.getsockname() == address, os.get_inheritable(3), "LISTEN_FDS" in os.environ)
        server = Server(passed, lambda sock, address: sock.sendall(b"served"))
        server.start()
        client = guv.connect(address)
        print(client.recv(10))
        client.close()
        server.stop()
        listener.detach()
        """
    )
    assert out.splitlines() == ["[]", "[] True False False", "b'served'"]
