"""`guv.backdoor`: consoles on a Unix socket, on both hubs."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import guv
from guv import backdoor
from guv.fileobject import FileObject
from guv.testing import wait_all_blocked

pytestmark = pytest.mark.usefixtures("hub")


class Client:
    """Somebody at a console."""

    def __init__(self, path: Path) -> None:
        self.file: Any = FileObject(guv.connect(str(path)), "r+b", 0)
        self.banner = self.until(b">>> ")

    def until(self, prompt: bytes) -> str:
        text = b""
        while not text.endswith(prompt):
            piece = self.file.read1(1000)
            if not piece:
                return text.decode() + "<end>"
            text += piece
        return text[: -len(prompt)].decode()

    def type(self, line: str, prompt: bytes = b">>> ") -> str:
        self.file.write(line.encode() + b"\n")
        return self.until(prompt)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    there = tmp_path / "console"
    with backdoor.listen(str(there)) as sock:
        serving = guv.spawn(backdoor.backdoor_server, sock, {"answer": 42})
        yield there
        serving.kill()
        wait_all_blocked()
    assert backdoor._consoles == 0


def test_console_expressionsAndBlocks_areEvaluatedInTheProgram(path: Path) -> None:
    client = Client(path)
    assert f"in process {os.getpid()}" in client.banner
    assert client.type("answer + 1") == "43\n"
    assert client.type("for n in range(2):", b"... ") == ""
    assert client.type("    print(n, 'ü')", b"... ") == ""
    assert client.type("") == "0 ü\n1 ü\n"
    assert "ZeroDivisionError" in client.type("1 / 0")
    assert "SyntaxError" in client.type("1 +")
    client.file.close()


def test_console_printsOfOthers_stayWhereTheyWere(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = Client(path), Client(path)
    assert one.type("import guv; t = guv.spawn(print, 'from the child'); t.wait()") == "from the child\n"
    print("the program's own")
    assert two.type("print('two')") == "two\n"
    assert one.type("shared = 5") == ""
    assert two.type("shared") == "5\n"
    one.file.close()
    two.file.close()
    wait_all_blocked()
    assert not isinstance(sys.stdout, backdoor._Router)
    assert capsys.readouterr().out == "the program's own\n"


def test_console_leftBeforeWhatItSpawned_leavesThatTheProgramsOutput(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = Client(path), Client(path)
    one.type("import guv; go = guv.Event(); child = guv.spawn(lambda: (go.wait(), print('late'), 5)[2])")
    one.file.close()
    wait_all_blocked()
    assert two.type("go.send(); child.wait()") == "5\n"
    two.file.close()
    assert capsys.readouterr().out == "late\n"


def test_console_waitingCall_letsTheProgramGoOn(path: Path) -> None:
    client = Client(path)
    assert client.type("from guv.event import Event; event = Event()") == ""
    client.file.write(b"event.wait()\n")
    wait_all_blocked()
    other = Client(path)
    assert other.type("event.send(7)") == ""
    assert client.until(b">>> ") == "7\n"
    client.file.close()
    other.file.close()


def test_console_killed_ends(path: Path) -> None:
    client = Client(path)
    client.type("import guv, greenlet; me = greenlet.getcurrent()")
    client.file.write(b"guv.sleep(60)\n")
    wait_all_blocked()
    other = Client(path)
    assert other.type("guv.kill(me)") == ""
    assert client.until(b">>> ").endswith("<end>")
    client.file.close()
    other.file.close()


@pytest.mark.parametrize("leave", ["exit()", "raise SystemExit(3)", ""])
def test_console_left_endsThatConnectionOnly(path: Path, leave: str) -> None:
    client = Client(path)
    if leave:
        assert client.type(leave).endswith("<end>")
    client.file.close()
    wait_all_blocked()
    again = Client(path)
    assert again.type("2") == "2\n"
    again.file.close()


def test_listen_file_isForThisUserOnlyAndReplacesALeftOver(tmp_path: Path) -> None:
    there = tmp_path / "console"
    for _ in range(2):
        sock = backdoor.listen(str(there))
        assert stat.S_IMODE(there.stat().st_mode) == 0o600
        with pytest.raises(OSError, match="in use"):
            backdoor.listen(str(there))
        sock.close()
    assert os.umask(0o22) == 0o22


def test_backdoorServer_otherSocketOrOtherUser_isRefused(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    with socket.socket() as internet, pytest.raises(ValueError, match="needs a Unix socket"):
        backdoor.backdoor_server(internet)
    monkeypatch.setattr(backdoor, "_CREDENTIALS", Foreign())
    client = Client(path)
    assert client.banner == "this console is for another user\n<end>"
    client.file.close()


class Foreign:
    """Credentials of somebody else."""

    size = 12

    def unpack(self, data: bytes) -> tuple[int, int, int]:
        return 1, os.geteuid() + 1, 1


def test_command_line_connectsTheTerminal(script: Any, tmp_path: Path) -> None:
    code = """
    import subprocess, sys
    import guv
    from guv import backdoor
    guv.monkey_patch()
    guv.spawn(backdoor.backdoor_server, backdoor.listen("console"), {"answer": 42})
    ended = subprocess.run([sys.executable, "-m", "guv.backdoor", "console"], input="answer\\nprint('out')\\n",
                           capture_output=True, text=True, timeout=20)
    print(ended.stdout.split("\\n", 1)[1], ended.stderr, ended.returncode)
    """
    assert script(code) == ">>> 42\n>>> out\n>>>   0\n"
    usage = subprocess.run([sys.executable, "-m", "guv.backdoor"], capture_output=True, text=True, timeout=20)
    assert usage.returncode == 1
    assert "usage" in usage.stderr
