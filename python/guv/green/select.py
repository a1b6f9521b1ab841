"""Cooperative :mod:`select`: `select`, and poll and epoll objects that park the greenlet.

The types of poll and epoll objects can't be subclassed, so these wrap the real object. Each call asks it first
without waiting, which also checks the arguments, and parks only if there is nothing to report. An epoll
descriptor can itself be waited for; for `select` and `poll` the hub arms each descriptor.

With timeout 0 a call never waits, nor does one that finds something at once; a loop of such calls lets other
greenlets run every few milliseconds.
"""

from __future__ import annotations

import select as _stdlib
from collections.abc import Iterator
from operator import index
from types import TracebackType
from typing import Any

from .._originals import epoll as RawEpoll
from .._originals import poll as raw_poll
from .._originals import select as raw_select
from ..const import READ, WRITE
from ..hubs.abc import AbstractHub
from ..hubs.current import get_hub
from ..hubs.fairness import be_fair
from ..hubs.wire import PRIORITY
from . import names_of
from ._readiness import wait_until

URGENT = _stdlib.POLLPRI | _stdlib.POLLRDBAND
OUTPUT = _stdlib.POLLOUT | _stdlib.POLLWRNORM | _stdlib.POLLWRBAND
POLL_DEFAULT = _stdlib.POLLIN | _stdlib.POLLPRI | _stdlib.POLLOUT
EPOLL_DEFAULT = _stdlib.EPOLLIN | _stdlib.EPOLLPRI | _stdlib.EPOLLOUT

#: Seconds from which on the real call decides whether the timeout can be represented.
TOO_LONG = 9e9
TOO_LONG_IN_MS = 2**31 - 1


def _number(value: Any) -> Any:
    """`value` as a float or an int if it is one or converts to one; else as it is."""
    if isinstance(value, (float, int)) or not hasattr(value, "__index__"):
        return value
    return index(value)


# ---- select ----


def select(
    rlist: Any, wlist: Any, xlist: Any, timeout: float | None = None, /
) -> tuple[list[Any], list[Any], list[Any]]:
    """As `select.select`; yields until some descriptor is ready or `timeout` seconds have passed."""
    seconds = _number(timeout)
    if seconds is not None and not (isinstance(seconds, (float, int)) and 0 <= seconds < TOO_LONG):
        return raw_select(rlist, wlist, xlist, timeout)  # raises
    found = raw_select(rlist, wlist, xlist, 0)
    if seconds == 0 or _any(found):
        be_fair()
        return found
    wanted: dict[int, int] = {}
    for objects, evtype in (rlist, READ), (wlist, WRITE), (xlist, READ | PRIORITY):
        for thing in objects:
            fd = thing if isinstance(thing, int) else thing.fileno()
            wanted[fd] = wanted.get(fd, 0) | evtype
    return wait_until(lambda: raw_select(rlist, wlist, xlist, 0), _any, wanted.items(), seconds)


def _any(found: tuple[list[Any], list[Any], list[Any]]) -> bool:
    return bool(found[0] or found[1] or found[2])


# ---- poll ----


class _Poll:
    """What `select.poll()` returns."""

    __slots__ = ("__weakref__", "_masks", "_raw", "_running")

    def __new__(cls, *args: Any, **kwargs: Any) -> _Poll:
        raise TypeError("cannot create 'select.poll' instances")

    _masks: dict[int, int]  # in order of registration
    _raw: Any  # the real object
    _running: bool  # a greenlet waits in poll()

    def register(self, fd: Any, eventmask: int = POLL_DEFAULT, /) -> None:
        """As `poll.register`."""
        self._unshared().register(fd, eventmask)
        self._masks[_fileno(fd)] = index(eventmask)

    def modify(self, fd: Any, eventmask: int, /) -> None:
        """As `poll.modify`."""
        self._unshared().modify(fd, eventmask)
        self._masks[_fileno(fd)] = index(eventmask)

    def unregister(self, fd: Any, /) -> None:
        """As `poll.unregister`."""
        self._unshared().unregister(fd)
        del self._masks[_fileno(fd)]

    def _unshared(self) -> Any:
        """The real object, for a change: a poll() that is under way keeps what it began with."""
        if self._running:
            self._raw = raw = raw_poll()
            for fd, mask in self._masks.items():
                raw.register(fd, mask)
        return self._raw

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        """As `poll.poll`, `timeout` in milliseconds; yields until some descriptor is ready."""
        if self._running:
            raise RuntimeError("concurrent poll() invocation")
        ms = _number(timeout)
        if ms is not None and not (isinstance(ms, (float, int)) and ms <= TOO_LONG_IN_MS):
            return self._raw.poll(timeout)  # type: ignore[no-any-return]  # raises
        raw = self._raw
        found: list[tuple[int, int]] = raw.poll(0)
        if found or ms == 0:
            be_fair()
            return found
        seconds = None if ms is None or ms < 0 else ms / 1e3
        self._running = True
        try:
            return wait_until(lambda: raw.poll(0), len, self._wanted(), seconds)
        finally:
            self._running = False

    def _wanted(self) -> Iterator[tuple[int, int]]:
        for fd, mask in self._masks.items():
            evtype = READ  # hang-ups and errors are reported in any case
            if mask & OUTPUT:
                evtype |= WRITE
            if mask & URGENT:
                evtype |= PRIORITY
            yield fd, evtype


_Poll.__name__ = _Poll.__qualname__ = "poll"
_Poll.__module__ = "select"


def poll() -> Any:
    """As `select.poll`: a poll object, which yields where it would block."""
    made = object.__new__(_Poll)
    made._masks = {}
    made._raw = raw_poll()
    made._running = False
    return made


def _fileno(fd: Any) -> int:
    return index(fd) if hasattr(fd, "__index__") else fd.fileno()  # type: ignore[no-any-return]


# ---- epoll ----


class epoll:
    """As `select.epoll`; `poll` yields where it would block."""

    __slots__ = ("__weakref__", "_hubs", "_raw")

    _raw: Any  # the real object
    _hubs: list[AbstractHub]  # those that have waited for its descriptor

    def __new__(cls, sizehint: int = -1, flags: int = 0) -> epoll:
        return cls.wrap(RawEpoll(sizehint, flags))

    @classmethod
    def fromfd(cls, fd: int, /) -> epoll:
        """As `epoll.fromfd`."""
        return cls.wrap(RawEpoll.fromfd(fd))

    @classmethod
    def wrap(cls, raw: Any) -> epoll:
        """A cooperative face of an epoll object that was made before the patch."""
        self = object.__new__(cls)
        self._raw = raw
        self._hubs = []
        return self

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._raw.closed  # type: ignore[no-any-return]

    def fileno(self) -> int:
        """The descriptor."""
        return self._raw.fileno()  # type: ignore[no-any-return]

    def close(self) -> None:
        """As `epoll.close`; whoever waits in `poll` gets ValueError."""
        if not self._raw.closed:
            fd = self._raw.fileno()
            for hub in self._hubs:
                descriptor = hub.fds.get(fd)
                if descriptor is not None:
                    hub.release(descriptor)
        self._raw.close()

    def __enter__(self) -> epoll:
        self._raw.__enter__()
        return self

    def __exit__(
        self,
        typ: type[BaseException] | None = None,
        value: BaseException | None = None,
        traceback: TracebackType | None = None,
        /,
    ) -> None:
        self.close()

    def register(self, fd: Any, eventmask: int = EPOLL_DEFAULT) -> None:
        """As `epoll.register`."""
        self._raw.register(fd, eventmask)

    def modify(self, fd: Any, eventmask: int) -> None:
        """As `epoll.modify`."""
        self._raw.modify(fd, eventmask)

    def unregister(self, fd: Any) -> None:
        """As `epoll.unregister`."""
        self._raw.unregister(fd)

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
        """As `epoll.poll`, `timeout` in seconds; yields until some descriptor is ready."""
        raw = self._raw
        seconds = _number(timeout)
        if seconds is not None and not (isinstance(seconds, (float, int)) and seconds <= TOO_LONG_IN_MS / 1e3):
            return raw.poll(timeout, maxevents)  # type: ignore[no-any-return]  # raises
        found: list[tuple[int, int]] = raw.poll(0, maxevents)
        if found or seconds == 0:
            be_fair()
            return found
        if seconds is not None and seconds < 0:
            seconds = None
        hub = get_hub()
        if hub not in self._hubs:
            self._hubs.append(hub)
        wanted = ((raw.fileno(), READ),)
        return wait_until(lambda: raw.poll(0, maxevents), len, wanted, seconds)


epoll.__module__ = "select"

PATCHES: list[tuple[str, str, Any]] = [
    ("select", "select", select),
    ("select", "poll", poll),
    ("select", "epoll", epoll),
]

__getattr__ = names_of("select")
