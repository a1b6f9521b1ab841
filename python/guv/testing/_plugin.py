"""The pytest plugin behind ``-p guv.testing``: each test gets a fresh hub and a deadline, and may be checked for leaks.

The deadline is kept by a native thread, in real time: the hub has no timer for it, so deadlocks are found and a
`MockClock` is not disturbed. It raises in the main greenlet once that yields; a test that never yields needs
pytest-timeout as well.
"""

from __future__ import annotations

import gc
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from greenlet import getcurrent, greenlet

from .._originals import allocate_lock, get_ident, monotonic_ns, start_new_thread
from ..debug._stacks import greenlet_stacks, living_greenlets, root_of
from ..greenthread import kill
from ..hubs import fork
from ..hubs.abc import AbstractHub
from ..hubs.current import all_hubs, current_hub, drop_hub, get_hub
from ..hubs.deadlock import own_threads, waits_for
from ._blocked import wait_all_blocked
from ._clock import MockClock
from ._leaks import leak_check

_MARKER = "guv(deadline=..., leaks=...): seconds that each phase of a test may take; whether it is checked for leaks"

#: How often a greenlet that a test leaves is killed. An executor's thread takes the first for the error of its call.
_KILLS = 5

_stacks = pytest.StashKey[ExitStack]()


class DeadlineExceeded(BaseException):
    """A phase of a test took too long. Not an Exception, so that a test's own handlers let it pass."""


def add_options(parser: pytest.Parser) -> None:
    """Called by pytest, through `guv.testing`."""
    parser.addini("guv_deadline", "seconds that each phase of a test may take; 0: no deadline", default="30")
    parser.addini("guv_leaks", "whether tests are checked for leaks", type="bool", default=False)
    group = parser.getgroup("guv")
    group.addoption("--guv-deadline", type=float, metavar="SECONDS", help="overrides the ini option guv_deadline")
    group.addoption("--guv-leaks", action="store_true", help="check each test for leaks")


def pytest_configure(config: pytest.Config) -> None:
    """Called by pytest."""
    config.addinivalue_line("markers", _MARKER)


# ---- a fresh hub


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Each test begins without a hub; what it leaves in its own is ended."""
    _end_hub()
    try:
        return (yield)
    finally:
        _end_hub()


def _end_hub() -> None:
    """Kill the greenlets of this thread's hub and close it."""
    hub = current_hub()
    if hub is None:
        return
    try:
        with _deadline(10, "the end of the greenlets that it left"):
            for _ in range(_KILLS):
                left = [g for g in living_greenlets(root_of(getcurrent())) if _is_below(g, hub)]
                for g in left:
                    kill(g)
    except DeadlineExceeded as error:
        warnings.warn(str(error), stacklevel=1)  # one of them waits in a finally block; it will never go on
    drop_hub()
    gc.collect(0)


def _is_below(g: greenlet, hub: AbstractHub) -> bool:
    if g is getcurrent():
        return False
    parent = g.parent
    while parent is not None and parent is not hub:
        parent = parent.parent
    return parent is hub


# ---- the deadline


class _Keeper:
    """One native thread that makes a call at a time, unless it is told in time not to."""

    def __init__(self) -> None:
        self.lock = allocate_lock()  # for the rest; held for moments
        self.bell = allocate_lock()  # released to make the thread look
        self.bell.acquire()
        self.deadline = 0  # nanoseconds of real time; 0: nothing to do
        self.call: Callable[[], object] | None = None
        self.process = 0  # in which the thread runs

    def arm(self, seconds: float, call: Callable[[], object]) -> None:
        """Make `call` in `seconds`, in the thread; instead of the one before."""
        with self.lock:
            self.deadline, self.call = monotonic_ns() + int(seconds * 1e9), call
        if self.process != os.getpid():
            self.process = os.getpid()
            start_new_thread(self._run, ())
        elif self.bell.locked():
            self.bell.release()

    def disarm(self) -> None:
        """Make no call."""
        with self.lock:
            self.deadline, self.call = 0, None

    def _run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are for the threads of the tests
        while True:
            with self.lock:
                left = (self.deadline - monotonic_ns()) / 1e9 if self.deadline else -1
                call = self.call
                if self.deadline and left <= 0:
                    self.deadline, self.call = 0, None
            if left == -1 or left > 0:
                self.bell.acquire(True, left)
            elif call is not None:
                call()

    def threads(self) -> int:
        return int(self.process == os.getpid())


_keeper = _Keeper()
own_threads.append(_keeper.threads)
fork.harmless_threads.append(_keeper.threads)


@contextmanager
def _deadline(seconds: float, what: str) -> Iterator[None]:
    """Raise `DeadlineExceeded` in the main greenlet if the block is not over in `seconds`; 0: never."""
    if not seconds:
        yield
        return
    thread = get_ident()
    over = False

    def fire() -> None:
        hub = get_hub()
        if not over:
            others = [s for s in greenlet_stacks() if s.greenlet not in (hub, hub.main)]
            waits = f"main waits for {waits_for(hub.main)}"
            stacks = "\n".join(["The others:", *map(str, others)]) if others else ""
            hub.main.throw(DeadlineExceeded(f"{what} took more than {seconds:g} s; {waits}. {stacks}"))

    def ring() -> None:
        for hub in all_hubs():
            if hub.thread == thread and not hub.closed:
                hub.call_soon_threadsafe(fire)

    _keeper.arm(seconds, ring)
    try:
        yield
    finally:
        over = True
        _keeper.disarm()


def _option(item: pytest.Item, name: str) -> Any:
    """What the nearest marker says, else the command line, else the ini file."""
    for marker in item.iter_markers("guv"):
        if name in marker.kwargs:
            return marker.kwargs[name]
    given = item.config.getoption(f"guv_{name}", None)
    return item.config.getini(f"guv_{name}") if given in (None, False) else given


def _phase(item: pytest.Item, what: str) -> Iterator[None]:
    seconds = float(_option(item, "deadline"))
    try:
        with _deadline(seconds, f"{what} of {item.nodeid}"):
            return (yield)
    except DeadlineExceeded as error:
        raise pytest.fail.Exception(str(error)).with_traceback(error.__traceback__) from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Called by pytest."""
    stack = item.stash[_stacks] = ExitStack()
    if _option(item, "leaks"):
        stack.enter_context(leak_check())
    return (yield from _phase(item, "setting up"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Called by pytest."""
    return (yield from _phase(item, "the run"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Called by pytest. Leaks are those that are left when all fixtures of the test are gone."""
    yield from _phase(item, "tearing down")
    item.stash[_stacks].close()


# ---- fixtures


@pytest.fixture
def mock_clock() -> Iterator[MockClock]:
    """A `guv.testing.MockClock` for the test; it jumps when everybody waits."""
    with MockClock() as clock:
        yield clock


@pytest.fixture
def all_blocked() -> Callable[..., None]:
    """`guv.testing.wait_all_blocked`."""
    return wait_all_blocked
