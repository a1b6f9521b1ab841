"""Name source files over 500 lines, and fail if one is over 800: a file that long has more than one subject."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NOTICE = 500
LIMIT = 800
SUFFIXES = {".py", ".go", ".pyi", ".c", ".h", ".sh"}


def main() -> int:
    """Check every file that git knows or would add; return the exit status."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], capture_output=True, text=True, check=True
    )
    status = 0
    for name in listed.stdout.splitlines():
        path = Path(name)
        if path.suffix not in SUFFIXES or not path.is_file():
            continue
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LIMIT:
            print(f"{name}: {lines} lines, over the limit of {LIMIT}: split it by subject")
            status = 1
        elif lines > NOTICE:
            print(f"{name}: {lines} lines, over {NOTICE}: does it say why?")
    return status


if __name__ == "__main__":
    sys.exit(main())
