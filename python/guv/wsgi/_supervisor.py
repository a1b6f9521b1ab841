"""Worker processes and the one that looks after them: starts, replaces, reloads and stops them.

The supervisor is a plain blocking program: it loads no hub, so that a fork costs little and inherits nothing. It never
touches the sockets that the workers share. A worker tells by a pipe that it serves, and at its end how many requests it
has served. All of them hold the reading end of one more pipe, whose end tells them that the supervisor is gone.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from time import monotonic
from types import FrameType

READY = b"ready\n"
_WATCHED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
_LONGEST_PAUSE = 30.0  # seconds between attempts to start a worker that does not come up
FAILED_TO_START = 3  # the exit status

#: what a worker process runs: gets the descriptor to report to and the one that ends with the supervisor, and
#: returns its exit status
Work = Callable[[int, int], int]


class _Worker:
    """A child process, as its parent sees it."""

    def __init__(self, pid: int, pipe: int, generation: int) -> None:
        self.pid = pid
        self.pipe = pipe  # what it reports comes here
        self.generation = generation
        self.report = b""
        self.stopping = False

    @property
    def ready(self) -> bool:
        return self.report.startswith(READY)

    @property
    def requests(self) -> int:
        count = self.report[len(READY) :].strip()
        return int(count) if count.isdigit() else 0


class Supervisor:
    """Keeps `count` processes running `work`.

    SIGTERM and SIGINT stop them gracefully, for `graceful_timeout` seconds at most; SIGQUIT, or SIGINT again, at once.
    SIGHUP starts new ones and, when these serve, stops the old: no connection is refused meanwhile. If the new ones do
    not come up the old ones stay.
    """

    def __init__(self, work: Work, count: int, graceful_timeout: float, say: Callable[[str], object]) -> None:
        self.work = work
        self.count = count
        self.graceful_timeout = graceful_timeout
        self.say = say
        #: called once the first workers serve
        self.on_ready: Callable[[], object] = lambda: None
        #: requests served by the workers that have ended
        self.requests = 0
        self._workers: dict[int, _Worker] = {}
        self._generation = 1
        self._wanted = 1  # the generation that is to serve; differs from the other while it is coming up
        self._came_up = False  # some generation has
        self._stopping = False
        self._status = 0
        self._deadline: float | None = None  # when those that are stopping are killed
        self._failures = 0
        self._next_start = 0.0
        self._signals: list[int] = []

    def run(self) -> int:
        """Run until stopped; the exit status. In a worker it ends by SystemExit."""
        for number in _WATCHED:
            signal.signal(number, self._note)
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        self._life, self._life_end = os.pipe2(os.O_CLOEXEC)
        self._private = [wake, waker, self._life_end]  # what a worker must not hold
        while True:
            self._start_missing()
            pipes = {worker.pipe: worker for worker in self._workers.values()}
            for fd in select.select([wake, *pipes], [], [], self._patience())[0]:
                if fd == wake:
                    os.read(wake, 4096)
                else:
                    self._hear(pipes[fd])
            while self._signals:
                self._obey(self._signals.pop(0))
            self._reap()
            self._settle()
            if self._stopping and not self._workers:
                return self._status

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._signals.append(number)

    def _patience(self) -> float | None:
        """How long nothing has to be done unless something happens."""
        due = [] if self._deadline is None else [self._deadline]
        if not self._stopping and self._missing():
            due.append(self._next_start)
        return max(0.0, min(due) - monotonic()) if due else None

    # ---- starting ----

    def _missing(self) -> int:
        alive = sum(worker.generation == self._wanted and not worker.stopping for worker in self._workers.values())
        return self.count - alive

    def _start_missing(self) -> None:
        if not self._stopping and monotonic() >= self._next_start:
            for _ in range(self._missing()):
                self._start()

    def _start(self) -> None:
        reading, writing = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid:
            os.close(writing)
            os.set_blocking(reading, False)
            self._workers[pid] = _Worker(pid, reading, self._wanted)
            return
        signal.set_wakeup_fd(-1)
        for number in _WATCHED:
            signal.signal(number, signal.SIG_DFL)
        for fd in (reading, *self._private, *(worker.pipe for worker in self._workers.values())):
            os.close(fd)
        self._workers.clear()
        raise SystemExit(self.work(writing, self._life))

    # ---- what happens to workers ----

    def _hear(self, worker: _Worker) -> None:
        try:
            worker.report += os.read(worker.pipe, 4096)
        except BlockingIOError:
            pass

    def _reap(self) -> None:
        for worker in list(self._workers.values()):
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._ended(worker, os.waitstatus_to_exitcode(status))

    def _ended(self, worker: _Worker, status: int) -> None:
        self._hear(worker)
        os.close(worker.pipe)
        del self._workers[worker.pid]
        self.requests += worker.requests
        if worker.stopping:
            return
        end = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        if worker.ready:
            self.say(f"worker {worker.pid} {end}; it is replaced")
        elif not self._came_up:
            self.say(f"worker {worker.pid} {end} before it served")
            self._status = self._status or FAILED_TO_START
            self._stop(kill=False)
        elif worker.generation != self._generation:
            self.say(f"worker {worker.pid} {end} before it served; the old workers stay")
            for other in self._workers.values():
                if other.generation == self._wanted:
                    self._end(other)
            self._wanted = self._generation
        else:
            self._failures += 1
            pause = min(0.5 * 2**self._failures, _LONGEST_PAUSE)
            self._next_start = monotonic() + pause
            self.say(f"worker {worker.pid} {end} before it served; the next attempt is in {pause:.0f} s")

    def _settle(self) -> None:
        """See whether those that were started serve by now, and kill those whose time is over."""
        fresh = [worker for worker in self._workers.values() if worker.generation == self._wanted]
        if not self._stopping and len(fresh) >= self.count and all(worker.ready for worker in fresh):
            self._failures = 0
            if not self._came_up:
                self._came_up = True
                self.on_ready()
            if self._wanted != self._generation:
                self._generation = self._wanted
                self.say(f"reloaded: {self.count} new workers serve")
                for worker in self._workers.values():
                    if worker.generation != self._generation:
                        self._end(worker)
        if self._deadline is not None and monotonic() >= self._deadline:
            self._deadline = None
            for worker in self._workers.values():
                if worker.stopping:
                    self.say(f"worker {worker.pid} did not stop in time and is killed")
                    os.kill(worker.pid, signal.SIGKILL)

    # ---- stopping ----

    def _obey(self, number: int) -> None:
        if number == signal.SIGHUP:
            if not self._stopping and self._came_up and self._wanted == self._generation:
                self._wanted += 1
                self._next_start = 0.0
        else:
            self._stop(kill=number == signal.SIGQUIT or (number == signal.SIGINT and self._stopping))

    def _stop(self, kill: bool) -> None:
        self._stopping = True
        for worker in self._workers.values():
            if kill:
                worker.stopping = True
                os.kill(worker.pid, signal.SIGKILL)
            else:
                self._end(worker)

    def _end(self, worker: _Worker) -> None:
        if not worker.stopping:
            worker.stopping = True
            os.kill(worker.pid, signal.SIGTERM)
            # a worker gives its requests up by itself in time; it is killed only if it does not even do that
            self._deadline = monotonic() + self.graceful_timeout + 2.0
