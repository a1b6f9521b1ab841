"""Patches again what is imported again.

A module that is removed from `sys.modules` and imported anew, or reloaded, would come back unpatched: the classes of a
module in Python, all of one in C. So `monkey_patch` puts a finder before the others that has those modules patched
as soon as their code has run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .._rebind import Pair, install

_saved: Mapping[tuple[str, str], Pair] = {}
_names: set[str] = set()


class _Loader:
    """Loads as another does, then patches."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        for (name, path), pair in _saved.items():
            if name == module.__name__:
                *outer, last = path.split(".")
                owner: Any = module
                for part in outer:
                    owner = getattr(owner, part)
                install(owner, last, pair.new)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


class _Finder:
    """First in `sys.meta_path`."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _names:
            return None
        for finder in sys.meta_path:
            find: Any = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec: ModuleSpec | None = find(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
                return spec
        return None


_finder: Any = _Finder()


def keep(saved: Mapping[tuple[str, str], Pair]) -> None:
    """Patch the modules that `saved` names whenever they are imported from now on."""
    global _saved
    _saved = saved
    _names.update(module for module, _ in saved)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
