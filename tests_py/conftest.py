"""What all tests share: which hub they run on, and programs in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

import guv
import guv.hubs
from guv.hubs.abc import AbstractHub

# A shell starts what it puts into the background with SIGINT ignored, and programs inherit that: give ours the default.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

PACKAGE = Path(__file__).resolve().parent.parent / "python"
EXTENSIONS = Path(guv.__file__).parent / "_ext"  # of the package that is tested, which may be an installed one

Script = Callable[..., str]


def _hubs() -> list[str]:
    """Every kind of hub that can run here; the Go hub only where the extension is built."""
    found = ["epoll"]
    tag = f"cpython-{sys.version_info[0]}{sys.version_info[1]}-"
    if EXTENSIONS.is_dir() and any(tag in path.name for path in EXTENSIONS.iterdir()):
        found.append("hub")
    return found


@pytest.fixture(params=_hubs())
def hub_kind(request: pytest.FixtureRequest) -> str:
    """The name of a hub, for the environment variable GUV_HUB."""
    return str(request.param)


@pytest.fixture
def environment(hub_kind: str) -> dict[str, str]:
    """The environment of a program that uses the guv that is tested, on the hub of the test."""
    return {**os.environ, "GUV_HUB": hub_kind, "PYTHONPATH": _path()}


@pytest.fixture
def hub(hub_kind: str) -> AbstractHub:
    """A hub of each kind in this process; nothing is patched. The plugin `guv.testing` ends what the test leaves."""
    guv.hubs.use_hub(hub_kind)
    return guv.hubs.get_hub()


@pytest.fixture
def certificate() -> str:
    """A PEM file with a key and its certificate, signed by itself, for localhost, 127.0.0.1, ::1 and other.test.

    Made for these tests by ``openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 36500``.
    """
    return str(Path(__file__).parent / "data" / "localhost.pem")


@pytest.fixture
def script(environment: dict[str, str], tmp_path: Path) -> Script:
    """Run a program in a fresh interpreter, on the hub of the test, and return what it printed.

    It is run with ``-X dev -W error`` and must print nothing to stderr, unless `stderr` is given
    (a text that must be in it), and end with `status` before `deadline` seconds are over.
    """

    def run(
        code: str,
        *args: str,
        status: int = 0,
        stderr: str = "",
        deadline: float = 30,
        stdin: str | None = None,
    ) -> str:
        path = tmp_path / "program.py"
        path.write_text(textwrap.dedent(code))
        ended = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", str(path), *args],
            capture_output=True,
            text=True,
            input=stdin,
            timeout=deadline,
            cwd=tmp_path,
            env=environment,
        )
        told = f"status {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        assert ended.returncode == status, told
        assert stderr in ended.stderr if stderr else not ended.stderr, told
        return ended.stdout

    return run


def _path() -> str:
    """The source tree first, unless the package that is tested is an installed one."""
    if PACKAGE in Path(guv.__file__).parents:
        return os.pathsep.join(filter(None, (str(PACKAGE), os.environ.get("PYTHONPATH"))))
    return os.environ.get("PYTHONPATH", "")
