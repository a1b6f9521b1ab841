"""Greenthreads: functions that run side by side in one thread.

`spawn` queues a function to start on the next turn of the loop; its `GreenThread` gives the result,
can be waited for, linked to and killed. The function runs until it waits for something; nothing
else runs meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Any, Generic, TypeVar, cast

from greenlet import GreenletExit, getcurrent, greenlet

from ._originals import monotonic_ns
from .hubs.abc import SYSTEM_ERRORS, AbstractHub, Timer
from .hubs.current import get_hub, hub_of
from .hubs.switch import gyield, sleep_until, unpark, wake

T = TypeVar("T")

_DONE: Any = object()


class GreenThread(greenlet, Generic[T]):
    """A greenlet made by `spawn` or `spawn_after`, and its result."""

    __slots__ = (
        "_call",      # (function, args, kwargs), None while it runs, _DONE afterwards
        "_error",     # what it ended with, or None
        "_links",     # callables and waiting greenlets, in order; None if there are none
        "_value",     # what the function returned
        "hub",        # whose loop it runs in; constant
        "starter",    # the timer that will start it, for spawn_after
    )  # fmt: skip

    hub: AbstractHub
    starter: Timer
    _value: T
    _call: Any
    _links: list[Any] | None

    def run(self) -> None:
        function, args, kwargs = self._call
        self._call = None
        try:
            self._value = function(*args, **kwargs)
            self._error: BaseException | None = None
        except BaseException as error:
            self._error = error
            self._value = cast(T, None)
        self._finish()
        if isinstance(self._error, SYSTEM_ERRORS) and hub_of(self).main is self:
            raise self._error  # of a forked child: `guv.hubs.fork` ends the process

    def _finish(self) -> None:
        self._call = _DONE
        links, self._links = self._links, None
        error = self._error
        if links is not None:
            for link in links:
                if isinstance(link, greenlet):
                    wake(link.hub, link)  # type: ignore[attr-defined]
                else:
                    try:
                        link(self)
                    except BaseException as raised:
                        hub_of(self).handle_error(self, raised)
        elif error is not None:
            hub_of(self).handle_error(self, error)

    def __repr__(self) -> str:
        call = self._call
        name = "ended" if call is _DONE else "running"
        if isinstance(call, tuple):
            name = f"to call {getattr(call[0], '__qualname__', call[0])!r}"
        return f"<{type(self).__name__} {id(self):#x} {name}>"

    def wait(self) -> T:
        """The function's result; yields until it has ended. Its exception is raised here."""
        if self._call is not _DONE:
            self._join()
        error = self._error
        if error is not None:
            raise error.with_traceback(error.__traceback__)
        return self._value

    def _join(self) -> None:
        """Park until it has ended."""
        current = getcurrent()
        if current is self:
            raise RuntimeError("a greenthread can't wait for itself to end")
        hub = hub_of(current)
        links = self._links
        if links is None:
            links = self._links = []
        links.append(current)
        is_main = current is hub.main
        if is_main:
            hub.main_waits = self
        try:
            while self._call is not _DONE:
                hub.ready.popleft().switch()
        except BaseException:
            if current in links:
                links.remove(current)
            unpark(hub, current)
            raise
        finally:
            if is_main:
                hub.main_waits = None

    def link(self, func: Callable[..., object], *curried: Any, **kwargs: Any) -> None:
        """Call `func(self, *curried, **kwargs)` in this greenthread when it ends; at once if it has."""
        call = partial(_call_link, func, curried, kwargs)
        if self._call is _DONE:
            call(self)
        elif self._links is None:
            self._links = [call]
        else:
            self._links.append(call)

    def unlink(self, func: Callable[..., object], *curried: Any, **kwargs: Any) -> bool:
        """Undo a `link` with the same arguments; False if there was none."""
        wanted = (func, curried, kwargs)
        for link in self._links or ():
            if isinstance(link, partial) and link.args == wanted and self._links is not None:
                self._links.remove(link)
                if not self._links:
                    self._links = None
                return True
        return False

    def kill(self, *throw_args: Any) -> None:
        """See `kill`."""
        kill(self, *throw_args)

    def cancel(self, *throw_args: Any) -> None:
        """See `cancel`."""
        cancel(self, *throw_args)


def _call_link(
    func: Callable[..., object], curried: tuple[Any, ...], kwargs: dict[str, Any],
    ended: GreenThread[Any],
) -> None:  # fmt: skip
    func(ended, *curried, **kwargs)


def sleep(seconds: float = 0) -> None:
    """Yield for at least `seconds`; 0 or less lets the others run once."""
    if seconds > 0:
        sleep_until(monotonic_ns() + int(seconds * 1e9))
    else:
        gyield()


def spawn(func: Callable[..., T], *args: Any, **kwargs: Any) -> GreenThread[T]:
    """Run `func(*args, **kwargs)` in a greenthread of its own, from the next turn of the loop on.

    It sees a copy of the caller's `contextvars`. Never yields.
    """
    current = getcurrent()
    try:
        hub = current.hub  # type: ignore[attr-defined]
    except AttributeError:
        hub = hub_of(current)
    thread: GreenThread[T] = GreenThread(None, hub)
    thread.hub = hub
    thread._call = func, args, kwargs
    thread._links = None
    thread.gr_context = copy_context()
    hub.calls.append(thread.switch)
    return thread


def spawn_n(func: Callable[..., object], *args: Any, **kwargs: Any) -> greenlet:
    """As `spawn`, in a bare greenlet: no result, no links; exceptions are only reported."""
    hub = get_hub()
    started = greenlet(func, hub)
    started.gr_context = copy_context()
    hub.calls.append(partial(started.switch, *args, **kwargs))
    return started


def spawn_after(seconds: float, func: Callable[..., T], *args: Any, **kwargs: Any) -> GreenThread[T]:
    """As `spawn`, but `func` starts after `seconds`, unless it is cancelled before."""
    hub = get_hub()
    thread: GreenThread[T] = GreenThread(None, hub)
    thread.hub = hub
    thread._call = func, args, kwargs
    thread._links = None
    thread.gr_context = copy_context()
    thread.starter = hub.schedule_call_global(seconds, thread.switch)
    return thread


def kill(g: greenlet, *throw_args: Any) -> None:
    """Raise `throw_args` (default: GreenletExit) in `g`, which ends it unless it catches that.

    A greenlet that has not started ends without running; one that has ended is left alone. The
    caller yields, and goes on in the next turn. A greenlet of another thread is killed there.
    """
    if g.dead:
        return
    current = getcurrent()
    if g is current:
        raise _exception(throw_args)
    hub = hub_of(current)
    home = getattr(g, "hub", hub)
    if home is not hub:
        home.call_soon_threadsafe(_throw, g, throw_args)
        return
    if g:
        hub.ready.append(current)
        g.throw(*throw_args)
    else:
        _end_unstarted(g, throw_args)
        gyield()


def cancel(g: greenlet, *throw_args: Any) -> None:
    """As `kill`, if `g` has not started yet; otherwise nothing."""
    if not g:
        kill(g, *throw_args)


def _throw(g: greenlet, throw_args: tuple[Any, ...]) -> None:
    """`kill` as the hub of `g` does it."""
    if g:
        g.throw(*throw_args)
    elif not g.dead:
        _end_unstarted(g, throw_args)


def _exception(throw_args: tuple[Any, ...]) -> BaseException:
    """The exception that `greenlet.throw(*throw_args)` would raise."""
    if not throw_args:
        return GreenletExit()
    kind = throw_args[0]
    if isinstance(kind, BaseException):
        return kind
    value = throw_args[1] if len(throw_args) > 1 else None
    if isinstance(value, kind):
        return cast(BaseException, value)
    return cast(BaseException, kind() if value is None else kind(value))


def _end_unstarted(g: greenlet, throw_args: tuple[Any, ...]) -> None:
    """End a greenlet that never ran: its links fire, the exception is kept for `wait`."""
    if isinstance(g, GreenThread):
        if g._call is _DONE:
            return
        starter = getattr(g, "starter", None)
        if starter is not None:
            starter.cancel()
        g._error = _exception(throw_args)
        g._links = g._links or []  # nothing was lost, so nothing is reported
        g._finish()
    g.run = _nothing


def _nothing(*args: Any, **kwargs: Any) -> None:
    """What a greenlet runs that was killed before it started."""
