"""Exchanging entries of `sys.modules` for a while."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import ModuleType, TracebackType
from typing import Any


class SysModulesSaver:
    """Remembers entries of `sys.modules`; `restore` puts them back. A context manager, too."""

    def __init__(self, module_names: Iterable[str] = ()) -> None:
        self._saved: dict[str, ModuleType | None] = {}
        self.save(*module_names)

    def save(self, *module_names: str) -> None:
        """Remember what stands under these names now."""
        for name in module_names:
            self._saved.setdefault(name, sys.modules.get(name))

    def put(self, modules: Mapping[str, ModuleType]) -> None:
        """Let these stand there until `restore`."""
        self.save(*modules)
        sys.modules.update(modules)

    def restore(self) -> None:
        """Undo it."""
        for name, module in self._saved.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module

    def __enter__(self) -> SysModulesSaver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.restore()


def copy_attributes(
    source: ModuleType | Mapping[str, Any],
    destination: dict[str, Any],
    ignore: Iterable[str] = (),
    srckeys: Iterable[str] | None = None,
) -> None:
    """Copy names of a module, the public ones if `srckeys` names none, except those in `ignore`."""
    names = vars(source) if isinstance(source, ModuleType) else source
    if srckeys is None:
        srckeys = [name for name in names if not name.startswith("__")]
    left_out = set(ignore)
    destination.update({name: names[name] for name in srckeys if name not in left_out})
