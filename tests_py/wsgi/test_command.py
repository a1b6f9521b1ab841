"""``python -m guv.wsgi``: worker processes, their life and end."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from served_command import APP, Command


@pytest.fixture
def command(tmp_path):
    running = []

    def start(*arguments: str, text: str = "one", hub: str = "epoll") -> Command:
        (tmp_path / "program.py").write_text(APP.format(text=text))
        running.append(Command(tmp_path, hub, *arguments, "-b", "127.0.0.1:0"))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.terminate()
        one.process.communicate(timeout=20)


def test_workers_serve_and_stop_with_a_summary(command, hub_kind):
    served = command("program:app", "-w", "2", hub=hub_kind).started()
    for _ in range(3):
        text, pid, multiprocess = served.get()
        assert (text, multiprocess) == ("one", "True")
        assert int(pid) != served.process.pid
    status, err = served.end()
    assert status == 0
    assert "stopped after 3 requests" in err
    assert "Error" not in err


@pytest.mark.slow
def test_stop_lets_a_request_finish_and_refuses_new_ones(command, tmp_path):
    served = command("program:factory()").started()
    replies: list[list[str]] = []
    asking = threading.Thread(target=lambda: replies.append(served.get("/held")))
    asking.start()
    served.line("held")
    served.get()
    served.send(signal.SIGTERM)
    with pytest.raises(ConnectionRefusedError):
        while True:  # until supervisor and worker have both closed the socket
            with contextlib.suppress(ConnectionResetError):  # of a connection that nobody had accepted by then
                socket.create_connection(("127.0.0.1", served.port), 20).close()
    (tmp_path / "go").touch()
    asking.join()
    assert replies[0][0] == "one"
    assert (served.status(), "stopped after 2 requests" in served.rest) == (0, True)


def test_reload_serves_the_new_program_and_refuses_nobody(command, tmp_path):
    served = command("program:app", "-w", "2").started()
    (tmp_path / "program.py").write_text(APP.format(text="two, and longer"))
    served.send(signal.SIGHUP)
    texts = []
    while not texts or texts[-1] != "two,":
        texts.append(served.get()[0])
    served.line("reloaded: 2 new workers serve")
    assert set(texts) <= {"one", "two,"}
    assert served.end()[0] == 0


@pytest.mark.slow
def test_reload_of_a_broken_program_keeps_the_old(command, tmp_path):
    served = command("program:app").started()
    (tmp_path / "program.py").write_text("raise RuntimeError('broken')")
    served.send(signal.SIGHUP)
    served.line("the old workers stay")
    assert served.get()[0] == "one"
    assert served.end()[0] == 0


@pytest.mark.slow
def test_killed_worker_is_replaced(command):
    served = command("program:app").started()
    pid = int(served.get()[1])
    os.kill(pid, signal.SIGKILL)
    served.line(f"worker {pid} was killed by SIGKILL; it is replaced")
    assert int(served.get()[1]) != pid
    assert served.end(signal.SIGINT)[0] == 0


@pytest.mark.slow
def test_workers_end_when_the_supervisor_is_killed(command):
    served = command("program:app").started()
    pid = int(served.get()[1])
    served.end(signal.SIGKILL)
    # the worker held stderr and stdout open: that both have ended says that it has, too
    assert not Path(f"/proc/{pid}/exe").exists() or Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"


def test_program_that_can_not_be_imported_ends_the_command(command):
    served = command("nosuch:app")
    served.line("ModuleNotFoundError: No module named 'nosuch'")
    served.line("ended with status 3 before it served")
    assert served.status() == 3


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:x", "127.0.0.1:65536"])
def test_address_that_can_not_be_used_is_named(tmp_path, address):
    served = Command(tmp_path, "epoll", "program:app", "-b", address)
    served.line(f"can't listen on {address}")
    assert served.status() == 1


@pytest.mark.slow
@pytest.mark.parametrize("kept", [False, True], ids=["new connections", "kept connections"])
def test_reloads_under_load_lose_no_request(command, kept):
    """A kept connection may end between two requests, which its client sees before it sends the next one's body."""
    served = command("program:app", "-w", "2").started()
    stop = threading.Event()
    answered, lost = [], []

    def client():
        connection = served.connect()
        while not stop.is_set():
            try:
                connection.request("GET", "/")
                reply = connection.getresponse()
                answered.append(reply.read())
                if not kept or reply.will_close:
                    connection.close()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if not kept or not isinstance(error, (http.client.RemoteDisconnected, ConnectionError)):
                    lost.append(error)
        connection.close()

    clients = [threading.Thread(target=client) for _ in range(4)]
    for one in clients:
        one.start()
    for _ in range(3):
        served.send(signal.SIGHUP)
        served.line("reloaded: 2 new workers serve")
    stop.set()
    for one in clients:
        one.join()
    assert lost == []
    assert len(answered) > 10
    assert served.end()[0] == 0


@pytest.mark.slow
def test_broken_program_ends_all_workers_and_starts_no_more(command):
    served = command("program:nosuch", "-w", "3")
    _, err = served.process.communicate(timeout=40)
    assert served.process.returncode == 3
    assert "module 'program' has no attribute 'nosuch'" in err
    assert err.count("before it served") <= 3


def test_application_that_can_not_be_called_is_named(command):
    served = command("program:TEXT")
    served.line("program:TEXT is not a WSGI application: 'one' can't be called")
    assert served.status() == 3


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "the following arguments are required: app"),
        (["a", "-w", "0"], "'0' is not a whole number of at least 1"),
        (["a", "--keep-alive", "-1"], "'-1' is not a number of seconds above 0"),
        (["a", "--trusted-proxies", "10.0.0.0/8,me"], "'me' does not appear to be an IPv4 or IPv6 network"),
        (["a", "--keyfile", "x"], "--keyfile needs --certfile"),
        (["a", "--work", "2"], "unrecognized arguments: --work 2"),
    ],
)
def test_wrong_argument_is_named(capsys, arguments, problem):
    from guv.wsgi.__main__ import main

    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert problem in capsys.readouterr().err


def test_what_can_not_be_served_is_named(capsys, tmp_path, monkeypatch):
    from guv.wsgi.__main__ import main

    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["a", "-b", address]) == 1
    assert f"can't listen on {address}: [Errno 98]" in capsys.readouterr().err
    assert main(["a", "-b", "127.0.0.1:0", "--certfile", "nosuch.pem"]) == 1
    assert "can't use the certificate and key in nosuch.pem: [Errno 2]" in capsys.readouterr().err
    assert main(["a", "-b", "unix:socket", "--chdir", "nosuch"]) == 1
    assert "can't serve: [Errno 2]" in capsys.readouterr().err
    assert not (tmp_path / "socket").exists()


@pytest.mark.slow
def test_tls_is_served_and_a_reload_with_a_broken_certificate_keeps_the_old(command, certificate, tmp_path):
    import ssl

    pem = tmp_path / "pem"
    pem.write_text(Path(certificate).read_text())
    served = command("program:app", "--certfile", str(pem))
    port = int(served.line(r"serves \S+ on https://127\.0\.0\.1:(\d+)")[1])
    trusting = ssl.create_default_context(cafile=certificate)
    trusting.set_alpn_protocols(["h2", "http/1.1"])

    def ask() -> tuple[str | None, bytes]:
        with (
            socket.create_connection(("127.0.0.1", port), 20) as sock,
            trusting.wrap_socket(sock, server_hostname="localhost") as secure,
        ):
            secure.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return secure.selected_alpn_protocol(), b"".join(iter(lambda: secure.recv(65536), b""))

    protocol, reply = ask()
    assert protocol == "http/1.1"
    assert reply.startswith(b"HTTP/1.1 200 ")
    pem.write_text("no certificate")
    served.send(signal.SIGHUP)
    served.line("can't use the certificate and key in .*pem")
    served.line("the old workers stay")
    assert ask()[0] == "http/1.1"


@pytest.mark.slow
def test_command_takes_the_client_from_a_proxy_header_and_limits_requests(command, tmp_path):
    log = tmp_path / "log"
    served = command(
        "program:app", "--proxy-protocol", "--max-requests", "2", "--access-log", str(log), "--log-format", "common"
    ).started()
    with socket.create_connection(("127.0.0.1", served.port), 20) as sock:
        sock.sendall(b"PROXY TCP4 1.2.3.4 5.6.7.8 1000 80\r\n" + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        reply = b"".join(iter(lambda: sock.recv(65536), b""))
    assert reply.count(b"HTTP/1.1 200 ") == 2
    assert served.end()[0] == 0
    assert [line.split()[0] for line in log.read_text().splitlines()] == ["1.2.3.4"] * 2


def ask_unix(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(str(path))
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: sock.recv(65536), b""))


@pytest.mark.slow
def test_unix_socket_is_served_and_removed(command, tmp_path):
    path = tmp_path / "socket"
    served = command("program:app", "-b", f"unix:{os.path.relpath(path)}")  # not relative to --chdir
    served.line("on unix:.*socket, http://127")
    assert ask_unix(path).startswith(b"HTTP/1.1 200 ")
    assert served.end()[0] == 0
    assert not path.exists()


MANAGER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execl(sys.executable, sys.executable, "-m", "guv.wsgi", "program:app")
"""


@pytest.mark.slow
def test_unix_socket_passed_as_a_descriptor_is_served_and_left(tmp_path):
    path = tmp_path / "socket"
    (tmp_path / "program.py").write_text(APP.format(text="one"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        process = subprocess.Popen(
            [sys.executable, "-m", "guv.wsgi", "program:app", "-b", f"fd:{listener.fileno()}"],
            pass_fds=[listener.fileno()], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    try:
        assert f"on unix:{path} with 1 worker" in process.stderr.readline()
        assert ask_unix(path).startswith(b"HTTP/1.1 200 ")
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0
    assert path.exists()


@pytest.mark.slow
def test_sockets_of_a_service_manager_are_served_and_left(tmp_path):
    path = tmp_path / "socket"
    (tmp_path / "program.py").write_text(APP.format(text="one"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        process = subprocess.Popen(
            [sys.executable, "-c", MANAGER, str(listener.fileno())],
            pass_fds=[listener.fileno()], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    try:
        assert f"on unix:{path} with 1 worker" in process.stderr.readline()
        assert ask_unix(path).startswith(b"HTTP/1.1 200 ")
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0
    assert path.exists()


@pytest.mark.slow
def test_access_log_has_a_line_for_each_request(command, tmp_path):
    log = tmp_path / "log"
    served = command("program:app", "--access-log", str(log), "--log-format", "common", "-w", "2").started()
    for _ in range(3):
        served.get("/a?b")
    assert served.end()[0] == 0
    lines = log.read_text().splitlines()
    assert len(lines) == 3
    assert all(re.fullmatch(r'127\.0\.0\.1 - - \[[^]]+\] "GET /a\?b HTTP/1\.1" 200 \d+', line) for line in lines)
