"""A hub in plain Python, on `select.epoll` and `heapq`: the worked example of a custom loop.

It keeps the contract of `guv.hubs.abc` and is tested like the Go hub, but needs no compiled code. Choose it by
``GUV_HUB=epoll`` or ``use_hub("epoll")``.
"""

from __future__ import annotations

import errno
import heapq
import os
import select
from collections.abc import Iterable

from .._originals import epoll, monotonic_ns, os_close, time_sleep
from ..const import READ, WRITE
from .abc import EVENTFD, EVENTPOLL, AbstractHub
from .descriptor import is_still, set_aside
from .wire import (
    ARM,
    CANCEL,
    FAILED,
    FORGET,
    HANGUP,
    IS_ERROR,
    IS_TIMER,
    PRIORITY,
    READABLE,
    TIMER,
    WATCH,
    WRITABLE,
)

IN, OUT, PRI = select.EPOLLIN, select.EPOLLOUT, select.EPOLLPRI
ERR, HUP, RDHUP, EDGE = select.EPOLLERR, select.EPOLLHUP, select.EPOLLRDHUP, select.EPOLLET


#: Seconds before the kernel is asked again after an error that says nothing about us, such as ENOMEM.
PAUSE = 0.01

#: epoll objects whose descriptor the program has closed. At its end such an object closes the number all the same.
_lost: list[object] = []


class Hub(AbstractHub):
    """epoll for descriptors, a heap for timers, an eventfd to wake it."""

    def __init__(self) -> None:
        super().__init__()
        self._open()
        self._heap: list[tuple[int, int, int]] = []  # deadline, order of arrival, token
        self._deadlines: dict[int, tuple[int, int]] = {}  # token -> its live entry in the heap
        self._masks: dict[int, int] = {}  # what each descriptor is registered for
        self._arrivals = 0
        self._busy_since = 0  # nanoseconds, 0 while it waits
        self._counters = dict.fromkeys(("turns", "events", "timers_fired", "timers_cancelled", "longest_turn"), 0)
        self._results: list[int] = []  # completions for the next return of `exchange`

    def _open(self) -> None:
        bell = set_aside(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))
        try:
            made = epoll()
            self._epoll = epoll.fromfd(set_aside(os.dup(made.fileno())))
        except BaseException:
            os_close(bell)
            raise
        self._bell = bell
        self._epoll.register(self._bell, IN | EDGE)
        self._own = [self.keep(fd, lambda _: self.reopen()) for fd in (self._epoll.fileno(), self._bell)]

    def reopen(self) -> None:
        self.disown_all(self._own)
        _lost.append(self._epoll)
        try:
            self._open()
        except OSError as error:
            self.throw_main(error)
            return
        self.wake()
        for fd, mask in list(self._masks.items()):
            del self._masks[fd]
            self._register(fd, mask)

    def _intact(self) -> bool:
        """Whether both descriptors are still ours: the eventfd is registered in no other epoll instance."""
        try:
            self._epoll.modify(self._bell, IN | EDGE)
            return True
        except OSError:
            return False

    def exchange(self, timeout: int) -> Iterable[int]:
        results = self._results
        self._submit()
        heap, deadlines = self._heap, self._deadlines
        while heap and deadlines.get(heap[0][2]) != heap[0][:2]:
            heapq.heappop(heap)  # cancelled or moved
        if results:
            timeout = 0
        elif timeout and heap:
            timeout = max(0, heap[0][0] - monotonic_ns())
        if self._busy_since:
            turn = monotonic_ns() - self._busy_since
            if turn > self._counters["longest_turn"]:
                self._counters["longest_turn"] = turn
        self._counters["turns"] += 1
        self._busy_since = 0
        try:
            # rounded up to whole milliseconds by select.epoll: late at times, never early
            events = self._epoll.poll(timeout / 1e9 if timeout >= 0 else None)
        except InterruptedError:
            events = []
        except OSError:
            if not self._intact():
                self.reopen()
            else:
                time_sleep(PAUSE)
            events = []
        self._busy_since = now = monotonic_ns()
        for fd, bits in events:
            if fd == self._bell:
                os.eventfd_read(fd)
            elif fd in self._masks:
                results.append(fd << 16 | _flags(bits))
                self._counters["events"] += 1
        while heap and heap[0][0] <= now:
            deadline, order, token = heapq.heappop(heap)
            if deadlines.get(token) == (deadline, order):
                del deadlines[token]
                results.append(token << 16 | IS_TIMER)
                self._counters["timers_fired"] += 1
        self._results = []
        return results

    def counters(self) -> dict[str, int]:
        return self._counters

    def deadline_of(self, token: int) -> int:
        return self._deadlines.get(token, (0, 0))[0]

    def busy_since(self) -> int:
        return self._busy_since

    def wake(self) -> None:
        if not self.closed:
            try:
                os.eventfd_write(self._bell, 1)
            except OSError:  # the program has closed it; `reopen` makes up for this
                pass

    def abandon(self) -> None:
        if is_still(self._bell, EVENTFD):
            os_close(self._bell)
        # The object closes its number whatever that is by now. If it is not ours any more, the
        # object must not end before the process does; `guv.hubs.fork` keeps us.
        if is_still(self._epoll.fileno(), EVENTPOLL):
            self._epoll.close()

    def close(self) -> None:
        self.closed = True
        self._epoll.close()
        if self._bell >= 0:
            os_close(self._bell)
            self._bell = -1

    def _submit(self) -> None:
        """Carry out the operations; some are complete at once."""
        ops, self.ops = self.ops, []
        for i in range(0, len(ops), 2):
            kind, ident, argument = ops[i] & 255, ops[i] >> 8, ops[i + 1]
            if kind == TIMER:
                self._arrivals += 1
                self._deadlines[ident] = argument, self._arrivals
                heapq.heappush(self._heap, (argument, self._arrivals, ident))
            elif kind == CANCEL:
                if self._deadlines.pop(ident, None) is not None:
                    self._counters["timers_cancelled"] += 1
            elif kind == FORGET:
                if self._masks.pop(ident, None) is not None and argument:
                    self._quietly(self._epoll.unregister, ident)
            elif kind == WATCH:
                self._register(ident, _mask(argument), quiet=True)
            elif kind == ARM:
                self._register(ident, _mask(argument) | self._masks.get(ident, 0))

    def _register(self, fd: int, mask: int, quiet: bool = False) -> None:
        """Register or register again; either way the kernel looks at the readiness afresh."""
        first, second = self._epoll.register, self._epoll.modify
        if fd in self._masks and not quiet:
            first, second = second, first  # type: ignore[assignment]
        try:
            try:
                first(fd, mask)
            except (FileExistsError, FileNotFoundError):  # the number means another file by now
                second(fd, mask)
            self._masks[fd] = mask
        except PermissionError:  # a regular file is always ready
            self._results.append(fd << 16 | READABLE | WRITABLE)
        except OSError as error:
            if error.errno in (errno.EBADF, errno.EINVAL) and not self._intact():
                self._masks[fd] = mask
                self.reopen()  # and so this one
            elif not (quiet and error.errno == errno.EBADF):
                self._results.append(fd << 16 | (error.errno or errno.EIO) << 8 | IS_ERROR)

    @staticmethod
    def _quietly(call: object, fd: int) -> None:
        try:
            call(fd)  # type: ignore[operator]
        except OSError:
            pass


def _mask(evtype: int) -> int:
    """What to ask epoll for."""
    mask = EDGE
    if evtype & READ:
        mask |= IN | RDHUP
    if evtype & WRITE:
        mask |= OUT
    if evtype & PRIORITY:
        mask |= PRI
    return mask


def _flags(bits: int) -> int:
    """The completion flags of an epoll event: errors and hang-ups count for both directions."""
    flags = 0
    if bits & (IN | HUP | ERR | RDHUP):
        flags |= READABLE
    if bits & (OUT | HUP | ERR):
        flags |= WRITABLE
    if bits & PRI:
        flags |= PRIORITY
    if bits & (HUP | RDHUP):
        flags |= HANGUP
    if bits & ERR:
        flags |= FAILED
    return flags
