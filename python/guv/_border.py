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
from types import ModuleType
from typing import Final

from .exceptions import ExtensionError, HubClosedError, InternalError

#: Error codes of `pyext/codes.go`; those down to -4095 are -errno.
PANIC: Final = -5001
CLOSED: Final = -5002
ARGUMENT: Final = -5003

_FOLDER: Final = os.path.join(os.path.dirname(__file__), "_ext")
_loaded: ModuleType | None = None


def extension() -> ModuleType:
    """The extension module, loaded at the first call in this process.

    Raises `ExtensionError` if it was not built or can not be loaded.
    """
    global _loaded
    if _loaded is None:
        _loaded = _load(_find())
    return _loaded


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
