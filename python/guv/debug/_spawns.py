"""Who spawned whom, and where: `track_spawns`, `spawn_tree`.

Spawning is hot, so nothing is recorded before `track_spawns` replaces what makes greenlets by what records as well.
"""

from __future__ import annotations

import sys
import traceback
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from greenlet import getcurrent, greenlet

from .. import greenthread
from ._modules import replace_in_modules
from ._stacks import name_of, stack_of


@dataclass(frozen=True)
class Spawn:
    """A greenlet in the tree of those who spawned each other."""

    #: None for a spawner that has ended and is gone.
    greenlet: greenlet | None
    name: str
    #: Where it was spawned, outermost call first; empty if that was not recorded.
    stack: tuple[traceback.FrameSummary, ...]
    children: list[Spawn] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(self._lines(""))

    def _lines(self, indent: str) -> Iterator[str]:
        where = ""
        if self.stack:
            last = self.stack[-1]
            where = f", spawned at {last.filename}:{last.lineno} in {last.name}"
        yield f"{indent}{self.name}{where}"
        for child in self.children:
            yield from child._lines(indent + "    ")


class _Origin:
    """What is kept of a spawn; a greenthread has it, too, for `GreenThread.spawning_stack`."""

    __slots__ = ("spawner", "stack")

    def __init__(self, stack: tuple[traceback.FrameSummary, ...]) -> None:
        self.spawner = weakref.ref(getcurrent())
        self.stack = stack


_origins: weakref.WeakKeyDictionary[greenlet, _Origin] = weakref.WeakKeyDictionary()
_undo: list[Callable[[], object]] = []


def _record(g: greenlet, depth: int = 2) -> None:
    frame: Any = sys._getframe(depth)
    while frame is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] in ("guv", "threading"):
        frame = frame.f_back
    _origins[g] = g.__dict__["_origin"] = _Origin(stack_of(frame))


def track_spawns(state: bool = True) -> None:
    """Note for each greenlet spawned from now on, in any thread, by whom and where; or stop doing so.

    Green threads of `threading` are greenlets as well. ``GUV_TRACK_SPAWNS=1`` in the environment turns it on when guv
    is imported. Costs some ten microseconds a spawn.
    """
    if state and not _undo:
        _record_greenthreads()
        _record_bare()
        _record_threads()
    elif not state:
        while _undo:
            _undo.pop()()
        _origins.clear()


def _record_greenthreads() -> None:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        greenlet.__init__(self, *args, **kwargs)
        _record(self)

    cls: Any = greenthread.GreenThread
    cls.__init__ = __init__
    _undo.append(lambda: delattr(cls, "__init__"))


def _record_bare() -> None:
    spawn_n = greenthread.spawn_n

    def recording(func: Callable[..., object], *args: Any, **kwargs: Any) -> greenlet:
        started = spawn_n(func, *args, **kwargs)
        _record(started)
        return started

    replace_in_modules([(spawn_n, recording)], guvs=True)
    _undo.append(lambda: replace_in_modules([(recording, spawn_n)], guvs=True))


def _record_threads() -> None:
    thread: Any = sys.modules.get("guv.green.thread")
    if thread is None:
        return  # nothing is patched, so threads are native ones
    launch = thread.launch

    def recording(*args: Any) -> int:
        ident: int = launch(*args)
        started = thread.running.get(ident)
        if started is not None:
            _record(started)
        return ident

    replace_in_modules([(launch, recording)], guvs=True)
    _undo.append(lambda: replace_in_modules([(recording, launch)], guvs=True))


def spawn_tree() -> list[Spawn]:
    """The greenlets that were spawned while `track_spawns` was on and have not ended, below those who spawned them.

    At the top stand spawners whose own spawn was not recorded, and a nameless one for all who have ended.
    """
    nodes: dict[greenlet | None, Spawn] = {}
    tops: list[Spawn] = []

    def node(g: greenlet | None) -> Spawn:
        if g in nodes:
            return nodes[g]
        origin = None if g is None else _origins.get(g)
        made = Spawn(g, "(ended)" if g is None else name_of(g), () if origin is None else origin.stack)
        nodes[g] = made
        if origin is None:
            tops.append(made)
        else:
            spawner = origin.spawner()
            node(None if spawner is None or spawner.dead else spawner).children.append(made)
        return made

    for g in list(_origins):
        if not g.dead:
            node(g)
    return tops


def format_spawn_tree() -> str:
    """`spawn_tree` as text: one greenlet a line, indented below its spawner."""
    return "\n".join(map(str, spawn_tree()))
