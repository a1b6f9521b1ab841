"""What is compared: the machine, the libraries' versions, and another version of guv."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def installed(names: Iterable[str]) -> str:
    """The versions of those that are packages, or are called after one ("gevent.pywsgi", "gunicorn gthread")."""
    found = []
    for library in dict.fromkeys(re.split("[. ]", name)[0] for name in names):
        try:
            found.append(f"{library} {importlib.metadata.version(library)}")
        except importlib.metadata.PackageNotFoundError:
            pass
    return ", ".join(found)


def machine() -> str:
    """Interpreter, kernel and processor."""
    model = ""
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return (
        f"CPython {platform.python_version()}, Linux {platform.release().partition('-')[0]}, "
        f"{os.cpu_count()} CPUs ({model or platform.machine()}), load average {os.getloadavg()[0]:.1f} at the start"
    )


@contextmanager
def tree(ref: str) -> Iterator[str]:
    """The commit `ref` of this repository in a folder of its own, with its extension built."""
    folder = ROOT / "build" / "bench-reference"
    git = ["git", "-C", str(ROOT), "worktree"]
    if folder.exists():
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)
    subprocess.run([*git, "add", "--quiet", "--force", "--detach", str(folder), ref], check=True)
    try:
        environment = {**os.environ, "PYTHONPATH": str(folder / "tools")}
        subprocess.run([sys.executable, "-m", "guv_build"], cwd=folder, env=environment, check=True)
        subprocess.run([sys.executable, "-m", "compileall", "-q", "python/guv"], cwd=folder, check=True)
        yield str(folder)
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)
