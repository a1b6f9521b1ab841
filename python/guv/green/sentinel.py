"""`Sentinel`: the lock by which `threading` joins a thread, up to Python 3.12.

`Thread.join` acquires it, releases it at once, and relies on nobody holding it then. A `lock` is handed from one waiter
to the next, so that with two who join, the second would hold it already. So a sentinel, once released, is held by
nobody ever again: all who wait for it go on, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet

from .lock import allocate_lock

#: The namespaces of `threading` and its copies: `_shutdown_locks` there has the sentinels of threads to join at exit.
_homes: list[dict[str, Any]] = []


class Sentinel:
    """Held while its thread runs."""

    __slots__ = ("__weakref__", "_ended", "_interrupted", "_lock")

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._ended = False
        self._interrupted: greenlet | None = None  # a greenlet whose wait was ended by an exception

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As `lock.acquire`; once the thread has ended, True without taking anything."""
        try:
            taken = self._lock.acquire(blocking, timeout)
        except KeyboardInterrupt:
            raise
        except BaseException:
            self._interrupted = getcurrent()
            raise
        if taken and self._ended:
            self._lock.release()  # to the next one
        return taken

    def release(self) -> None:
        """The thread has ended."""
        if not self._ended:
            self._ended = True
            for home in _homes:
                home["_shutdown_locks"].discard(self)
            self._lock.release()

    def locked(self) -> bool:
        """Whether the thread runs.

        `Thread.join` asks this after an exception in `acquire`, and declares the thread ended if so, since it takes the
        exception for one that came in after `acquire`. For a kill or a time-out of guv's that is not so.
        """
        interrupted, self._interrupted = self._interrupted, None
        if interrupted is not None and interrupted is getcurrent():
            return False
        return not self._ended and self._lock.locked()

    def _at_fork_reinit(self) -> None:
        """Free it in a forked child."""
        self._lock = allocate_lock()
        self._ended = False


def make_maintain(original: Any) -> Callable[[], None]:
    """`threading._maintain_shutdown_locks` for the module that has `original`.

    That looks at the lock of each thread whenever one starts or ends. Sentinels leave the collection by themselves, so
    only the locks of native threads have to be looked for, and not each time.
    """
    home = original.__globals__
    _homes.append(home)
    enough = 64

    def maintain() -> None:
        nonlocal enough
        if len(home["_shutdown_locks"]) >= enough:
            original()
            enough = 64 + 2 * len(home["_shutdown_locks"])

    return maintain
