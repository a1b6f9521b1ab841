"""Blocking calls that no descriptor stands for: each in a native thread of its own.

For waits that may last long and are few (a child of a group, a file lock, a semaphore of other
processes): they must not use up the bounded pool of `guv.tpool`. The thread knows nothing of
greenlets; its result comes back through the hub's mail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from greenlet import getcurrent, greenlet

from .._originals import start_new_thread
from ..exceptions import HubClosedError
from .abc import AbstractHub
from .current import hub_of
from .switch import unpark

T = TypeVar("T")


class Call:
    """A call that a native thread makes for a greenlet."""

    __slots__ = ("abandoned", "args", "done", "error", "function", "hub", "ran", "undo", "value",
                 "waiter")  # fmt: skip

    def __init__(
        self, hub: AbstractHub, waiter: greenlet, function: Callable[..., Any],
        args: tuple[Any, ...], undo: Callable[[Any], object] | None,
    ) -> None:  # fmt: skip
        self.hub = hub
        self.waiter: greenlet | None = waiter  # hub's thread; None once it gave up
        self.function = function
        self.args = args
        self.undo = undo
        self.done = False  # set in the hub's thread
        self.abandoned = False  # set there too, read by the native thread
        self.ran = False  # native thread; these three before the mail is sent
        self.value: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        """The native thread's part."""
        if not self.abandoned:
            self.ran = True
            try:
                self.value = self.function(*self.args)
            except BaseException as error:
                self.error = error
        try:
            self.hub.call_soon_threadsafe(self.finish)
        except HubClosedError:
            self.take_back()

    def finish(self) -> None:
        """The hub's part."""
        self.hub.jobs -= 1
        self.done = True
        waiter, self.waiter = self.waiter, None
        if waiter is not None:
            self.hub.ready.append(waiter)
        elif self.abandoned:
            self.take_back()

    def take_back(self) -> None:
        """Nobody wants the result any more."""
        if self.undo is not None and self.error is None and self.ran:
            self.undo(self.value)


def run_native(
    function: Callable[..., T],
    *args: Any,
    undo: Callable[[T], object] | None = None,
    start: Callable[[Callable[[], None]], object] | None = None,
) -> T:
    """Call `function(*args)` in a native thread and wait for it; yields.

    If an exception is thrown into the waiting greenlet, the thread ends its call in its own time;
    `undo` is then called with the result, in the hub, so that nothing obtained is lost. A call that
    has not begun by then is not made.

    `start` has a thread call its argument; by default a new thread does.
    """
    current = getcurrent()
    hub = hub_of(current)
    if current is hub:
        raise RuntimeError(f"a callback in the hub can't wait for {function!r} in a native thread")
    call = Call(hub, current, function, args, undo)
    hub.jobs += 1
    try:
        if start is None:
            start_new_thread(call.run, ())
        else:
            start(call.run)
    except BaseException:
        hub.jobs -= 1
        raise
    try:
        while not call.done:
            hub.ready.popleft().switch()
    except BaseException:
        call.abandoned = True
        call.waiter = None
        if call.done:
            unpark(hub, current)
            call.take_back()
        raise
    error, call.error = call.error, None
    if error is not None:
        try:
            raise error
        finally:
            del error  # its traceback has this frame
    return cast(T, call.value)
