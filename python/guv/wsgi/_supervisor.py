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
FAILED_TO_START = 3  # the exit status

#: what a worker process runs: gets the descriptor to report to and the one that ends with the supervisor, and
#: returns its exit status
Work = Callable[[int, int], int]


class Backoff:
    """When processes that have ended are started again: the pauses double as long as they do not last. No clock.

    One that ends while a pause is in force does not prolong it: all that die together are one failure.
    """

    FIRST = 0.5  # seconds
    LONGEST = 30.0
    LASTING = 10.0  # seconds; one that has served for so long has not failed

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Nothing has failed."""
        self.until = 0.0  #: when the next may be started
        self._pause = 0.0

    def ended(self, now: float, lived: float) -> float:
        """A process ended that had served for `lived` seconds; how many seconds remain until it may be replaced."""
        if lived >= self.LASTING:
            self.reset()
        elif now >= self.until:
            self._pause = min(2 * self._pause, self.LONGEST) or self.FIRST
            self.until = now + self._pause
        return max(0.0, self.until - now)


class _Worker:
    """A child process, as its parent sees it."""

    def __init__(self, pid: int, pipe: int, generation: int) -> None:
        self.pid = pid
        self.pipe = pipe  # what it reports comes here
        self.generation = generation
        self.report = b""
        self.since = 0.0  # when it was heard that it serves
        self.stopping = False
        self.deadline: float | None = None  # when it is killed, once it is stopping

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
    not come up the old ones stay. A worker that dies is replaced, at once or after a pause as `Backoff` says; signals
    are obeyed during the pause.
    """

    def __init__(self, work: Work, count: int, graceful_timeout: float, say: Callable[[str], object]) -> None:
        self.work = work
        self.count = count
        self.graceful_timeout = graceful_timeout
        self.say = say
        #: called once the first workers serve
        self.on_ready: Callable[[], object] = lambda: None
        #: called when it begins to stop
        self.on_stop: Callable[[], object] = lambda: None
        #: requests served by the workers that have ended
        self.requests = 0
        self._workers: dict[int, _Worker] = {}
        self._generation = 1
        self._wanted = 1  # the generation that is to serve; differs from the other while it is coming up
        self._came_up = False  # some generation has
        self._stopping = False
        self._status = 0
        self._backoff = Backoff()
        self._reload_next = False  # it was asked for while another one was under way
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
            self._reload_if_asked()
            if self._stopping and not self._workers:
                return self._status

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._signals.append(number)

    def _patience(self) -> float | None:
        """How long nothing has to be done unless something happens."""
        due = [worker.deadline for worker in self._workers.values() if worker.deadline is not None]
        if not self._stopping and self._missing():
            due.append(self._backoff.until)
        return max(0.0, min(due) - monotonic()) if due else None

    # ---- starting ----

    def _fresh(self) -> list[_Worker]:
        """The workers that are to serve from now on."""
        return [one for one in self._workers.values() if one.generation == self._wanted and not one.stopping]

    def _missing(self) -> int:
        return self.count - len(self._fresh())

    def _start_missing(self) -> None:
        if not self._stopping and monotonic() >= self._backoff.until:
            for _ in range(self._missing()):
                self._start()

    def _start(self) -> None:
        reading, writing = os.pipe2(os.O_CLOEXEC)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)  # our handlers in the child would swallow them
        pid = os.fork()
        if pid:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.close(writing)
            os.set_blocking(reading, False)
            self._workers[pid] = _Worker(pid, reading, self._wanted)
            return
        signal.set_wakeup_fd(-1)
        for number in _WATCHED:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
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
        if worker.ready and not worker.since:
            worker.since = monotonic()

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
            now = monotonic()
            pause = self._backoff.ended(now, now - worker.since)
            when = f" in {pause:.3g} s" if pause else ""
            self.say(f"worker {worker.pid} {end}; it is replaced{when}")
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
            pause = self._backoff.ended(monotonic(), 0.0)
            self.say(f"worker {worker.pid} {end} before it served; the next attempt is in {pause:.3g} s")

    def _settle(self) -> None:
        """See whether those that were started serve by now, and kill those whose time is over."""
        if not self._stopping and not self._missing() and all(worker.ready for worker in self._fresh()):
            if not self._came_up:
                self._came_up = True
                self.on_ready()
            if self._wanted != self._generation:
                self._generation = self._wanted
                self.say(f"reloaded: {self.count} new workers serve")
                for worker in self._workers.values():
                    if worker.generation != self._generation:
                        self._end(worker)
        for worker in self._workers.values():
            if worker.deadline is not None and monotonic() >= worker.deadline:
                worker.deadline = None
                self.say(f"worker {worker.pid} did not stop in time and is killed")
                os.kill(worker.pid, signal.SIGKILL)

    # ---- stopping ----

    def _obey(self, number: int) -> None:
        if number == signal.SIGHUP:
            self._reload_next = True
        else:
            self._stop(kill=number == signal.SIGQUIT or (number == signal.SIGINT and self._stopping))

    def _reload_if_asked(self) -> None:
        """Begin the next generation, unless one is coming up."""
        if self._reload_next and self._came_up and self._wanted == self._generation and not self._stopping:
            self._reload_next = False
            self._wanted += 1
            self._backoff.reset()

    def _stop(self, kill: bool) -> None:
        if not self._stopping:
            self._stopping = True
            self.on_stop()
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
            worker.deadline = monotonic() + self.graceful_timeout + 2.0
