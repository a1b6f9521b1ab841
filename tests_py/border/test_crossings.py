"""What an echo request costs, counted instead of timed: calls into Go, system calls, memory allocated and kept.

The program is an ordinary one: threads that echo and threads that ask, all patched, so each round trip is two
messages sent and two received. Counts are those of the rounds after the first, where everything is registered.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

Script = Callable[..., str]

CONNECTIONS = 20

ECHO = """
    import socket, sys, threading

    def serve(server):
        for _ in range(CONNECTIONS):
            connection, _ = server.accept()
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    def echo(connection):
        connection.settimeout(TIMEOUT)
        with connection:
            while data := connection.recv(4096):
                connection.sendall(data)

    class Client:
        def __init__(self, address):
            self.socket = socket.create_connection(address)
            self.socket.settimeout(TIMEOUT)

        def ask(self, rounds):
            for turn in range(rounds):
                message = b"%60d" % turn
                self.socket.sendall(message)
                assert self.socket.recv(4096) == message

    server = socket.create_server(("127.0.0.1", 0), backlog=CONNECTIONS)
    threading.Thread(target=serve, args=(server,)).start()
    clients = [Client(server.getsockname()) for _ in range(CONNECTIONS)]

    def run(rounds):
        threads = [threading.Thread(target=client.ask, args=(rounds,)) for client in clients]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    """

PATCHED = "import guv; guv.monkey_patch()\n"


def program(body: str, timeout: str = "None", before: str = "") -> str:
    return (
        PATCHED
        + f"TIMEOUT, CONNECTIONS = {timeout}, {CONNECTIONS}\n"
        + textwrap.dedent(before)
        + textwrap.dedent(ECHO)
        + textwrap.dedent(body)
    )


COUNT_CROSSINGS = """
    import collections
    from guv import _border

    crossings = collections.Counter()

    class Counted:
        def __init__(self, extension): self.extension = extension
        def __getattr__(self, name):
            function = getattr(self.extension, name)
            def counted(*args):
                crossings[name] += 1
                return function(*args)
            return counted

    _border._loaded = Counted(_border.extension())
    """


@pytest.mark.parametrize("timeout", ["None", "30"])
def test_echo_request_crosses_into_go_only_to_poll_and_not_for_each_message(
    timeout: str, script: Script, hub_kind: str
) -> None:
    if hub_kind != "hub":
        pytest.skip("the hub in Python crosses nothing")
    body = """
    run(5)
    crossings.clear()
    run(100)
    print(*sorted(crossings), crossings["pyext_Poll"])
    """
    names, polls = script(program(body, timeout, COUNT_CROSSINGS)).split()
    assert names == "pyext_Poll"
    # A turn serves one side of all connections, 20 messages; a slow machine breaks it into several.
    assert int(polls) <= 2 * 100 * CONNECTIONS / 4


def test_native_threads_that_wake_the_hub_do_not_enter_go(script: Script, hub_kind: str) -> None:
    """Each would keep one of Go's processors from the others, and from the hub."""
    if hub_kind != "hub":
        pytest.skip("the hub in Python crosses nothing")
    body = """
    from guv import tpool
    guv.sleep(0.001)
    crossings.clear()
    tasks = [guv.spawn(tpool.execute, int, number) for number in range(100)]
    print(sum(task.wait() for task in tasks), *sorted(crossings))
    """
    code = PATCHED + textwrap.dedent(COUNT_CROSSINGS) + textwrap.dedent(body)
    assert script(code) == "4950 pyext_Poll\n"


@pytest.mark.parametrize("timeout", ["None", "30"])
def test_echo_request_keeps_no_memory(timeout: str, script: Script) -> None:
    body = """
    import gc
    run(50)
    gc.collect()
    gc.disable()
    before = sys.getallocatedblocks()
    run(400)
    print(sys.getallocatedblocks() - before)
    """
    kept = int(script(program(body, timeout)))
    assert kept < 400  # of 8,000 round trips


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler called cc")
@pytest.mark.parametrize(("timeout", "most"), [("None", 20), ("30", 26)])  # 11 and 17 on 3.12, 17 and 23 on 3.10
def test_echo_request_allocates_little_in_python(timeout: str, most: int, script: Script, tmp_path: Path) -> None:
    library = tmp_path / "allocations.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, Path(__file__).with_name("allocations.c")], check=True)
    counter = f"""
    import ctypes
    counter = ctypes.PyDLL({str(library)!r})
    counter.install()
    allocations = ctypes.c_long.in_dll(counter, "allocations")
    """
    body = """
    def cost(rounds):
        before = allocations.value
        run(rounds)
        return allocations.value - before
    run(20)
    print((cost(220) - cost(20)) / 200 / CONNECTIONS)
    """
    assert float(script(program(body, timeout, counter))) < most


def _strace_works() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True).returncode == 0


def count_system_calls(path: Path, hub_kind: str, rounds: int, traced: Path) -> dict[str, int]:
    """System calls of the program at `path`, by name."""
    subprocess.run(
        ["strace", "-f", "-c", "-U", "name,calls", "-o", str(traced), sys.executable, str(path), str(rounds)],
        env={**os.environ, "GUV_HUB": hub_kind},
        timeout=50,
        check=True,
    )
    return {name: int(calls) for name, calls in re.findall(r"^(\w+) +(\d+)$", traced.read_text(), re.MULTILINE)}


@pytest.mark.skipif(not _strace_works(), reason="needs strace, and leave to trace")
@pytest.mark.parametrize("timeout", ["None", "30"])
def test_echo_request_takes_one_recv_one_send_and_no_epoll_ctl(timeout: str, tmp_path: Path, hub_kind: str) -> None:
    path = tmp_path / "program.py"
    path.write_text(program("run(int(sys.argv[1]))", timeout))
    few, many = (count_system_calls(path, hub_kind, rounds, tmp_path / "counts") for rounds in (5, 105))
    more = {name: many[name] - few.get(name, 0) for name in many}
    messages = 2 * 100 * CONNECTIONS

    def calls(*names: str) -> int:
        return sum(more.get(name, 0) for name in names)

    assert calls("recvfrom", "recvmsg", "read") == pytest.approx(messages, abs=20)
    assert calls("sendto", "sendmsg", "write") == pytest.approx(messages, abs=20)
    assert calls("epoll_ctl") <= 5
    assert calls("epoll_wait", "epoll_pwait", "epoll_pwait2") <= messages / 2
    assert calls("timerfd_settime", "ioctl", "fcntl", "getsockopt", "setsockopt", "poll") <= 20
