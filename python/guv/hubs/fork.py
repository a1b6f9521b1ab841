"""What becomes of hubs in a forked child.

As with threads, only the caller of `fork` lives on: the forking greenlet is the child's main greenlet.
The hubs of the parent are given up, their descriptors closed if they still are theirs, without
touching what parent and child share. The next wait makes a new hub; a child that never waits
never has one. Sockets are registered afresh at their first wait there.

The parent's other greenlets never run again, not even their ``finally`` blocks: those would close
connections and release locks that are the parent's. So they are kept alive for good.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any, cast

from greenlet import getcurrent, greenlet

from .. import _border
from .._originals import thread_count
from . import signals
from .abc import AbstractHub
from .current import all_hubs, forget_inherited

#: Everything of the parent that must not be freed in this process.
_kept: list[Any] = []

#: How many native threads of guv's own can't leave anything locked in a child, from each part that starts some.
harmless_threads: list[Callable[[], int]] = []

_WARNING = r"This process \(pid=\d+\) is multi-threaded"
_filter: Any = None  # what we have put into warnings.filters


def after_in_child() -> None:
    """Called in every child of `os.fork` and `os.forkpty`, before anything else runs there."""
    _border.after_fork()
    if not all_hubs():
        return
    inherited = forget_inherited()
    signals.after_fork()
    for hub in inherited:
        hub.abandon()
    current = getcurrent()
    _kept.append(inherited)
    _kept.append(_greenlets_of(inherited))
    if current.parent is not None:
        current.parent = _end_of_process()


def _greenlets_of(hubs: list[AbstractHub]) -> list[greenlet]:
    """All greenlets of `hubs`, whoever refers to them.

    A greenlet refers to its parent, the hub as a rule, or else to the hub as an attribute since its first wait. So
    they are found among what refers to the hubs, which touches nothing else; a list of all objects would write to
    the reference counts of all, and so give the child a copy of the parent's whole heap.
    """
    referrers = gc.get_referrers(*hubs)
    found = [referrer for referrer in referrers if isinstance(referrer, greenlet)]
    theirs = {id(vars(each)) for each in found if hasattr(each, "__dict__")}
    others = [
        referrer for referrer in referrers
        if isinstance(referrer, dict) and referrer.get("hub") in hubs and id(referrer) not in theirs
    ]  # fmt: skip
    if others:
        found += [referrer for referrer in gc.get_referrers(*others) if isinstance(referrer, greenlet)]
    return found


def _end_of_process() -> greenlet:
    """A greenlet that waits for its child, the forking greenlet, to end, and ends the process.

    A thread that forks is the child's only one, and the child ends when it returns.
    """
    here = root = getcurrent()
    while root.parent is not None:
        root = root.parent
    end = greenlet(_end, root)
    _kept.append(end)  # a child of this process gets another one, and must not end by the end of this
    end.switch(here)
    return end


def _end(forked: greenlet) -> None:
    status: Any = 0
    try:
        forked.switch()
    except SystemExit as error:
        status = error.code
        if status is None:
            status = 0
        elif not isinstance(status, int):
            print(status, file=sys.stderr)
            status = 1
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        status = 1
    threading: Any = sys.modules.get("threading")
    try:
        if threading is not None:
            threading._shutdown()
            if hasattr(threading, "_thread_shutdown"):  # since 3.13 nothing happens above once the main thread is done
                threading._thread_shutdown()
        for stream in sys.stdout, sys.stderr:
            if stream is not None:
                stream.flush()
    finally:
        os._exit(status & 255)


def before() -> None:
    """Called before every fork: no warning about threads that are only Go's.

    Python 3.12 and later count the threads of the process after a fork and warn that the child may
    deadlock. Go's are no reason: the child never uses the runtime that they belong to. The filter
    stays until a fork finds other threads; the warning has no other occasion.
    """
    global _filter
    wanted = thread_count() == sum(count() for count in harmless_threads) and _border.threads_are_only_go()
    if _filter is not None and (not wanted or _filter not in warnings.filters):
        if _filter in warnings.filters:
            cast("list[Any]", warnings.filters).remove(_filter)
            warnings._filters_mutated()  # type: ignore[attr-defined]
        _filter = None
    if wanted and _filter is None:
        warnings.filterwarnings("ignore", _WARNING, DeprecationWarning)
        _filter = warnings.filters[0]


os.register_at_fork(after_in_child=after_in_child)
if sys.version_info >= (3, 12):
    os.register_at_fork(before=before)
