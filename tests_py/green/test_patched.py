"""The files in `patched/`: ordinary tests of the standard library's blocking calls, one process each.

Each is run under the patch, on every hub, and once more without it, on real threads: so what they expect is what the
standard library does. A test marked `only_patched` expects more than that.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent / "patched"
ROOT = HERE.parent.parent.parent
FILES = sorted(path.stem for path in HERE.glob("check_*.py"))


def run_pytest(launcher: list[str], name: str, env: dict[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-X", "dev", *launcher, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest",
         "--timeout=20",
         "-o", "python_files=check_*.py", "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml"),
         str(HERE / f"{name}.py")],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=58,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("name", FILES)
def test_patched_stdlib_does_what_its_tests_expect(name: str, environment: dict[str, str]) -> None:
    run_pytest(["-m", "guv"], name, environment)


@pytest.mark.parametrize("name", FILES)
def test_plain_stdlib_does_what_its_tests_expect(name: str) -> None:
    run_pytest([], name, dict(os.environ))
