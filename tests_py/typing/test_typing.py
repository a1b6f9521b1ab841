"""What mypy says of programs that use guv: `spawning.py` has a line for each promise, wrong calls included."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import guv

HERE = Path(__file__).parent
SOURCE = Path(guv.__file__).parent.parent


def test_programs_typeCheckAsPromised(tmp_path: Path) -> None:
    ended = subprocess.run(
        [
            sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-error-summary",
            "--config-file=", f"--cache-dir={tmp_path}", str(HERE / "spawning.py"),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        # an installed guv mypy finds by itself, and won't have named again
        env={"MYPYPATH": "" if SOURCE.name == "site-packages" else str(SOURCE), "PATH": ""},
        timeout=55,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_theTypesAreShipped() -> None:
    assert (SOURCE / "guv" / "py.typed").exists()
