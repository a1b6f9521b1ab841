"""Cooperative counterparts of the standard library's blocking modules, one file each.

Each can be used as it is, in a program that is not patched: ``from guv.green import socket, threading``. What a
module here does not define it takes from a private copy of the standard one that is built on its neighbours here;
other modules of the standard library (``from guv.green import queue, http``) are such copies altogether.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

#: Gives the private copy of a module; `guv.patcher`, which stands above, sets it.
world: Callable[[str], ModuleType] = importlib.import_module

_HERE = Path(__file__).parent


def names_of(module: str) -> Callable[[str], Any]:
    """A module's `__getattr__`: takes what is missing from the private copy of `module`."""

    def get(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module 'guv.green.{module}' has no attribute {name!r}")
        return getattr(world(module), name)

    return get


def __getattr__(name: str) -> Any:
    if name in sys.stdlib_module_names and not (_HERE / f"{name}.py").exists():
        return world(name)
    raise AttributeError(f"module 'guv.green' has no attribute {name!r}")
