"""Greenthreads: functions that run side by side in one thread.

`spawn` queues a function to start on the next turn of the loop; its `GreenThread` gives the result,
can be waited for, linked to and killed. The function runs until it waits for something; nothing
else runs meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from greenlet import GreenletExit, getcurrent, greenlet
from greenlet import error as NotSwitchable

from ._originals import get_ident, monotonic_ns
from .exceptions import HubClosedError, WrongThreadError
from .hubs.abc import SYSTEM_ERRORS, AbstractHub
from .hubs.current import get_hub, hub_of
from .hubs.deadline import ENDLESS, deadline_after
from .hubs.ident import minimal_ident
from .hubs.switch import gyield, sleep_until, unpark
from .hubs.timeout import Timeout
from .hubs.timer import Timer
from .hubs.waiting import NOTHING, Note, current_and_hub, park, resume

if TYPE_CHECKING:
    from asyncio import Future
    from traceback import FrameSummary

__all__ = ["GreenThread", "cancel", "kill", "sleep", "spawn", "spawn_after", "spawn_n", "throw"]

P = ParamSpec("P")
T = TypeVar("T")

_DONE: Any = object()


class GreenThread(greenlet, Generic[T]):
    """A greenlet made by `spawn` or `spawn_after`, and its result."""

    __slots__ = (
        "_call",      # (function, args, kwargs), None while it runs, _DONE afterwards
        "_error",     # what it ended with, or None
        "_links",     # who wants to know, in order: notes [greenlet, value, whether it takes the error] of those who
                      # wait, pairs (callback, whether it takes the error); None if there are none
        "_traceback", # of _error, when it was raised: everyone who waits raises that anew
        "_value",     # what the function returned
        "hub",        # whose loop it runs in; constant
    )  # fmt: skip
    # Few have more, in the dict of a greenlet, which is made when it is needed: `_name`, what `name` was set to;
    # `starter`, the timer that will start one of spawn_after; `_origin`, what `guv.debug.track_spawns` has noted.

    hub: AbstractHub
    starter: Timer
    _name: str
    _origin: Any
    _value: T
    _call: Any
    _links: list[Any] | None

    def run(self) -> None:
        """Its body: calls the function. Not to be called."""
        function, args, kwargs = self._call
        self._call = None
        try:
            self._value = function(*args, **kwargs)
        except BaseException as error:
            self._error: BaseException | None = error
            self._traceback = None if isinstance(error, GreenletExit) else error.__traceback__
            error.__traceback__ = self._traceback  # that of a kill tells nothing, and refers to this greenlet
            self._value = cast(T, None)
            self._finish()
            if isinstance(error, SYSTEM_ERRORS) and hub_of(self).main is self:
                raise  # of a forked child: `guv.hubs.fork` ends the process
            del self, function, args, kwargs  # the traceback has this frame
        else:
            self._error = None
            self._call = _DONE
            if self._links is not None:
                self._finish()

    def _finish(self, report: bool = True) -> None:
        self._call = _DONE
        links = self._links
        self._links = None
        taken = False
        if links is not None:
            for link in links:
                if link.__class__ is list:
                    if link[0] is not None:
                        link[1] = True
                        taken = (resume(link) and link[2]) or taken
                else:
                    call, takes = link
                    taken = takes or taken
                    try:
                        call(self)
                    except BaseException as raised:
                        hub_of(self).handle_error(self, raised)
        if self._error is not None and report and not taken:
            hub_of(self).handle_error(self, self._error)

    def __repr__(self) -> str:
        call = self._call
        what = "ended" if call is _DONE else "running"
        if isinstance(call, tuple):
            what = f"to call {getattr(call[0], '__qualname__', call[0])!r}"
        try:
            return f"<{type(self).__name__} {self._name!r} {what}>"
        except AttributeError:
            return f"<{type(self).__name__} {id(self):#x} {what}>"

    # ---- what it is

    @property
    def name(self) -> str:
        """What reports call it: ``GreenThread-`` and `minimal_ident`, unless it is set."""
        try:
            return self._name
        except AttributeError:
            return f"{type(self).__name__}-{self.minimal_ident}"

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    @property
    def minimal_ident(self) -> int:
        """A small number that no other living greenlet has; given at the first use, reused after its death."""
        return minimal_ident(self)

    @property
    def spawning_stack(self) -> tuple[FrameSummary, ...]:
        """Where it was spawned, outermost call first; empty unless `guv.debug.track_spawns` was on, which
        ``GUV_TRACK_SPAWNS=1`` in the environment does as well."""
        try:
            return self._origin.stack  # type: ignore[no-any-return]
        except AttributeError:
            return ()

    @property
    def spawning_greenlet(self) -> greenlet | None:
        """Who spawned it, if that is known (see `spawning_stack`) and still exists."""
        try:
            return self._origin.spawner()  # type: ignore[no-any-return]
        except AttributeError:
            return None

    @property
    def started(self) -> bool:
        """Whether it has begun to run, or has ended."""
        return not isinstance(self._call, tuple)

    def ready(self) -> bool:
        """Whether it has ended."""
        return self._call is _DONE

    def successful(self) -> bool:
        """Whether it has ended and its function returned. False if it was killed."""
        return self._call is _DONE and self._error is None

    @property
    def value(self) -> T | None:
        """What its function returned; None while it runs, and if it raised."""
        return self._value if self._call is _DONE and self._error is None else None

    @property
    def exception(self) -> BaseException | None:
        """What its function raised (`GreenletExit` if it was killed); None while it runs, and if it returned."""
        return self._error if self._call is _DONE else None

    @property
    def exc_info(self) -> tuple[Any, ...]:
        """Its `exception` as `sys.exc_info()` gives it; three times None if there is none."""
        error = self.exception
        return (None, None, None) if error is None else (type(error), error, self._traceback)

    # ---- waiting for it

    def wait(self) -> T:
        """The function's result; yields until it has ended. Its exception is raised here."""
        if self._call is not _DONE:
            self._join(None, True)
        error = self._error
        if error is not None:
            try:
                raise error.with_traceback(self._traceback)
            finally:
                del self, error  # its traceback has this frame
        return self._value

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """As `wait`; raises `Timeout` if it has not ended after `timeout` seconds, or now without `block`."""
        if self._call is not _DONE and not (block and self._join(timeout, True)):
            raise Timeout._stopped(timeout, None) if block else Timeout()
        try:
            return self.wait()
        finally:
            del self  # an exception's traceback has this frame

    def __await__(self) -> Generator[Future[T], None, T]:
        """``await`` it in a coroutine: its result, or its exception raised; `asyncio.CancelledError` if it was killed.

        The event loop may run in any greenlet or thread. Cancelling the task that awaits it kills it.
        """
        from .asyncio import outcome

        return outcome(self).__await__()

    def join(self, timeout: float | None = None) -> bool:
        """Yield until it has ended, for at most `timeout` seconds; whether it has. Raises nothing of its own.

        An exception that only `join` waits for is reported as one that nobody waits for.
        """
        return self._call is _DONE or self._join(timeout, False)

    def _join(self, timeout: float | None, takes: bool) -> bool:
        """Park until it has ended."""
        current, hub = current_and_hub()
        if current is self:
            raise RuntimeError("a greenthread can't wait for itself to end")
        if self.hub.closed:
            raise HubClosedError(f"{self!r} will never end: its hub is closed")
        note: Note = [current, NOTHING, takes]
        if not self._add_link(note):
            return True
        try:
            return park(hub, current, note, timeout, self)
        finally:
            if note[1] is NOTHING:
                self._drop_link(note)

    def _add_link(self, link: Any) -> bool:
        """False if it has ended. Looking and adding is one step, as far as other threads can see."""
        fresh = [link]
        while True:
            if self._call is not _DONE and self._links is None:
                self._links = fresh
                return True
            links = self._links
            if links is not None:
                links += fresh
                return True
            if self._call is _DONE:
                return False

    def _drop_link(self, link: Any) -> bool:
        links = self._links
        if links is None or link not in links:
            return False
        links.remove(link)
        if not links and self._links is links:
            self._links = None
        return True

    def link(self, func: Callable[..., object], *curried: Any, **kwargs: Any) -> None:
        """Call `func(self, *curried, **kwargs)` in this greenthread when it ends; at once if it has.

        `func` is to look at the outcome: an exception of a linked greenthread is not reported.
        """
        call = partial(_call_link, func, curried, kwargs)
        if not self._add_link((call, True)):
            call(self)

    def link_value(self, func: Callable[..., object], *curried: Any, **kwargs: Any) -> None:
        """As `link`, but only if it ends by returning. An exception is reported as without the link."""
        call = partial(_call_link_value, func, curried, kwargs)
        if not self._add_link((call, False)):
            call(self)

    def link_exception(self, func: Callable[..., object], *curried: Any, **kwargs: Any) -> None:
        """As `link`, but only if it ends by an exception."""
        call = partial(_call_link_exception, func, curried, kwargs)
        if not self._add_link((call, True)):
            call(self)

    def unlink(self, func: Callable[..., object], *curried: Any, **kwargs: Any) -> bool:
        """Undo a link of any kind with the same arguments; False if there was none."""
        wanted = (func, curried, kwargs)
        for link in self._links or ():
            if link.__class__ is tuple:
                call = link[0]
                if (isinstance(call, partial) and call.args == wanted) or (call == func and not (curried or kwargs)):
                    return self._drop_link(link)
        return False

    def rawlink(self, callback: Callable[[Any], object]) -> None:
        """Call `callback(self)` in this greenthread when it ends; at once if it has. It must not block.

        An exception that only such callbacks learn of is reported.
        """
        if not self._add_link((callback, False)):
            callback(self)

    # ---- ending it

    def throw(self, *throw_args: Any) -> Any:
        """As `greenlet.throw`: raise `throw_args` (default: GreenletExit) in it at once. Yields.

        Raises `WrongThreadError` in another thread; `kill` works there.
        """
        try:
            return greenlet.throw(self, *throw_args)
        except NotSwitchable as error:
            if self.dead or self.hub.thread == get_ident():
                raise
            raise _elsewhere(self) from error

    def kill(
        self, *throw_args: Any, exception: Any = GreenletExit, block: bool | None = None, timeout: float | None = None
    ) -> None:
        """See `kill`. With `block=False` nothing yields; with True or a `timeout` it waits as `guv.killall` does."""
        if (block is None and timeout is None) or self is getcurrent():
            kill(self, *(throw_args or (exception,)))
            return
        from .joining import killall

        killall((self,), _exception(throw_args or (exception,)), block is not False, timeout)

    def cancel(self, *throw_args: Any) -> None:
        """See `cancel`."""
        cancel(self, *throw_args)


def _call_link(
    func: Callable[..., object], curried: tuple[Any, ...], kwargs: dict[str, Any],
    ended: GreenThread[Any],
) -> None:  # fmt: skip
    func(ended, *curried, **kwargs)


def looked_at(ended: GreenThread[Any]) -> None:
    """A link that only says that somebody will look at the outcome, so that an error is not reported."""


def _call_link_value(
    func: Callable[..., object], curried: tuple[Any, ...], kwargs: dict[str, Any],
    ended: GreenThread[Any],
) -> None:  # fmt: skip
    if ended.successful():
        func(ended, *curried, **kwargs)


def _call_link_exception(
    func: Callable[..., object], curried: tuple[Any, ...], kwargs: dict[str, Any],
    ended: GreenThread[Any],
) -> None:  # fmt: skip
    if not ended.successful():
        func(ended, *curried, **kwargs)


def sleep(seconds: float = 0) -> None:
    """Yield for at least `seconds`, for ever if they are `math.inf`; 0 or less lets the others run once."""
    if seconds <= 0:
        gyield()
    else:
        sleep_until(monotonic_ns() + int(seconds * 1e9) if seconds < ENDLESS else deadline_after(seconds))


def spawn(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> GreenThread[T]:
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


def spawn_n(func: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> greenlet:
    """As `spawn`, in a bare greenlet: no result, no links; exceptions are only reported."""
    hub = get_hub()
    started = greenlet(func, hub)
    started.gr_context = copy_context()
    hub.calls.append(partial(started.switch, *args, **kwargs))
    return started


def spawn_after(seconds: float, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> GreenThread[T]:
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

    A greenlet that has not started ends without running; one that has ended is left alone; in one that is
    shielded (`guv.shield`) the exception is raised when the shield ends. The caller yields, and goes on in the next
    turn. A greenlet of another thread is killed there; if that thread has ended, it is left alone, since it never runs.
    """
    if g.dead:
        return
    current = getcurrent()
    if g is current:
        raise _exception(throw_args)
    hub = hub_of(current)
    home = getattr(g, "hub", hub)
    if home is not hub:
        throw_elsewhere(home, g, *throw_args)
        return
    shield = getattr(g, "shield", None)
    if not g or (shield is not None and shield.holds(_exception(throw_args))):
        if not g:
            _end_unstarted(g, throw_args)
        if current is not hub:
            gyield()
        return
    if current is not hub:
        hub.ready.append(current)
    try:
        g.throw(*throw_args)
    except NotSwitchable as error:
        unpark(hub, current)
        raise _elsewhere(g) from error


def cancel(g: greenlet, *throw_args: Any) -> None:
    """As `kill`, if `g` has not started yet; otherwise nothing."""
    if not g:
        kill(g, *throw_args)


def throw(g: greenlet, *throw_args: Any) -> None:
    """`kill` as a callback in the hub of `g` does it. Raises `WrongThreadError` in another thread."""
    if g:
        shield = getattr(g, "shield", None)
        if shield is None or not shield.holds(_exception(throw_args)):
            try:
                g.throw(*throw_args)
            except NotSwitchable as error:
                raise _elsewhere(g) from error
    elif not g.dead:
        _end_unstarted(g, throw_args)


def throw_elsewhere(home: AbstractHub, g: greenlet, *throw_args: Any) -> bool:
    """Have `throw` called in the thread of `home`, the hub of `g`; False if that is closed. Never yields."""
    try:
        home.call_soon_threadsafe(throw, g, *throw_args)
    except HubClosedError:
        return False
    return True


def _elsewhere(g: greenlet) -> WrongThreadError:
    return WrongThreadError(
        f"{g!r} belongs to another thread, nothing can be raised in it here: let a call there do it "
        f"(hub.call_soon_threadsafe), or guv.kill, if it was made by guv.spawn or has waited once"
    )


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
            g.hub.calls.append(g.switch)  # to its end: then it is dead
        g._error = _exception(throw_args)
        g._traceback = g._error.__traceback__
        g._finish(report=False)  # nothing was lost
    g.run = _nothing


def _nothing(*args: Any, **kwargs: Any) -> None:
    """What a greenlet runs that was killed before it started."""
