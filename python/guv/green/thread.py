"""Cooperative :mod:`_thread`: its threads are greenlets, its locks park them.

`threading`, `queue`, `concurrent.futures` and the rest of the standard library's Python code run
unchanged on top of it. A thread that is started in the main thread, or in any other that has a hub, becomes a
greenlet of that hub. Started in a native thread without one (a C library's, `original('threading')`'s) it
is a native thread too, since nobody would run greenlets there.

`get_native_id`, `stack_size`, `exit` and `interrupt_main` are the native ones.
"""

from __future__ import annotations

import _thread
import os
import sys
from collections.abc import Callable
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

from .._originals import start_new_thread as start_native
from .._originals import thread_count as native_count
from ..hubs.abc import AbstractHub
from ..hubs.current import current_hub, get_hub
from ..hubs.ident import get_ident, identify, in_main_thread
from ..local import local
from . import _earlier, _handles, names_of
from ._bootstrap.threading import _bootstrap as run
from ._bootstrap.threading import running
from .lock import allocate_lock, lock
from .rlock import RLock
from .sentinel import Sentinel

#: The greenlet that made this process, if it was none but a thread: in the child that is the main thread.
_forker: greenlet | None = None
_excepthook = _thread._excepthook


def start_new_thread(function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any] = {}, /) -> int:  # noqa: B006
    """Call `function(*args, **kwargs)` in a new thread and return its ident.

    It starts in the next turn of the loop; its `contextvars` context is empty, as a native
    thread's. Never yields. What it raises goes to `sys.unraisablehook`, except SystemExit.
    """
    if not callable(function):
        raise TypeError("first arg must be callable")
    if not isinstance(args, tuple):
        raise TypeError("2nd arg must be a tuple")
    if not isinstance(kwargs, dict):
        raise TypeError("optional 3rd arg must be a dictionary")
    sys.audit("_thread.start_new_thread", function, args, kwargs or None)
    return launch(function, args, kwargs, None)


def launch(
    function: Callable[..., object],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    ended: Callable[[], object] | None,
) -> int:
    """Start a thread; `ended` is called in it as its very last act."""
    hub = hub_for_threads()
    if hub is None:
        return start_native(run, (function, args, kwargs, ended))
    started = greenlet(run, hub)
    ident = identify(started)
    running[ident] = started
    hub.calls.append(lambda: started.switch(function, args, kwargs, ended))
    return ident


def hub_for_threads() -> AbstractHub | None:
    """The hub that a thread started here becomes a greenlet of; None: it will be native."""
    hub = current_hub()
    return get_hub() if hub is None and in_main_thread() else hub


def count() -> int:
    """Return the number of threads started by this module that still run, green and native."""
    return len(running) + native_count()


def is_thread(current: greenlet) -> bool:
    """Whether the greenlet `current` runs as a thread that is not the main one."""
    return running.get(getattr(current, "thread_ident", 0)) is current and current is not _forker


def set_sentinel() -> Sentinel:
    """Return a lock that will be released when the current thread ends."""
    sentinel = Sentinel()
    getcurrent().__dict__["thread_sentinel"] = sentinel
    return sentinel


def excepthook(args: Any, /) -> None:
    """Handle uncaught Thread.run() exception. As the native one; a killed thread ends silently."""
    if args.exc_type is not GreenletExit:
        _excepthook(args)


for _name, _function in {
    "start_new_thread": start_new_thread, "get_ident": get_ident, "_count": count,
    "_set_sentinel": set_sentinel, "_excepthook": excepthook,
}.items():  # fmt: skip
    _function.__module__ = "_thread"
    _function.__name__ = _function.__qualname__ = _name

PATCHES = [
    ("_thread", "allocate_lock", allocate_lock),
    ("_thread", "allocate", allocate_lock),
    ("_thread", "LockType", lock),
    ("_thread", "RLock", RLock),
    ("_thread", "start_new_thread", start_new_thread),
    ("_thread", "start_new", start_new_thread),
    ("_thread", "get_ident", get_ident),
    ("_thread", "_count", count),
    ("_thread", "_local", local),
    ("_thread", "_excepthook", excepthook),
]
if hasattr(_thread, "_set_sentinel"):
    PATCHES.append(("_thread", "_set_sentinel", set_sentinel))
if hasattr(_thread, "lock"):
    PATCHES.append(("_thread", "lock", lock))
PATCHES += _handles.PATCHES

#: Makers of what takes the place of objects that exist when the patch is made.
TWINS = _earlier.LOCKS


def after_patch() -> None:
    """Take over the thread objects that exist already."""
    if _handles.PATCHES:
        _handles.adopt()


def _after_fork() -> None:
    """In a forked child the other threads are gone."""
    global _forker
    _forker = getcurrent()
    me = get_ident()
    for ident in [ident for ident in running if ident != me]:
        del running[ident]
    if _handles.PATCHES:
        _handles.after_in_child()


os.register_at_fork(after_in_child=_after_fork)

__getattr__ = names_of("_thread")
