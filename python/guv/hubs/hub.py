"""The hub whose event loop is Go: epoll and a timer wheel behind two rings and one call a turn.

Other threads wake it by writing to its eventfd, not by a call into Go: each thread that has made one holds one of Go's
processors until the runtime's monitor takes it away, and the monitor may be late (`pyext/monitor.c`). Twenty workers of
`guv.tpool` would wait for each other's processors, for up to a second.

The rings are arrays of ints that stay where they are: Go is told their addresses once. Operations
are copied into the submission ring just before the one call of the turn, which drops the GIL while
it waits and returns how many completions it has written.
"""

from __future__ import annotations

import errno
import os
from array import array
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from .. import _border
from .._originals import RLock, os_close, time_sleep
from .abc import EVENTFD, EVENTPOLL, AbstractHub
from .descriptor import is_still

#: Ints in each ring. A turn that needs more is split.
SUBMISSIONS = 4096
COMPLETIONS = 4096

#: The bits of a result of `Poll` that count completions; those above count the timers among them, which come last.
_COUNT = (1 << 32) - 1

_EINTR = -errno.EINTR
_LOST = -errno.EBADF, -errno.EINVAL

#: Seconds before the kernel is asked again after an error that says nothing about us, such as ENOMEM.
PAUSE = 0.01

#: Frame-stack chunks (16 KiB each) kept for new greenlets; see `pyext` on the frame cache.
FRAME_CHUNKS = 4096

#: What `counters` gives, by the numbers of `pyext/codes.go`.
_COUNTERS = {
    "turns": 0, "events": 3, "stale_events": 4, "timers_fired": 6, "timers_cancelled": 7, "longest_turn": 12,
}  # fmt: skip


class Hub(AbstractHub):
    """The default hub."""

    __slots__ = (
        "_bell", "_completions", "_descriptors", "_extension", "_id", "_next_lookup", "_own", "_poll", "_ringing",
        "_submissions", "_submit", "unasked",
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        extension = _border.extension()
        self._submissions = array("q", bytes(8 * SUBMISSIONS))
        self._completions = array("q", bytes(8 * COMPLETIONS))
        self._poll = extension.pyext_Poll
        self._submit = extension.pyext_Submit
        self._ringing = (
            RLock()
        )  # who writes to the eventfd, so that it is not closed meanwhile; signal handlers do, too
        self._extension = extension
        self._next_lookup = 0
        self.unasked: deque[Any] = deque()  # lookups beyond the number that may run at once
        self._id = _border.check(
            extension.pyext_Open(
                self._submissions.buffer_info()[0], SUBMISSIONS,
                self._completions.buffer_info()[0], COMPLETIONS,
            )
        )  # fmt: skip
        self._keep_own()
        extension.pyext_FrameCache(FRAME_CHUNKS)

    def exchange(self, timeout: int) -> Iterable[int]:
        submitted = 0
        if self.ops:
            if len(self.ops) > SUBMISSIONS:
                self.submit()
            ops, self.ops = self.ops, []
            submitted = len(ops)
            if submitted == 2:
                self._submissions[0], self._submissions[1] = ops
            else:
                self._submissions[:submitted] = array("q", ops)
        count: int = self._poll(self._id, submitted, timeout)
        if count == 1:
            return (self._completions[0],)
        if count > COMPLETIONS:
            end = count & _COUNT
            count = end - (count >> 32)
            self.expired.extend(self._completions[count:end])
        if count > 0:
            return self._completions[:count]
        if count == 0 or count == _EINTR:
            return ()
        return self._failed(count)

    def _failed(self, code: int) -> Iterable[int]:
        """The loop could not be asked, which is not the fault of whoever parks just now."""
        if code in _LOST:
            self.reopen()
        elif code >= -4095:
            time_sleep(PAUSE)
        else:
            _border.check(code)
        return ()

    def _keep_own(self) -> None:
        """Learn of it if the program closes the loop's descriptors."""
        extension = self._extension
        self._descriptors = (
            (_border.check(extension.pyext_Fd(self._id, 0)), EVENTPOLL),
            (_border.check(extension.pyext_Fd(self._id, 1)), EVENTFD),
        )
        self._bell = self._descriptors[1][0]
        self._own = [self.keep(fd, lambda _: self.reopen()) for fd, _ in self._descriptors]

    def reopen(self) -> None:
        self.disown_all(self._own)
        code = self._extension.pyext_Reopen(self._id)
        try:
            _border.check(code)
        except OSError as error:
            self.throw_main(error)
        else:
            self._keep_own()
            self.wake()  # who did so meanwhile may have written to the old one

    def submit(self) -> None:
        ops, self.ops = self.ops, []
        for start in range(0, len(ops), SUBMISSIONS):
            piece = array("q", ops[start : start + SUBMISSIONS])
            self._submissions[: len(piece)] = piece
            _border.check(self._submit(self._id, len(piece)))

    def look_up(self, request: bytes, answer: array[int], finished: Callable[[], object]) -> int:
        """Have a thread of Go's ask the C library; `finished` is called here when `answer` is
        filled, which must live until then or until `forget_lookup`. Returns a token for that. The
        formats stand in `pyext/lookup.go`."""
        token = self._next_lookup
        self._next_lookup += 1
        address, size = answer.buffer_info()
        question = array("b", request)
        _border.check(
            self._extension.pyext_Lookup(self._id, token, question.buffer_info()[0], len(request), address, size)
        )
        self.lookups[token] = finished
        return token

    def forget_lookup(self, token: int) -> None:
        """Nobody waits for that answer any more."""
        if self.lookups.pop(token, None) is not None:
            _border.check(self._extension.pyext_LookupCancel(self._id, token))

    def counters(self) -> dict[str, int]:
        return {name: self._extension.pyext_Stat(self._id, number) for name, number in _COUNTERS.items()}

    def deadline_of(self, token: int) -> int:
        return _border.check(self._extension.pyext_Deadline(self._id, token))

    def report_blocks(self, threshold: int, fd: int) -> bool:
        """See `AbstractHub.report_blocks`: 16 bytes, the hub's `number` and when the block began. Any thread."""
        self._extension.pyext_Watchdog(self._id, threshold, fd)
        return True

    @property
    def number(self) -> int:
        """What Go calls this hub; never used twice in a process."""
        return self._id

    def wake(self) -> None:
        with self._ringing:
            if not self.closed:
                try:
                    os.eventfd_write(self._bell, 1)
                except OSError:  # the program has closed it; `reopen` makes up for this
                    pass

    def abandon(self) -> None:
        for fd, name in self._descriptors:
            if is_still(fd, name):
                os_close(fd)

    def close(self) -> None:
        with self._ringing:
            self.closed = True
        self._extension.pyext_Close(self._id)
