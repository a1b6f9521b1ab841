"""Replacing functions where modules have them as globals; quickly, and so that it can be undone."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


def replace_in_modules(pairs: list[tuple[Any, Any]], guvs: bool) -> None:
    """Put the new object of each pair where a module has the old one as a global, in guv's own only if `guvs`.

    Takes some milliseconds. `guv._rebind` finds more, closures for instance, and takes longer.
    """
    found = {id(pair[0]): pair for pair in pairs}
    for name, module in list(sys.modules.items()):
        if not isinstance(module, ModuleType) or name.startswith("_guv_private."):
            continue
        if name.startswith("guv.") and not guvs:
            continue
        for key, value in list(vars(module).items()):
            pair = found.get(id(value))
            if pair is not None and pair[0] is value:
                setattr(module, key, pair[1])
