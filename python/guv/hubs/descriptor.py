"""Who waits for a file descriptor, and what is known about its readiness.

A hub keeps one `Descriptor` for each number that it has registered. The fields belong to the
hub's thread. Several greenlets may wait in the same direction, as several threads may: from the
second on the field holds a `Crowd`, and all of them are woken in order of arrival.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from fcntl import F_DUPFD_CLOEXEC
from typing import TYPE_CHECKING, Any, Union

from greenlet import greenlet

from .._originals import fcntl, os_close
from ..const import READ, WRITE

if TYPE_CHECKING:
    from .abc import AbstractHub
    from .patience import Patience


#: Whether a second greenlet that waits for the same direction of a descriptor is refused. Set by
#: `guv.debug.hub_prevent_multiple_readers`.
exclusive = False

#: The least number of guv's own descriptors, as `Aside` in Go's package sys.
ASIDE = 512


class Crowd(list[Any]):
    """Greenlets and callables that wait together, in order of arrival."""

    __slots__ = ()

    def wake(self, hub: AbstractHub) -> None:
        for waiter in self:
            if isinstance(waiter, greenlet):
                hub.ready.append(waiter)
            else:
                hub.calls.append(waiter)


Waiter = Union[greenlet, Crowd, None]  # noqa: UP007 - evaluated at run time, on 3.10 too


class Descriptor:
    """A registered file descriptor.

    `readable` and `writable` say whether trying the system call is worthwhile. An event sets
    them; whoever gets EAGAIN clears them.
    """

    __slots__ = (
        "drains",    # a short read proves that nothing is left (TCP without urgent data or hang-up)
        "error",     # errno that ended the registration (EBADF: closed), 0 while it lives
        "events",    # for an owned socket: READ or READ|WRITE, what it is registered for
        "fd",        # the number; constant
        "hub",       # the hub it is registered with, None before the first wait
        "read_patience",  # the limit of who waits for input, from the first one that has a limit on
        "readable",  # hint: an input call is worth trying
        "reader",    # who waits for input: None, a greenlet, or a Crowd
        "writable",  # hint: an output call is worth trying
        "write_patience",
        "writer",    # the same for output
    )  # fmt: skip

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.events = 0
        self.hub: AbstractHub | None = None
        self.reader: Waiter = None
        self.writer: Waiter = None
        self.readable = True
        self.writable = True
        self.drains = False
        self.error = 0
        self.read_patience: Patience | None = None
        self.write_patience: Patience | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} fd={self.fd} reader={self.reader!r} writer={self.writer!r}>"

    def join(self, evtype: int, waiter: greenlet | Callable[[], object]) -> None:
        """Add `waiter` for READ, WRITE or both. Joining twice does nothing."""
        if evtype & READ:
            self.reader = _joined(self.reader, waiter)
        if evtype & WRITE:
            self.writer = _joined(self.writer, waiter)

    def leave(self, evtype: int, waiter: greenlet | Callable[[], object]) -> bool:
        """Remove `waiter`; False if an event has already taken it out of a direction named."""
        found = True
        if evtype & READ:
            self.reader, there = _left(self.reader, waiter)
            found = found and there
        if evtype & WRITE:
            self.writer, there = _left(self.writer, waiter)
            found = found and there
        return found

    def awaited(self) -> bool:
        return self.reader is not None or self.writer is not None


class OwnDescriptor(Descriptor):
    """One that guv itself has: that something waits on it is no reason to think that the program waits."""

    __slots__ = ()

    def awaited(self) -> bool:
        return False


def _joined(there: Any, waiter: Any) -> Any:
    if there is None and isinstance(waiter, greenlet):
        return waiter
    if there is waiter:
        return there
    if exclusive and there is not None and waiter not in (there if isinstance(there, Crowd) else [there]):
        raise RuntimeError(
            f"{waiter!r} may not wait on a descriptor that {there!r} waits on already for the same "
            f"direction: guv.debug.hub_prevent_multiple_readers() is in force"
        )
    if not isinstance(there, Crowd):
        there = Crowd([] if there is None else [there])
    if waiter not in there:
        there.append(waiter)
    return there


def _left(there: Any, waiter: Any) -> tuple[Any, bool]:
    if there is waiter:
        return None, True
    if isinstance(there, Crowd) and waiter in there:
        there.remove(waiter)
        return there or None, True
    return there, False


def set_aside(fd: int) -> int:
    """Move `fd`, one of guv's own, to a number from `ASIDE` on; it stays where the process may not have such
    numbers. Programs count on getting the low ones, in a row."""
    try:
        moved: int = fcntl(fd, F_DUPFD_CLOEXEC, ASIDE)
    except OSError:
        return fd
    os_close(fd)
    return moved


def is_still(fd: int, name: str) -> bool:
    """Whether descriptor `fd` is what ``/proc`` calls `name`: programs close numbers that are not
    theirs, and open others."""
    try:
        return os.readlink(f"/proc/self/fd/{fd}") == name
    except OSError:
        return False


def oserror(code: int) -> OSError:
    """The exception for an errno."""
    return OSError(code, os.strerror(code))
