"""Cooperative :mod:`threading`: the names it copied from `_thread`, and its own bookkeeping.

Its Python code runs unchanged on green locks. What is added: the stand-in for a thread that
`current_thread()` makes in a greenlet which isn't one goes away with that greenlet.
"""

from __future__ import annotations

import threading
from typing import Any

from greenlet import getcurrent

from ..hubs.ident import get_ident
from . import names_of
from .rlock import RLock


class _StandIn:
    """Removes the `_DummyThread` of a greenlet from `threading`'s table when the greenlet dies.

    It takes no lock: a finalizer must not switch.
    """

    __slots__ = ("ident",)

    def __init__(self, dummy: Any) -> None:
        self.ident = dummy._ident
        getcurrent().__dict__["thread_stand_in"] = self

    def __del__(self) -> None:
        active: dict[int, Any] = threading._active  # type: ignore[attr-defined]
        if isinstance(active.get(self.ident), threading._DummyThread):  # type: ignore[attr-defined]
            active.pop(self.ident, None)


def _set_ident(dummy: Any) -> None:
    dummy._ident = get_ident()
    _StandIn(dummy)


PATCHES: list[tuple[str, str, Any]] = [("threading", "_CRLock", RLock)]
if hasattr(threading, "_DeleteDummyThreadOnDel"):
    PATCHES.append(("threading", "_DeleteDummyThreadOnDel", _StandIn))
else:
    PATCHES.append(("threading", "_DummyThread._set_ident", _set_ident))

__getattr__ = names_of("threading")
