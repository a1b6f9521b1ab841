"""The body of each thread, green or native: the outermost Python function on its stack.

The names of the file and of the function are those that debuggers know: pydevd, which debugpy and PyCharm are built on,
is told of every function that begins, and takes a frame of the file ``threading`` and the function ``_bootstrap`` for a
thread that `threading` has not entered into its table yet. At the sight of any other outermost frame it asks for
`current_thread()`, is given a stand-in, and keeps that for the thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet

from ...hubs.ident import get_ident
from .. import _handles

#: The greenlets that run as threads, by their ident. Those of other threads' hubs are among them.
running: dict[int, greenlet] = {}


def _bootstrap(
    function: Callable[..., object],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    ended: Callable[[], object] | None,
) -> None:
    """Run a thread's function, and report what it raises; `ended` is called as the very last act."""
    try:
        function(*args, **kwargs)
    except (SystemExit, GreenletExit):
        pass
    except BaseException as error:
        report = SimpleNamespace(
            exc_type=type(error),
            exc_value=error,
            exc_traceback=error.__traceback__ and error.__traceback__.tb_next,
            **_handles.blame(function),
        )
        sys.unraisablehook(report)
        del report, error
    finally:
        del function, args, kwargs
        current = getcurrent()
        running.pop(get_ident(), None)
        forget_locals(current)
        sentinel = current.__dict__.pop("thread_sentinel", None)
        if sentinel is not None and sentinel.locked():
            sentinel.release()
        if ended is not None:
            ended()


def forget_locals(current: greenlet) -> None:
    """Drop the thread-local data of a thread that ends, as the interpreter does for native ones."""
    current.__dict__.pop("thread_locals", None)
