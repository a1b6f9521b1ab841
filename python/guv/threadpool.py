"""Native threads by gevent's names: `ThreadPool`, whose calls are waited for as those of a pool of greenthreads.

It has the methods of `guv.GreenPool` (`spawn`, `apply`, `map`, `imap_unordered`, `join`, ...), each of whose calls is
made in a native thread. Nothing is said about what a call may do that `guv.tpool` does not say.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from . import tpool
from .greenpool import GreenPool
from .greenthread import GreenThread
from .hubs.native import run_native
from .tpool import ThreadPoolExecutor as ThreadPoolExecutor

__all__ = ["ThreadPool", "ThreadPoolExecutor"]

P = ParamSpec("P")
T = TypeVar("T")


class ThreadPool(GreenPool):
    """At most `maxsize` native threads at a time; who calls `spawn` beyond that waits its turn.

    Threads are started when there is work for them. A greenthread of the pool that is killed stops to wait; its call
    goes on.
    """

    def __init__(self, maxsize: int, *, threads: tpool.Pool | None = None) -> None:
        super().__init__(maxsize)
        self._start = (threads or tpool.new_pool(maxsize)).start

    @property
    def maxsize(self) -> int:
        """The same as `size`."""
        return self.size

    def spawn(self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> GreenThread[T]:
        """Call `func(*args, **kwargs)` in a native thread; yields until one is free. What it returns has the result."""
        call = partial(contextvars.copy_context().run, func, *args, **kwargs)
        return super().spawn(run_native, call, start=self._start)  # type: ignore[arg-type]
