"""ctypes: an exception that is raised in a thread from outside reaches threads that are greenlets.

Time limits that need no signal (those of dramatiq, rq, stopit, func_timeout) and threads that can be stopped call
`PyThreadState_SetAsyncExc` with the identifier of a thread. The interpreter knows its own threads only; the function
that stands at `ctypes.pythonapi` under guv knows the greenlets, too. The exception is raised where the greenlet waits,
in the next turn of its hub: at once, where a thread would finish its wait first. Never yields.

Differs: a greenlet that computes has it raised when it next waits, unless it has called itself.
"""

from __future__ import annotations

import ctypes
import gc
from typing import Any

from greenlet import getcurrent, greenlet

from .._originals import get_ident as native_ident
from ..green._bootstrap.threading import running
from ..greenthread import throw
from ..hubs.abc import AbstractHub
from ..hubs.current import all_hubs
from ..hubs.ident import get_ident

_pending: dict[int, Any] = {}  # by identifier: what is going to be raised there


def patch() -> None:
    """Let ``ctypes.pythonapi.PyThreadState_SetAsyncExc`` know greenlets."""
    native: Any = ctypes.pythonapi.PyThreadState_SetAsyncExc
    if not isinstance(native, SetAsyncExc):
        ctypes.pythonapi.PyThreadState_SetAsyncExc = SetAsyncExc(native)  # type: ignore[attr-defined]


class SetAsyncExc:
    """In the place of the foreign function, whose attributes (``argtypes``, ``restype``) it has."""

    def __init__(self, native: Any) -> None:
        vars(self)["_native"] = native

    def __getattr__(self, name: str) -> Any:
        return getattr(self._native, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._native, name, value)

    def __call__(self, ident: Any, error: Any) -> int:
        """Have `error` raised in the thread `ident`. Returns how many threads have that identifier: 1 or 0.

        None or an empty ``py_object`` takes back what has not been raised yet.
        """
        number = getattr(ident, "value", ident)
        target = _find(number)
        if target is None:
            return int(self._native(ident, error))
        if target is getcurrent():
            return int(self._native(ctypes.c_ulong(native_ident()), error))
        kind = _content(error)
        if kind is None:
            _pending.pop(number, None)
            return 1
        _pending[number] = kind
        _home(target).call_soon_threadsafe(_raise, number, target)
        return 1


def _content(error: Any) -> Any:
    """What the argument `error` of a foreign function stands for; None for a null pointer."""
    if isinstance(error, ctypes.py_object):
        try:
            return error.value
        except ValueError:
            return None
    return error


def _raise(ident: int, target: greenlet) -> None:
    """In the hub of `target`."""
    if target.dead:
        _pending.pop(ident, None)
    elif not target:  # a thread that begins in this turn
        _home(target).calls.append(lambda: _raise(ident, target))
    elif ident in _pending:
        throw(target, _pending.pop(ident))


def _find(ident: int) -> greenlet | None:
    """The greenlet with the identifier `ident`, if it is one of guv's."""
    if ident == get_ident():
        return getcurrent()
    for hub in all_hubs():
        if ident == hub.thread:
            return hub.main
    if ident in running:
        return running[ident]
    for each in gc.get_objects():  # no thread: nobody keeps a table of these
        if isinstance(each, greenlet) and getattr(each, "thread_ident", None) == ident and _is_ours(each):
            return each
    return None


def _is_ours(each: greenlet) -> bool:
    return not isinstance(each, AbstractHub) and each.parent is not None and not each.dead


def _home(target: greenlet) -> AbstractHub:
    """The hub that `target`, a greenlet of guv's, belongs to."""
    above: greenlet | None = target
    while above is not None:
        if isinstance(above, AbstractHub):
            return above
        if above.parent is None:
            break
        above = above.parent
    return next(hub for hub in all_hubs() if hub.main is above)
