"""A hub in plain Python, on `select.epoll` and a heap of timers: the worked example of a custom loop.

It keeps the contract of `guv.hubs.abc` and is tested like the Go hub, but needs no compiled code. Choose it by
``GUV_HUB=epoll`` or ``use_hub("epoll")``.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable

from .._originals import epoll, monotonic_ns, os_close, time_sleep
from .abc import EVENTFD, EVENTPOLL, AbstractHub
from .bits import EDGE, IN, asked, told
from .descriptor import is_still, set_aside
from .heap import TimerHeap
from .wire import ARM, CANCEL, FORGET, IS_ERROR, IS_TIMER, READABLE, TIMER, WATCH, WRITABLE

#: Seconds before the kernel is asked again after an error that says nothing about us, such as ENOMEM.
PAUSE = 0.01

#: Nanoseconds that `select.epoll` can wait at once: its milliseconds are a C int.
LONGEST_WAIT = 2_147_483 * 1_000_000_000

#: epoll objects whose descriptor the program has closed. At its end such an object closes the number all the same.
_lost: list[object] = []


def _need_frames(count: int) -> None:
    """Raise RecursionError now, before anything is taken, if a greenlet that parks has no room for `count` calls."""
    if count:
        _need_frames(count - 1)


class Hub(AbstractHub):
    """epoll for descriptors, a heap for timers, an eventfd to wake it."""

    def __init__(self) -> None:
        super().__init__()
        self._open()
        self._timers = TimerHeap()
        self._masks: dict[int, int] = {}  # what each descriptor is registered for
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
        _need_frames(4)
        results = self._results
        self._submit()
        timers = self._timers
        if results:
            timeout = 0
        elif timeout:
            deadline = timers.next()
            if deadline is not None:
                left = max(0, deadline - monotonic_ns())
                timeout = left if timeout < 0 else min(timeout, left)
        if self._busy_since:
            turn = monotonic_ns() - self._busy_since
            if turn > self._counters["longest_turn"]:
                self._counters["longest_turn"] = turn
        self._counters["turns"] += 1
        self._busy_since = 0
        try:
            # rounded up to whole milliseconds by select.epoll: late at times, never early
            events = self._epoll.poll(min(timeout, LONGEST_WAIT) / 1e9 if timeout >= 0 else None)
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
                results.append(fd << 16 | told(bits))
                self._counters["events"] += 1
        for token in timers.due(now):
            results.append(token << 16 | IS_TIMER)
            self._counters["timers_fired"] += 1
        self._results = []
        return results

    def counters(self) -> dict[str, int]:
        return self._counters

    def deadline_of(self, token: int) -> int:
        return self._timers.deadline(token)

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
                self._timers.set(ident, argument)
            elif kind == CANCEL:
                self._counters["timers_cancelled"] += self._timers.cancel(ident)
            elif kind == FORGET:
                if self._masks.pop(ident, None) is not None and argument:
                    self._quietly(self._epoll.unregister, ident)
            elif kind == WATCH:
                self._register(ident, asked(argument), quiet=True)
            elif kind == ARM:
                self._register(ident, asked(argument) | self._masks.get(ident, 0))

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
