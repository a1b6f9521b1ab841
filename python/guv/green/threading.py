"""Cooperative :mod:`threading`: the names it copied from `_thread`, and its own bookkeeping.

Its Python code runs unchanged on green locks. What is added: the stand-in for a thread that
`current_thread()` makes in a greenlet which isn't one goes away with that greenlet.
"""

from __future__ import annotations

import threading
from typing import Any

from greenlet import getcurrent

from ..hubs.ident import get_ident
from .rlock import RLock


class _StandIn:
    """Removes the `_DummyThread` of a greenlet from `threading`'s table when the greenlet dies."""

    __slots__ = ("ident",)

    def __init__(self, ident: int) -> None:
        self.ident = ident

    def __del__(self) -> None:
        active: dict[int, Any] = threading._active  # type: ignore[attr-defined]
        if isinstance(active.get(self.ident), threading._DummyThread):  # type: ignore[attr-defined]
            active.pop(self.ident, None)


def _set_ident(dummy: Any) -> None:
    dummy._ident = ident = get_ident()
    getcurrent().__dict__["thread_stand_in"] = _StandIn(ident)


PATCHES: list[tuple[str, str, Any]] = [("threading", "_CRLock", RLock)]
if not hasattr(threading, "_DeleteDummyThreadOnDel"):
    PATCHES.append(("threading", "_DummyThread._set_ident", _set_ident))
