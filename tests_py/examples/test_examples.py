"""Each example runs, as its docstring says, and is short enough to be read."""

from __future__ import annotations

import ast
import hashlib
import os
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = sorted(path.name for path in EXAMPLES.glob("*.py"))
MOST_LINES = 80


def environment(hub_kind: str) -> dict[str, str]:
    return {**os.environ, "GUV_HUB": hub_kind}


def run(name: str, *arguments: str, hub_kind: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", str(EXAMPLES / name), *arguments],
        capture_output=True,
        text=True,
        timeout=40,
        env=environment(hub_kind),
    )
    assert ended.returncode == 0, ended.stderr
    assert "Warning" not in ended.stderr
    return ended.stdout


@contextmanager
def server(name: str, *arguments: str, hub_kind: str) -> Iterator[subprocess.Popen[str]]:
    """An example that runs until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(hub_kind),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline().split()[-1])


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


@pytest.mark.parametrize("name", NAMES)
def test_example_is_short_and_says_how_to_run_it(name: str) -> None:
    source = (EXAMPLES / name).read_text(encoding="utf-8")
    assert len(source.splitlines()) <= MOST_LINES
    assert f"python examples/{name}" in (ast.get_docstring(ast.parse(source)) or "")


def test_every_example_is_run_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in NAMES if f'"{name}"' not in source] == []


def test_crawler_finds_all_pages_of_its_site(hub_kind: str) -> None:
    assert run("crawler.py", hub_kind=hub_kind) == "500 pages, 0 failures\n"


def test_port_scanner_finds_a_port_that_listens(hub_kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert run("port_scanner.py", str(port), str(port), hub_kind=hub_kind) == f"open: {port}\n"


def test_thread_pool_leaves_the_loop_going(hub_kind: str) -> None:
    assert "the loop went on meanwhile: True" in run("thread_pool.py", hub_kind=hub_kind)


def test_blocked_names_the_greenlet_that_blocks_and_those_who_wait(hub_kind: str) -> None:
    blocked, *waiting = run("blocked.py", hub_kind=hub_kind).splitlines()
    assert blocked.startswith("blocked for 50 ms or more: True, by greenlet cruncher in busy: ")
    assert waiting == [
        "hub: the event loop",
        "main: running",
        "waits for the event: Event.event_wait",
        "waits for the pipe: trampoline",
        "on descriptors: waits for the pipe: trampoline",
    ]


def test_mock_clock_tests_pass_without_pytest(hub_kind: str) -> None:
    assert run("mock_clock.py", hub_kind=hub_kind).count("passed: test_") == 3


def test_custom_hub_serves_all_its_clients() -> None:
    assert run("custom_hub.py", hub_kind="epoll") == "<class '__main__.Hub'> 1225\n"


def test_task_group_takes_the_first_answer_and_saves_what_is_shielded(hub_kind: str) -> None:
    assert run("task_group.py", hub_kind=hub_kind) == "first: fast\ngave up\ndisk full: begin, commit\n"


def test_worker_queue_gives_each_result_once(hub_kind: str) -> None:
    assert run("worker_queue.py", hub_kind=hub_kind) == "100 results, the sum of which is 328350\n"


def test_pools_share_three_connections(hub_kind: str) -> None:
    lines = run("pools.py", hub_kind=hub_kind).splitlines()
    tens = "[0, 10, 20, 30, 40]"
    assert lines == [f"in order: {tens}", f"as they come: {tens}", "a pile: [0, 10, 20]", "connections made: 3"]


def test_synchronisation_wakes_who_waits(hub_kind: str) -> None:
    assert run("synchronisation.py", hub_kind=hub_kind).splitlines() == [
        "['ann', 'ben', 'cleo'] False", "bread", "TEvent is ready", "AsyncResult is ready", "42",
    ]  # fmt: skip


def test_coroutines_wait_for_greenthreads_and_the_other_way_round(hub_kind: str) -> None:
    assert run("coroutines.py", hub_kind=hub_kind) == "[0, 1, 4, 9, 16]\n[49]\n"


def test_chat_carries_lines_to_everyone_else(hub_kind: str) -> None:
    with server("chat.py", "0", hub_kind=hub_kind) as process:
        port = port_of(process)
        with connect(port) as ann, connect(port) as bob:
            ann_file, bob_file = ann.makefile(), bob.makefile()
            ann.sendall(b"ann\n")
            assert ann_file.readline() == "Your name? * here: ann\n"
            bob.sendall(b"bob\n")
            assert bob_file.readline() == "Your name? * here: ann, bob\n"
            assert ann_file.readline() == "* bob is here\n"
            ann.sendall("grüße\n".encode())
            assert bob_file.readline() == "ann: grüße\n"
            ann.shutdown(socket.SHUT_WR)
            assert bob_file.readline() == "* ann has left\n"


def test_proxy_forwards_both_ways_until_both_have_ended(hub_kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as target:
        target.settimeout(20)
        port = str(target.getsockname()[1])
        with (
            server("proxy.py", "0", "127.0.0.1", port, hub_kind=hub_kind) as process,
            connect(port_of(process)) as client,
        ):
            behind, _ = target.accept()
            with behind, client.makefile("rb") as answer:
                client.sendall(b"question")
                client.shutdown(socket.SHUT_WR)
                assert behind.makefile("rb").read() == b"question"
                behind.sendall(b"answer" * 50_000)
                behind.shutdown(socket.SHUT_WR)
                assert answer.read() == b"answer" * 50_000


def test_support_module_tells_of_files_that_change(hub_kind: str, tmp_path: Path) -> None:
    with server("support_module.py", str(tmp_path), hub_kind=hub_kind) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "watching\n"
        (tmp_path / "first").write_text("x")
        assert process.stdout.readline() == "first\n"
        (tmp_path / "first").unlink()
        assert process.stdout.readline() == "first\n"


def test_wsgi_app_answers_and_takes_uploads(hub_kind: str) -> None:
    with server("wsgi_app.py", "0", hub_kind=hub_kind) as process:
        url = f"http://127.0.0.1:{port_of(process)}"
        with urllib.request.urlopen(f"{url}/upload", b"x" * 1_000_000, timeout=20) as reply:
            assert reply.read().decode().strip() == hashlib.sha256(b"x" * 1_000_000).hexdigest()
        with urllib.request.urlopen(url, timeout=20) as reply:
            assert b"/upload" in reply.read()


def test_tls_server_shouts_and_stops_gracefully(hub_kind: str, certificate: str) -> None:
    context = ssl.create_default_context(cafile=certificate)
    with server("tls_server.py", "0", certificate, hub_kind=hub_kind) as process:
        with (
            connect(port_of(process)) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as client,
            client.makefile("rwb") as lines,
        ):
            process.terminate()
            lines.write(b"hello\n")
            lines.flush()
            assert lines.readline() == b"HELLO\n"
        assert process.stdout is not None
        assert process.stdout.readline() == "stopped\n"
        assert process.wait(20) == 0


def test_websocket_chat_tells_everybody(hub_kind: str) -> None:
    websocket = pytest.importorskip("websocket", reason="websocket-client is not installed")
    pytest.importorskip("wsproto")
    with server("websocket_chat.py", "0", hub_kind=hub_kind) as process:
        url = f"ws://127.0.0.1:{port_of(process)}/chat"
        ann = websocket.create_connection(url, timeout=20)
        assert ann.recv() == "1 here"
        bob = websocket.create_connection(url, timeout=20)
        assert [ann.recv(), bob.recv()] == ["2 here", "2 here"]
        bob.send("grüße")
        assert [ann.recv(), bob.recv()] == ["grüße", "grüße"]
        ann.close()
        bob.close()
        with pytest.raises(websocket.WebSocketBadStatusException):
            websocket.create_connection(url, timeout=20, origin="http://evil.example")


def test_events_reach_all_that_listen(hub_kind: str) -> None:
    with server("sse.py", "0", hub_kind=hub_kind) as process:
        url = f"http://127.0.0.1:{port_of(process)}/"
        with urllib.request.urlopen(url, timeout=20) as first, urllib.request.urlopen(url, timeout=20) as second:
            assert [first.readline(), second.readline()] == [b": welcome\n"] * 2
            urllib.request.urlopen(url, b"good news", timeout=20).close()
            for listener in (first, second):
                listener.readline()
                assert listener.readline() == b"data: good news\n"
