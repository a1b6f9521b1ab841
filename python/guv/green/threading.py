"""Cooperative :mod:`threading`: the names it copied from `_thread`, and its own bookkeeping.

Its Python code runs unchanged on green locks. What is added: the stand-in for a thread that
`current_thread()` makes in a greenlet which isn't one goes away with that greenlet. Only where the interpreter leaves
the stand-ins of `_thread`'s own threads in the table until their ident is used again, the latest few of those stay.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from greenlet import getcurrent

from .._rebind import PerClass
from ..hubs.fairness import fair
from ..hubs.ident import get_ident
from . import names_of, primitives
from ._bootstrap.threading import running
from .rlock import RLock
from .sentinel import make_maintain

#: Whether the interpreter takes the stand-in of a thread that has ended out of the table.
_FORGETS = hasattr(threading, "_DeleteDummyThreadOnDel")

#: How many stand-ins of ended threads stay there otherwise. A native ident is used again, ours never.
KEPT = 8

_ended: deque[tuple[Any, ...]] = deque()


class _StandIn:
    """Removes the `_DummyThread` of a greenlet from `threading`'s table when the greenlet dies.

    It takes no lock: a finalizer must not switch.
    """

    __slots__ = ("entry", "kept")

    def __init__(self, dummy: Any) -> None:
        kind = type(dummy)
        self.entry = kind.__init__.__globals__["_active"], dummy._ident, kind
        self.kept = not _FORGETS and dummy._ident in running
        getcurrent().__dict__["thread_stand_in"] = self

    def __del__(self) -> None:
        if not self.kept:
            _forget(*self.entry)
            return
        _ended.append(self.entry)
        if len(_ended) > KEPT:
            _forget(*_ended.popleft())


def _forget(active: dict[int, Any], ident: int, kind: type) -> None:
    if isinstance(active.get(ident), kind):
        active.pop(ident, None)


def _set_ident(dummy: Any) -> None:
    dummy._ident = get_ident()
    _StandIn(dummy)


PATCHES: list[tuple[str, str, Any]] = [
    ("threading", "_CRLock", RLock),
    *primitives.THREADING,
    *(("threading", look, PerClass(fair)) for look in ("active_count", "enumerate")),
]
if _FORGETS:
    PATCHES.append(("threading", "_DeleteDummyThreadOnDel", _StandIn))
else:
    PATCHES.append(("threading", "_DummyThread._set_ident", _set_ident))

if hasattr(threading, "_maintain_shutdown_locks"):  # until 3.12
    PATCHES.append(("threading", "_maintain_shutdown_locks", PerClass(make_maintain)))

# Asked for in a forked child, where the forking greenlet is the main thread.
if hasattr(threading, "_get_main_thread_ident"):
    PATCHES.append(("threading", "_get_main_thread_ident", get_ident))

__getattr__ = names_of("threading")
