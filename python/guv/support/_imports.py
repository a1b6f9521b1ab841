"""Calls back when a module has been imported, without importing it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Callback = Callable[[], object]

_waiting: dict[str, list[Callback]] = {}
_for_any: list[Callback] = []  # wait for the first module that is not of the standard library


class _Finder:
    """First in `sys.meta_path`: lets the others find a module, and has itself told when that has run."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if _for_any and "." not in name and name not in sys.stdlib_module_names and name != "guv":
            callbacks = _for_any[:]
            _for_any.clear()  # first: what they import comes here again
            for callback in callbacks:
                callback()
        if name not in _waiting:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                _notify_after(spec)
                return spec
        return None


_finder: Any = _Finder()


def when_imported(name: str | None, callback: Callback) -> None:
    """Call `callback` once the module `name` has been imported; at once if it has been.

    None stands for any module that is not of the standard library; then the call comes before its import.
    """
    if name is None:
        _for_any.append(callback)
    elif is_complete(sys.modules.get(name)):
        callback()
        return
    else:
        _waiting.setdefault(name, []).append(callback)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def is_complete(module: ModuleType | None) -> bool:
    """Whether a module's code has run to its end."""
    return module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False)


def _notify_after(spec: ModuleSpec) -> None:
    """Have the callbacks of the module called as soon as its code has run."""
    loader: Any = spec.loader
    run = loader.exec_module
    name = spec.name

    def exec_module(module: ModuleType) -> None:
        run(module)
        if module.__name__ != name:
            return  # a loader that serves several modules
        loader.exec_module = run
        for callback in _waiting.pop(name, ()):
            callback()

    loader.exec_module = exec_module
