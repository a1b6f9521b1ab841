"""Signal masks of threads that are greenlets: each has its own, though they share one thread of the system.

The system's mask stays the main thread's. multiprocessing blocks all signals in the thread that hands out
descriptors; done for the thread of the system, that would take Ctrl-C and SIGTERM from the program, and SIGCHLD from
all its children.
Where the mask of a greenlet-thread does matter:

- What some thread does not block is handled. So a signal that it unblocks is unblocked for the system, too, until it
  blocks it again.
- A process that it makes inherits its mask, which is in force for that moment.
- It waits for signals that only it blocks: they are blocked for the system meanwhile.
"""

from __future__ import annotations

import _posixsubprocess
import _signal
import functools
import os
import signal as _stdlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from greenlet import getcurrent, greenlet

from .thread import is_thread

_sigmask = _signal.pthread_sigmask
_fork_exec = _posixsubprocess.fork_exec
_posix_spawn = os.posix_spawn
_posix_spawnp = os.posix_spawnp
_UNBLOCKABLE = {_stdlib.SIGKILL, _stdlib.SIGSTOP}


class _Mask:
    """What a greenlet-thread blocks, and what it has unblocked for the thread of the system."""

    __slots__ = ("freed", "signals")

    def __init__(self, signals: set[int]) -> None:
        self.signals = signals
        self.freed: set[int] = set()


#: Of those greenlet-threads that have changed theirs.
_masks: WeakKeyDictionary[greenlet, _Mask] = WeakKeyDictionary()


def pthread_sigmask(how: int, mask: Iterable[int]) -> set[_stdlib.Signals | int]:
    """As `signal.pthread_sigmask`; that of a greenlet-thread is its own."""
    current = getcurrent()
    if not is_thread(current) or how not in (_stdlib.SIG_BLOCK, _stdlib.SIG_UNBLOCK, _stdlib.SIG_SETMASK):
        return _named(_sigmask(how, mask))
    signals = set(mask)
    system = set(_sigmask(_stdlib.SIG_BLOCK, signals))  # raises what there is to raise
    _sigmask(_stdlib.SIG_SETMASK, system)
    own = _masks.get(current)
    if own is None:
        own = _masks[current] = _Mask(system)
    before = own.signals
    if how == _stdlib.SIG_BLOCK:
        own.signals = before | signals
    elif how == _stdlib.SIG_UNBLOCK:
        own.signals = before - signals
    else:
        own.signals = signals
    own.signals = own.signals - _UNBLOCKABLE
    freed = (before - own.signals) & system
    again = own.freed & own.signals
    own.freed = (own.freed | freed) - again
    if freed:
        _sigmask(_stdlib.SIG_UNBLOCK, freed)
    if again:
        _sigmask(_stdlib.SIG_BLOCK, again)
    return _named(before)


def _named(signals: Iterable[int]) -> set[_stdlib.Signals | int]:
    known = _stdlib.Signals._value2member_map_
    return {known.get(number, number) for number in signals}  # type: ignore[misc]


@contextmanager
def blocked(signals: set[int]) -> Iterator[None]:
    """While the current greenlet waits for `signals`: those that it blocks are blocked for the system."""
    own = _masks.get(getcurrent()) if _masks else None
    missing = own.signals & signals if own is not None else set()
    if missing:
        missing -= _sigmask(_stdlib.SIG_BLOCK, missing)
    try:
        yield
    finally:
        if missing:
            _sigmask(_stdlib.SIG_UNBLOCK, missing)


def _make(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call `function`, which makes a process, with the mask of the current greenlet-thread in force."""
    own = _masks.get(getcurrent()) if _masks else None
    if own is None:
        return function(*args, **kwargs)
    system = _sigmask(_stdlib.SIG_SETMASK, own.signals)
    try:
        return function(*args, **kwargs)
    finally:
        _sigmask(_stdlib.SIG_SETMASK, system)


@functools.wraps(_fork_exec)
def fork_exec(*args: Any) -> Any:
    return _make(_fork_exec, *args)


@functools.wraps(_posix_spawn)
def posix_spawn(*args: Any, **kwargs: Any) -> int:
    return _make(_posix_spawn, *args, **kwargs)  # type: ignore[no-any-return]


@functools.wraps(_posix_spawnp)
def posix_spawnp(*args: Any, **kwargs: Any) -> int:
    return _make(_posix_spawnp, *args, **kwargs)  # type: ignore[no-any-return]


def _after_fork() -> None:
    """In a child: the forking thread is the main one now."""
    own = _masks.get(getcurrent()) if _masks else None
    if own is not None:
        _sigmask(_stdlib.SIG_SETMASK, own.signals)
    _masks.clear()


os.register_at_fork(after_in_child=_after_fork)

posix_spawn.__module__ = posix_spawnp.__module__ = "os"  # not posix, whose functions stay: pickles have to find these
pthread_sigmask.__module__ = "signal"
pthread_sigmask.__doc__ = _stdlib.pthread_sigmask.__doc__

PATCHES = [
    ("signal", "pthread_sigmask", pthread_sigmask),
    ("_posixsubprocess", "fork_exec", fork_exec),
    ("os", "posix_spawn", posix_spawn),
    ("os", "posix_spawnp", posix_spawnp),
]
