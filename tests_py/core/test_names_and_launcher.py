"""Name lookups, and ``python -m guv``: each case in a process of its own, on both hubs.

Only hosts that the machine itself knows are looked up.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HUBS = ("epoll", "hub")


def run(hub: str, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GUV_HUB": hub}
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, *arguments],
        env=environment, capture_output=True, text=True, timeout=50, **options,
    )  # fmt: skip


@pytest.fixture(params=HUBS)
def hub(request: pytest.FixtureRequest) -> str:
    return str(request.param)


SAME_AS_LIBC = """
import _socket, socket
real = [_socket.getaddrinfo, _socket.gethostbyname, _socket.gethostbyname_ex, _socket.getnameinfo]
import guv
guv.monkey_patch()
def outcome(function, *arguments):
    try:
        return function(*arguments)
    except Exception as error:
        return type(error), error.args
for host in "localhost", b"localhost", "127.0.0.1", "::1", "127.1", None, "", "a" * 64, 5, "localhost\\0x":
    for port in 80, None, "80", "http", "no-such-service", 70000, -1, 3.5:
        for family in 0, socket.AF_INET, socket.AF_INET6, 99:
            for kind in 0, socket.SOCK_STREAM, 77:
                for flags in 0, socket.AI_CANONNAME:
                    case = host, port, family, kind, 0, flags
                    expected, got = outcome(real[0], *case), outcome(_socket.getaddrinfo, *case)
                    assert expected == got, (case, expected, got)
for host in "localhost", b"localhost", bytearray(b"localhost"), "127.0.0.1", "", "<broadcast>", 5, None, "a\\0b":
    assert outcome(real[1], host) == outcome(socket.gethostbyname, host), host
    assert outcome(real[2], host) == outcome(socket.gethostbyname_ex, host), host
for address in ("127.0.0.1", 80), ("::1", 80, 0, 0), ("127.0.0.1",), 5:
    for flags in 0, 1, 2, 3, "x":
        case = address, flags
        assert outcome(real[3], *case) == outcome(socket.getnameinfo, *case), case
print("same")
"""


def test_lookups_answer_and_fail_as_the_c_library(hub: str) -> None:
    done = run(hub, "-c", SAME_AS_LIBC)
    assert (done.stdout, done.stderr) == ("same\n", "")


def test_lookup_lets_others_run_and_equal_ones_get_lists_of_their_own(hub: str) -> None:
    done = run(
        hub,
        "-c",
        """
import guv
guv.monkey_patch()
import socket
order = []
def look():
    answer = socket.getaddrinfo("localhost", 80)
    order.append("answer")
    return answer
looking = [guv.spawn(look) for _ in range(100)]
guv.spawn(order.append, "other").wait()
answers = [each.wait() for each in looking]
assert order[0] == "other", order
assert len({id(answer) for answer in answers}) == 100
assert all(answer == answers[0] for answer in answers)
""",
    )
    assert done.stderr == ""


def test_killed_lookup_leaves_the_next_ones_working(hub: str) -> None:
    done = run(
        hub,
        "-c",
        """
import guv
guv.monkey_patch()
import socket
from guv.hubs import get_hub
looking = [guv.spawn(socket.getaddrinfo, "localhost", port) for port in range(1, 200)]
guv.gyield()
for each in looking[::2]:
    each.kill()
assert [len(each.wait()) > 0 for each in looking[1::2]] == [True] * 99
hub = get_hub()
while hub.jobs or hub.lookups:                 # a call that had begun ends by itself
    guv.sleep(0.001)
assert socket.gethostbyname("localhost") == "127.0.0.1"
""",
    )
    assert done.stderr == ""


def test_no_greendns_leaves_lookups_as_they_are(hub: str) -> None:
    done = run(
        hub,
        "-c",
        """
import os
os.environ["GUV_NO_GREENDNS"] = "1"
import _socket
before = _socket.getaddrinfo.__class__
import guv
guv.monkey_patch()
assert _socket.getaddrinfo.__class__ is before, _socket.getaddrinfo
""",
    )
    assert done.stderr == ""


PROGRAM = """
import sys, time
from guv.patcher import is_monkey_patched
assert __import__("__main__").__dict__ is globals()
print(__name__, sys.argv[1:], is_monkey_patched("time"), flush=True)
def fail():
    raise ValueError("it is the program's")
if sys.argv[1] == "exit":
    sys.exit(3)
if sys.argv[1] == "sleep":
    time.sleep(40)
fail()
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def test_launcher_gives_the_program_its_arguments_and_status(hub: str, program: Path) -> None:
    done = run(hub, "-m", "guv", str(program), "exit", "-x")
    assert (done.stdout, done.returncode) == ("__main__ ['exit', '-x'] True\n", 3)


def test_launcher_traceback_begins_in_the_program(hub: str, program: Path) -> None:
    done = run(hub, "-m", "guv", str(program), "fail")
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert lines[1].startswith(f'  File "{program}"')
    assert lines[-1] == "ValueError: it is the program's"


def test_launcher_runs_modules_and_code_as_python_does(hub: str, program: Path) -> None:
    as_module = run(hub, "-m", "guv", "-m", "program", "exit", cwd=program.parent)
    assert (as_module.stdout, as_module.returncode) == ("__main__ ['exit'] True\n", 3)
    as_code = run(hub, "-m", "guv", "-c", "import sys; print(sys.argv, __name__)", "a")
    assert as_code.stdout == "['-c', 'a'] __main__\n"


def test_launcher_without_program_says_how_to_use_it() -> None:
    done = run("epoll", "-m", "guv")
    assert done.returncode == 2
    assert "usage: python -m guv" in done.stderr


def test_launcher_interrupt_ends_the_program_by_sigint(hub: str, program: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "guv", str(program), "sleep"],
        env={**os.environ, "GUV_HUB": hub}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        running.stdout.readline()
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=30)
    assert running.returncode == -signal.SIGINT
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
