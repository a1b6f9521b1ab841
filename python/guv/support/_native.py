"""One native thread for a library that waits in C on one thing for long: a queue of its own.

`guv.tpool` has a bounded number of threads, which such waits would use up. A `NativeThread` is started by its first
call and ends when its owner is collected.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import finalize

from greenlet import getcurrent, greenlet

from .._originals import allocate_lock, start_new_thread
from ..exceptions import HubClosedError
from ..hubs.abc import AbstractHub
from ..hubs.current import hub_of
from ..hubs.switch import unpark

T = TypeVar("T")


class _Job:
    """A call, and who waits for it. `result` and `error` are set by the thread before `done`."""

    __slots__ = ("call", "done", "error", "hub", "result", "waiter")

    def __init__(self, call: Callable[[], Any], hub: AbstractHub, waiter: greenlet) -> None:
        self.call: Callable[[], Any] | None = call
        self.hub = hub
        self.waiter: greenlet | None = waiter
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None

    def finish(self) -> None:
        """In the hub: the call has ended."""
        self.hub.jobs -= 1
        self.done = True
        if self.waiter is not None:
            self.hub.ready.append(self.waiter)


class NativeThread:
    """Runs calls one after the other in a thread of the operating system."""

    def __init__(self) -> None:
        self._jobs: deque[_Job | None] = deque()  # None: end
        self._bell = allocate_lock()  # held while there is nothing to do
        self._bell.acquire()
        self._started = False

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """`function(*args)`, run in the thread. Yields until it has ended.

        A caller that is killed meanwhile goes at once; the function runs on, and later calls wait for it.
        """
        current = getcurrent()
        hub = hub_of(current)
        job = _Job(lambda: function(*args), hub, current)
        if not self._started:
            self._started = True
            finalize(self, _end, self._jobs, self._bell)
            start_new_thread(_work, (self._jobs, self._bell))
        hub.jobs += 1
        self._jobs.append(job)
        _ring(self._bell)
        try:
            while not job.done:
                hub.ready.popleft().switch()
        except BaseException:
            job.waiter = None
            unpark(hub, current)
            raise
        if job.error is not None:
            try:
                raise job.error
            finally:
                job.error = None
        return job.result  # type: ignore[no-any-return]


def _ring(bell: Any) -> None:
    try:
        bell.release()
    except RuntimeError:
        pass  # rung already


def _end(jobs: deque[_Job | None], bell: Any) -> None:
    jobs.append(None)
    _ring(bell)


def _work(jobs: deque[_Job | None], bell: Any) -> None:
    while True:
        bell.acquire()
        while jobs:
            job = jobs.popleft()
            if job is None:
                return
            call, job.call = job.call, None
            try:
                job.result = call()  # type: ignore[misc]
            except BaseException as error:
                job.error = error
            call = None
            try:
                job.hub.call_soon_threadsafe(job.finish)
            except HubClosedError:
                pass  # nobody waits any more
            job = None
