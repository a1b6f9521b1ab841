"""The hub and what is near it by gevent's names: `get_hub`, `signal_handler`, `idle`, `LoopExit`, ...

Importing this module gives hubs the attribute `threadpool`. gevent's `get_hub().loop` with its watchers has no
counterpart: `guv.trampoline` waits for a descriptor, `guv.spawn_after` is a timer, `call_soon_threadsafe` of the hub
is the door for other threads.
"""

from __future__ import annotations

import signal as _signal
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

from greenlet import GreenletExit as GreenletExit
from greenlet import getcurrent as getcurrent

from . import tpool
from .exceptions import DeadlockError
from .greenthread import kill as kill
from .greenthread import sleep as sleep
from .greenthread import spawn
from .greenthread import spawn_n as spawn_raw
from .hubs.abc import AbstractHub
from .hubs.current import get_hub as get_hub
from .hubs.switch import gyield
from .threadpool import ThreadPool

__all__ = [
    "GreenletExit", "LoopExit", "get_hub", "getcurrent", "idle", "kill", "reinit", "signal_handler", "sleep",
    "spawn_raw",
]  # fmt: skip

#: What the main greenlet gets when nothing can wake it any more.
LoopExit = DeadlockError


def _threadpool(hub: AbstractHub) -> ThreadPool:
    """A pool over the native threads of `guv.tpool.execute`."""
    own = vars(hub)
    if "_threadpool" not in own:
        threads = tpool.default_pool()
        own["_threadpool"] = ThreadPool(threads.size, threads=threads)
    return own["_threadpool"]  # type: ignore[no-any-return]


AbstractHub.threadpool = property(_threadpool)  # type: ignore[attr-defined]


class signal_handler:
    """Have `handler(*args, **kwargs)` called in a greenthread of its own whenever signal `signalnum` arrives.

    It may yield, as a handler given to `signal.signal` may not. `cancel` undoes that.
    """

    def __init__(self, signalnum: int, handler: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        if not callable(handler):
            raise TypeError(f"a signal handler must be callable, as {handler!r} is not")
        self._signalnum = signalnum
        self._handler = partial(handler, *args, **kwargs)
        self._before = _signal.signal(signalnum, self._arrived)

    def _arrived(self, signum: int, frame: FrameType | None) -> None:
        spawn(self._handler)

    def cancel(self) -> None:
        """Put the handler back that there was before, unless another one has been installed meanwhile."""
        if _signal.getsignal(self._signalnum) == self._arrived:
            _signal.signal(self._signalnum, self._before)


def idle(priority: int = 0) -> None:
    """Let the others run once, as `sleep(0)`; there are no priorities."""
    gyield()


def reinit(hub: object = None) -> None:
    """Does nothing: a forked child has a clean hub of its own."""
