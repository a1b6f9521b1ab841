"""Modules of the standard library by gevent's names, ``guv.socket`` and the like: the patched one if it is patched."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from .. import green as greens
from . import is_monkey_patched


def names_of(module: str) -> Callable[[str], Any]:
    """A module's `__getattr__`: what the standard `module` has if it is patched, else the cooperative counterpart.

    Asked each time, so that a program which patches and one which does not see one set of classes each.
    """

    def get(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module 'guv.{module}' has no attribute {name!r}")
        if is_monkey_patched(module):
            return getattr(importlib.import_module(module), name)
        # that of sockets defines methods under the names of functions
        return getattr(
            greens.world(module) if module == "socket" else importlib.import_module(f"guv.green.{module}"), name
        )

    return get
