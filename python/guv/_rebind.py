"""Replacing objects where modules hold them by ``from x import y``."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


def rebind(replaced: dict[int, tuple[Any, Any]]) -> None:
    """Let every module that holds an old object as a global have the new one; guv's own modules keep theirs.

    So does `posix`, which no program imports for anything but the bare calls.

    `replaced` maps the `id` of each old object to the pair (old, new).
    """
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ("guv", "posix") or not isinstance(module, ModuleType):
            continue
        for key, value in list(vars(module).items()):
            found = replaced.get(id(value))
            if found is not None and found[0] is value:
                setattr(module, key, found[1])
