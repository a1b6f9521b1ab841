"""Each example runs, as its docstring says, and is short enough to be read."""

from __future__ import annotations

import ast
import os
import socket
import subprocess
import sys
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
        "waits for the event: lock.acquire",
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


def test_chat_carries_lines_to_everyone_else(hub_kind: str) -> None:
    with server("chat.py", "0", hub_kind=hub_kind) as process:
        port = port_of(process)
        with connect(port) as ann, connect(port) as bob:
            ann_file, bob_file = ann.makefile(), bob.makefile()
            ann.sendall(b"ann\n")
            assert ann.recv(11) == b"Your name? "
            bob.sendall(b"bob\n")
            assert ann_file.readline() == "* bob is here\n"
            ann.sendall("grüße\n".encode())
            assert bob_file.readline() == "Your name? ann: grüße\n"
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
