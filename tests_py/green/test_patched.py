"""The checks in `patched/`: ordinary tests of the standard library's blocking calls.

They are run under the patch, on every hub, and once more without it, on real threads: so what they expect is what the
standard library does. One marked `only_patched` expects more than that. They are named so that pytest does not collect
them by itself: this process is not patched.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent / "patched"
ROOT = HERE.parent.parent.parent

#: In a process of its own: signals that main blocks would go to whatever native thread the other checks have left.
SIGNALS = [str(HERE / "check_signal.py"), str(HERE / "check_signal_masks.py")]

pytestmark = pytest.mark.timeout(190)


def run_checks(launcher: list[str], env: dict[str, str], what: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-X", "dev", *launcher, "-m", "pytest", "-q", "-p", "no:cacheprovider",
         "-p", "no:hypothesispytest", "--timeout=20", "-o", "python_files=check_*.py", "--rootdir", str(ROOT),
         "-c", str(ROOT / "pyproject.toml"), *what],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout


WHAT = pytest.mark.parametrize(
    "what", [[str(HERE), *(f"--ignore={path}" for path in SIGNALS)], SIGNALS], ids=["all", "signals"]
)


@WHAT
def test_patched_stdlib_does_what_the_checks_expect(environment: dict[str, str], what: list[str]) -> None:
    run_checks(["-m", "guv"], environment, what)


@WHAT
def test_plain_stdlib_does_what_the_checks_expect(what: list[str]) -> None:
    run_checks([], dict(os.environ), what)
