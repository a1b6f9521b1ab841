"""Cooperative counterparts of the standard library's blocking modules, one file each.

Each can be used as it is, in a program that is not patched: ``from guv.green import socket, threading``. What a
module here does not define it takes from a private copy of the standard one that is built on its neighbours here;
other modules of the standard library (``from guv.green import queue``, ``from guv.green.http.client import ...``) are
such copies altogether.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
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


def _is_copied(name: str) -> bool:
    return name in sys.stdlib_module_names and not (_HERE / f"{name}.py").exists()


def __getattr__(name: str) -> Any:
    if _is_copied(name):
        return world(name)
    raise AttributeError(f"module 'guv.green' has no attribute {name!r}")


class _Finder:
    """Finds ``guv.green.http.client`` and the like: modules that stand for private copies."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        package, _, module = name.partition(f"{__name__}.")
        if package or not _is_copied(module.partition(".")[0]):
            return None
        return ModuleSpec(name, _Finder, is_package=True)  # type: ignore[arg-type]

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType:
        copy = world(spec.name.removeprefix(f"{__name__}."))
        made = ModuleType(spec.name, copy.__doc__)

        def get(name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(f"module {spec.name!r} has no attribute {name!r}")
            return getattr(copy, name)

        vars(made)["__getattr__"] = get
        if hasattr(copy, "__all__"):
            vars(made)["__all__"] = copy.__all__
        return made

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Nothing is left to run."""


sys.meta_path.append(_Finder)  # type: ignore[arg-type]
