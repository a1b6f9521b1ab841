"""Keep finished extension modules by the content they were made from, so that a second install takes seconds.

The folder is ``$GUV_BUILD_CACHE``, else ``$XDG_CACHE_HOME/guv``, else ``~/.cache/guv``; an empty ``GUV_BUILD_CACHE``
turns the cache off. A folder that cannot be written is no error: the build then just takes its time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

#: Entries kept; the ones used longest ago go first. One entry is 2 to 3 MB.
KEEP = 24

_SOURCE_FOLDERS = ("pyext", "hub", "trampoline")
_SOURCE_SUFFIXES = frozenset({".go", ".c", ".h", ".s"})


def cache_folder() -> Path | None:
    """Return the folder for finished modules, or None if ``GUV_BUILD_CACHE`` is set to nothing."""
    chosen = os.environ.get("GUV_BUILD_CACHE")
    if chosen is not None:
        return Path(chosen) if chosen else None
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base) / "guv" if base else Path(os.path.expanduser("~"), ".cache", "guv")


def source_files(root: Path) -> Iterator[Path]:
    """Yield every file that the extension is made from: non-test Go and C sources, go.mod, go.sum, and this package."""
    yield root / "go.mod"
    yield root / "go.sum"
    for name in _SOURCE_FOLDERS:
        for path in sorted((root / name).rglob("*")):
            if path.suffix in _SOURCE_SUFFIXES and not path.name.endswith("_test.go"):
                yield path
    yield from sorted(Path(__file__).parent.glob("*.py"))


def digest(root: Path, facts: Iterable[str]) -> str:
    """Return the key of the module made from the sources under `root` with `facts` (versions, flags, platform)."""
    state = hashlib.sha256()
    for fact in facts:
        state.update(f"{len(fact)}:{fact};".encode())
    for path in source_files(root):
        # Relative names only: the same sources in another folder, such as pip's copy, give the same key.
        name = path.relative_to(root) if path.is_relative_to(root) else Path("guv_build", path.name)
        content = path.read_bytes()
        state.update(f"{name}:{len(content)};".encode())
        state.update(content)
    return state.hexdigest()


def lookup(key: str) -> Path | None:
    """Return the cached module for `key`, marked as just used, or None."""
    folder = cache_folder()
    if folder is None:
        return None
    entry = folder / f"{key}.so"
    if not entry.is_file():
        return None
    with contextlib.suppress(OSError):
        os.utime(entry)
    return entry


def store(key: str, module: Path) -> None:
    """Keep a copy of `module` under `key` and drop the entries used longest ago."""
    folder = cache_folder()
    if folder is None:
        return
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        place_atomically(module, folder / f"{key}.so")
        entries = sorted(folder.glob("*.so"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in entries[KEEP:]:
            old.unlink(missing_ok=True)


def place_atomically(source: Path, target: Path) -> None:
    """Copy `source` to `target` so that nobody ever sees half a file.

    Also never writes into an existing inode: a process that has the old module mapped keeps its old bytes.
    """
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    try:
        shutil.copyfile(source, name)
        os.chmod(name, 0o755)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
