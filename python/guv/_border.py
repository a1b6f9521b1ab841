"""The only door to the compiled extension.

The extension is loaded with the first hub of a process, never by ``import guv``: a Go runtime costs
threads and memory, and it does not survive `fork`. Its functions take and return ints; a negative
result is an error, which `check` turns into an exception.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
from array import array
from fcntl import F_ADD_SEALS, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE
from types import ModuleType
from typing import Final, cast

from ._originals import fcntl, os_close, sendfile, thread_count
from ._surface import Extension
from .exceptions import ExtensionError, HubClosedError, InternalError

#: Error codes of `pyext/codes.go`; those down to -4095 are -errno.
PANIC: Final = -5001
CLOSED: Final = -5002
ARGUMENT: Final = -5003

_FOLDER: Final = os.path.join(os.path.dirname(__file__), "_ext")
_loaded: ModuleType | None = None
_inherited: list[ModuleType] = []  # of the parent, and its parent: never used again, never freed
_alone = False  # before it was loaded, all threads were Python's


def extension() -> Extension:
    """The extension module, loaded at the first call in this process.

    Raises `ExtensionError` if it was not built or can not be loaded.
    """
    global _loaded
    if _loaded is None:
        _loaded = _load_privately() if _inherited else _load(_find())
    return cast(Extension, _loaded)


def after_fork() -> None:
    """In a forked child: the runtime that was loaded does not work here."""
    global _loaded
    if _loaded is not None:
        _inherited.append(_loaded)
        _loaded = None


def threads_are_only_go() -> bool:
    """Whether every thread that is not Python's own belongs to the extension, as far as one can
    tell: there was no foreign one when it was loaded."""
    return _loaded is not None and _alone


def _load_privately() -> ModuleType:
    """Load a copy that has nothing in common with the one that was inherited.

    The copy is a file in memory; a temporary file where such files may not be executed. Its path
    names this process, because both Python and the dynamic linker know libraries by path.
    """
    with open(_find(), "rb") as source:
        try:
            fd = memory_file(source.fileno())
        except OSError:
            fd = -1
        if fd >= 0:
            try:
                return _load(f"/proc/{os.getpid()}/fd/{fd}")
            except ExtensionError:
                pass
            finally:
                os_close(fd)
        import tempfile  # seldom needed, and it brings much with it

        with tempfile.NamedTemporaryFile(prefix="guv-", suffix=".so") as copy:
            copy.write(source.read())
            copy.flush()
            return _load(copy.name)


def memory_file(source: int) -> int:
    """A sealed file in memory with what the file `source` holds."""
    fd = os.memfd_create("guv", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        size = os.fstat(source).st_size
        offset = 0
        while offset < size:
            offset += sendfile(fd, source, offset, size - offset)
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
    except BaseException:
        os_close(fd)
        raise
    return fd


def _find() -> str:
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = os.path.join(_FOLDER, "_pyext" + suffix)
        if os.path.exists(path):
            return path
    raise ExtensionError(
        f"guv's compiled extension is missing from {_FOLDER}: install guv with pip, run `make ext` "
        f"in a checkout, or choose the hub that needs none by GUV_HUB=epoll"
    )


def _load(path: str) -> ModuleType:
    global _alone
    _alone = len(os.listdir("/proc/self/task")) <= 1 + thread_count()
    loader = importlib.machinery.ExtensionFileLoader("_pyext", path)
    spec = importlib.util.spec_from_file_location("_pyext", path, loader=loader)
    assert spec is not None
    try:
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
    except ImportError as error:
        raise ExtensionError(
            f"guv's compiled extension can't be loaded ({error}): install guv anew for this "
            f"Python, or choose the hub that needs none by GUV_HUB=epoll"
        ) from error
    return module


def check(result: int) -> int:
    """`result` of an exported function, or the exception that it stands for."""
    if result >= 0:
        return result
    if result >= -4095:
        raise OSError(-result, os.strerror(-result))
    if result == CLOSED:
        raise HubClosedError("the hub is closed: its thread ended, or use_hub() replaced it")
    if result == PANIC:
        raise InternalError(f"the event loop failed: {last_error()}; please report this")
    raise InternalError(f"the event loop refused an argument ({result}); please report this")


def last_error() -> str:
    """The text of the last panic in Go."""
    text = array("B", bytes(4096))
    address, capacity = text.buffer_info()
    length = extension().pyext_LastError(address, capacity)
    return text[:length].tobytes().decode(errors="replace")
