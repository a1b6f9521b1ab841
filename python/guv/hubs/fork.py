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
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from greenlet import getcurrent, greenlet

from .. import _border
from .._originals import thread_count
from . import signals
from .current import all_hubs, forget_inherited

#: Everything of the parent that must not be freed in this process.
_kept: list[Any] = []


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
    _kept.append([found for found in gc.get_objects() if isinstance(found, greenlet)])
    if current.parent is not None:
        current.parent = _end_of_process()


def _end_of_process() -> greenlet:
    """A greenlet that waits for its child, the forking greenlet, to end, and ends the process.

    A thread that forks is the child's only one, and the child ends when it returns.
    """
    here = root = getcurrent()
    while root.parent is not None:
        root = root.parent
    end = greenlet(_end, root)
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
        for stream in sys.stdout, sys.stderr:
            if stream is not None:
                stream.flush()
    finally:
        os._exit(status & 255)


def go_threads_do_not_count() -> AbstractContextManager[Any]:
    """Around a `fork`: no warning about threads that are only Go's.

    Python 3.12 and later count the threads of the process and warn that a child may deadlock. Go's
    are no reason: the child never uses the runtime that they belong to.
    """
    if sys.version_info < (3, 12) or thread_count() or not _border.threads_are_only_go():
        return nullcontext()
    return _NoWarning()


class _NoWarning(warnings.catch_warnings):  # type: ignore[type-arg]
    def __enter__(self) -> None:
        super().__enter__()
        warnings.filterwarnings(
            "ignore", r"This process \(pid=\d+\) is multi-threaded", DeprecationWarning
        )


os.register_at_fork(after_in_child=after_in_child)
