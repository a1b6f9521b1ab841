"""`monkey_patch`: make the standard library cooperative, whenever it is called."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from .. import support
from .._rebind import rebind
from ._plan import GROUPS, OFF_BY_DEFAULT

_patched: dict[str, list[str]] = {}  # group -> what was replaced, "module.path"
_saved: dict[tuple[str, str], Any] = {}  # (module, path) -> what was there before


def monkey_patch(**modules: bool) -> None:
    """Make the blocking calls of the standard library yield to other greenlets.

    Without arguments everything is patched. Keywords pick groups: ``socket=True`` patches that
    one alone, ``socket=False`` all others; ``all=`` sets the default. May be called at any time,
    also after the modules were imported and their functions copied by ``from x import y``, and again.
    The libraries of `guv.support` are keywords, too: their support is applied when they are imported.

    Raises TypeError for a keyword that is no group.
    """
    everything = modules.pop("all", True not in modules.values())
    unknown = sorted(set(modules) - set(GROUPS) - set(support.SUPPORTED))
    if unknown:
        known = ", ".join(sorted({*GROUPS, *support.SUPPORTED}))
        raise TypeError(f"monkey_patch() can't patch {', '.join(unknown)}; it knows {known}")
    for group in GROUPS:
        wanted = modules.get(group, everything and group not in OFF_BY_DEFAULT)
        if wanted and group not in _patched:
            _patch_group(group)
    for library in support.SUPPORTED:
        if modules.get(library, everything):
            support.activate(library)
    if everything:
        support.activate_plugins()


def is_monkey_patched(module: str | ModuleType) -> bool:
    """Whether something in `module` (a name or the module; or a keyword of `monkey_patch`) was replaced."""
    name = module if isinstance(module, str) else module.__name__
    return name in _patched or any(where == name for where, _ in _saved)


def _patch_group(group: str) -> None:
    _patched[group] = []
    greens = [importlib.import_module(name) for name in GROUPS[group]]
    for green in greens:
        before = getattr(green, "before_patch", None)
        if before is not None:
            before()
    replaced: dict[int, tuple[Any, Any]] = {}
    for green in greens:
        for module, path, new in green.PATCHES:
            owner: Any = importlib.import_module(module)
            *outer, last = path.split(".")
            for part in outer:
                owner = getattr(owner, part)
            old = vars(owner).get(last, getattr(owner, last, None))
            if old is new:
                continue
            _saved[module, path] = old
            setattr(owner, last, new)
            _patched[group].append(f"{module}.{path}")
            if not outer and old is not None:
                replaced[id(old)] = old, new
    rebind(replaced)
    for green in greens:
        after = getattr(green, "after_patch", None)
        if after is not None:
            after()
