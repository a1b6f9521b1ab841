"""Native threads that run calls which block, a few at a time.

A thread ends as soon as there is nothing left to do: starting one costs less than a lookup, and a
process without lookups under way has no threads that a fork would lose. Everything here may be
used from any thread; the pool is one for the process, whatever number of hubs it has.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import Any

from .._originals import allocate_lock, start_new_thread
from ..exceptions import HubClosedError
from ..hubs.abc import AbstractHub
from ..hubs.deadlock import own_threads
from .ask import BEGUN, QUEUED, WITHDRAWN

#: Threads at most. A name server that does not answer holds one for up to half a minute.
LIMIT = 32


class Job:
    """One call for one hub. A pool runs it after `submit`, unless it is withdrawn before."""

    __slots__ = ("args", "call", "error", "finished", "hub", "result", "state")

    def __init__(
        self,
        hub: AbstractHub,
        call: Callable[..., Any],
        args: tuple[Any, ...],
        finished: Callable[[], object],
    ) -> None:
        self.hub = hub
        self.call = call
        self.args = args
        self.finished = finished  # called in the hub, once, when the call has returned
        self.result: Any = None
        self.error: BaseException | None = None
        self.state = QUEUED  # changed under the pool's lock; any thread may look

    def submit(self) -> None:
        pool.submit(self)

    def withdraw(self) -> None:
        """Nobody wants the result any more."""
        pool.withdraw(self)

    def run(self) -> None:
        try:
            self.result = self.call(*self.args)
        except BaseException as error:
            self.error = error.with_traceback(None)
        try:
            self.hub.call_soon_threadsafe(self._finish)
        except (HubClosedError, OSError):
            pass  # nobody is there any more who could be told

    def _finish(self) -> None:
        self.hub.jobs -= 1
        finished = self.finished
        del self.finished  # it refers to who has this object
        finished()


class Pool:
    """At most `limit` threads; jobs beyond that wait in line."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self.threads = 0  # protected by the lock
        self.queue: deque[Job] = deque()  # protected by the lock
        self.lock = allocate_lock()

    def submit(self, job: Job) -> None:
        """Have a thread run `job`. Never waits, unless no thread can be started at all: then the
        job is run at once, in the calling one."""
        job.hub.jobs += 1
        with self.lock:
            self.queue.append(job)
            if self.threads >= self.limit:
                return
            self.threads += 1
        try:
            start_new_thread(self._work, ())
        except RuntimeError:  # no more threads, or the interpreter is ending
            with self.lock:
                self.threads -= 1
                if self.threads or job.state != QUEUED:
                    return
                self.queue.remove(job)
                job.state = BEGUN
            job.run()

    def withdraw(self, job: Job) -> None:
        """Take back `job` if no thread has begun it."""
        with self.lock:
            if job.state != QUEUED:
                return
            job.state = WITHDRAWN  # the thread that comes to it passes it over
            del job.finished
        job.hub.jobs -= 1

    def _work(self) -> None:
        while True:
            with self.lock:
                if not self.queue:
                    self.threads -= 1
                    return
                job = self.queue.popleft()
                if job.state == WITHDRAWN:
                    continue
                job.state = BEGUN
            job.run()

    def forget_threads(self) -> None:
        """In a forked child: the threads are gone, and with them those who waited."""
        self.threads = 0
        self.queue.clear()
        self.lock = allocate_lock()


pool = Pool()
own_threads.append(lambda: pool.threads)
os.register_at_fork(after_in_child=pool.forget_threads)
