"""Events: one greenlet tells others that something has happened, with a value or an exception.

`Event` is the one-shot event of eventlet and the original guv; `AsyncResult` that of gevent; `TEvent` has the
interface of `threading.Event`. Setting never yields, may be done from any thread, and wakes the waiters in order of
arrival. All of them can be waited for together with others: see `guv.joinall` and `guv.wait`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from greenlet import getcurrent

from ._originals import get_ident
from .hubs.abc import AbstractHub, Turn
from .hubs.current import hub_of
from .hubs.switch import unpark
from .hubs.waiting import NOTHING, Note, park, resume
from .timeout import Timeout

T = TypeVar("T")


class _Happening:
    """What waiters and callbacks of all kinds of events have in common.

    Making one costs as little as possible, because programs make one for each message.
    """

    __slots__ = (
        "__weakref__",
        "_links",    # callbacks, or None
        "_outcome",  # what waiters are handed when it happens, NOTHING before
        "_waiters",  # notes in order of arrival, or None; taken away as a whole
    )  # fmt: skip

    def __init__(self) -> None:
        self._outcome: Any = NOTHING
        self._waiters: list[Note] | None = None
        self._links: list[Callable[[Any], object]] | None = None

    def ready(self) -> bool:
        """Whether it has happened."""
        return self._outcome is not NOTHING

    def _park(self, timeout: float | None) -> Any:
        """Wait until it happens, for at most `timeout` seconds; the outcome, or NOTHING."""
        current = getcurrent()
        try:
            hub: AbstractHub = current.hub  # type: ignore[attr-defined]
        except AttributeError:
            hub = hub_of(current)
        note: Note = [current, NOTHING]
        fresh = [note]
        while True:  # each pass is one step between looking and queueing, as far as other threads can see
            if self._outcome is NOTHING and self._waiters is None:
                self._waiters = fresh
                break
            waiters = self._waiters
            if waiters is not None:
                waiters += fresh
                break
            outcome = self._outcome
            if outcome is not NOTHING:
                return outcome
        try:
            if timeout is None and current is not hub.main and current is not hub:
                leave = hub.ready.popleft
                while note[1] is NOTHING:
                    there = leave()
                    if there.__class__ is Turn:
                        there = there.next()  # type: ignore[attr-defined]
                    there.switch()
                note[0] = None
            elif not park(hub, current, note, timeout, self):
                self._withdraw(note)
        except BaseException:
            note[0] = None
            unpark(hub, current)
            self._withdraw(note)
            raise
        return note[1]

    def _withdraw(self, note: Note) -> None:
        """`note` is of no use any more."""
        waiters = self._waiters
        if waiters is not None and note in waiters:
            waiters.remove(note)

    def _happen(self) -> None:
        """Make everyone ready who waits; call the callbacks."""
        outcome = self._outcome
        waiters = self._waiters
        self._waiters = None
        if waiters is not None:
            for note in waiters:
                waiter = note[0]
                if waiter is not None:
                    note[1] = outcome
                    hub = waiter.hub
                    if hub.thread == get_ident():
                        ready = hub.ready
                        note[0] = None
                        ready.append(waiter)
                    else:
                        resume(note)
        if self._links is not None:
            self._notify()

    def rawlink(self, callback: Callable[[Any], object]) -> None:
        """Call `callback(self)` once it has happened, and at once if it has. It must not block."""
        if self.ready():
            callback(self)
            return
        links = self._links
        if links is None:
            links = self._links = []
        links.append(callback)
        if self.ready() and callback in links:  # set by another thread meanwhile
            links.remove(callback)
            callback(self)

    def unlink(self, callback: Callable[[Any], object]) -> None:
        """Undo `rawlink`."""
        if self._links and callback in self._links:
            self._links.remove(callback)

    def _notify(self) -> None:
        links, self._links = self._links, None
        trouble: BaseException | None = None
        for link in links or ():
            try:
                link(self)
            except BaseException as error:
                trouble = trouble or error
        if trouble is not None:
            raise trouble


class Event(_Happening, Generic[T]):
    """Something that happens once: `send` gives it a result, `wait` waits for that."""

    __slots__ = ()

    def __repr__(self) -> str:
        state = "unset" if self._outcome is NOTHING else "failed" if self.has_exception() else "set"
        return f"<{type(self).__name__} {id(self):#x} {state}, {len(self._waiters or ())} waiting>"

    def reset(self) -> None:
        """Make it usable again. Raises AssertionError if nothing was sent since it was made."""
        if self._outcome is NOTHING:
            raise AssertionError("reset() of an event that was not sent; nothing to forget")
        self._outcome = NOTHING

    def has_exception(self) -> bool:
        """Whether an exception was sent."""
        return self._outcome is not NOTHING and self._outcome[1] is not None

    def has_result(self) -> bool:
        """Whether a result was sent."""
        return self._outcome is not NOTHING and self._outcome[1] is None

    def poll(self, notready: Any = None) -> Any:
        """`wait` without waiting: `notready` if nothing was sent."""
        return self.wait() if self.ready() else notready

    def poll_exception(self, notready: Any = None) -> Any:
        """As `poll`, but only for an exception."""
        return self.wait() if self.has_exception() else notready

    def poll_result(self, notready: Any = None) -> Any:
        """As `poll`, but only for a result."""
        return self.wait() if self.has_result() else notready

    def wait(self, timeout: float | None = None) -> T:
        """The result, or the exception raised; yields until there is one.

        After `timeout` seconds without, the result is None.
        """
        outcome = self._outcome
        if outcome is NOTHING:
            outcome = self._park(timeout)
            if outcome is NOTHING:
                return None  # type: ignore[return-value]
        result, exc = outcome
        if exc is not None:
            raise exc
        return result  # type: ignore[no-any-return]

    def send(self, result: Any = None, exc: Any = None) -> None:
        """Set the result, or the exception (an instance, a class, or the arguments of `throw`). Never yields.

        Raises AssertionError if something was sent since it was made or reset.
        """
        if self._outcome is not NOTHING:
            raise AssertionError("this event was sent already; reset() it before it is sent again")
        self._outcome = result, None if exc is None else _as_exception(exc)
        if self._waiters is not None or self._links is not None:
            self._happen()

    def send_exception(self, *args: Any) -> None:
        """Set the exception, given as to `greenlet.throw`. Never yields."""
        self.send(None, args)


def _as_exception(exc: Any) -> BaseException:
    if isinstance(exc, tuple):
        if len(exc) > 1 and isinstance(exc[1], BaseException):
            return exc[1]
        exc = exc[0](exc[1]) if len(exc) > 1 and exc[1] is not None else exc[0]
    return exc if isinstance(exc, BaseException) else exc()  # type: ignore[no-any-return]


class TEvent(_Happening):
    """An event that can be set and cleared: the interface of `threading.Event`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {id(self):#x} {'set' if self.ready() else 'unset'}>"

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._outcome is not NOTHING

    isSet = is_set

    def set(self) -> None:
        """Set it and wake everyone who waits. Never yields."""
        self._outcome = True
        if self._waiters is not None or self._links is not None:
            self._happen()

    def clear(self) -> None:
        """Make later waits wait. Never yields."""
        self._outcome = NOTHING

    def wait(self, timeout: float | None = None) -> bool:
        """Yield until it is set, for at most `timeout` seconds; whether it was."""
        return self._outcome is not NOTHING or self._park(timeout) is not NOTHING


class AsyncResult(_Happening, Generic[T]):
    """A value or an exception that is set once or more and read any number of times."""

    __slots__ = ()

    def __repr__(self) -> str:
        state = "unset" if not self.ready() else "set" if self.successful() else "failed"
        return f"<{type(self).__name__} {id(self):#x} {state}>"

    @property
    def value(self) -> T | None:
        """What was set, or None."""
        outcome = self._outcome
        return None if outcome is NOTHING else outcome[0]

    @property
    def exception(self) -> BaseException | None:
        """The exception that was set, or None."""
        outcome = self._outcome
        return None if outcome is NOTHING else outcome[1]

    @property
    def exc_info(self) -> tuple[Any, ...]:
        """The exception as `sys.exc_info()` gives it; empty if none was set."""
        error = self.exception
        return () if error is None else (type(error), error, error.__traceback__)

    def successful(self) -> bool:
        """Whether a value was set."""
        return self._outcome is not NOTHING and self._outcome[1] is None

    def set(self, value: Any = None) -> None:
        """Set the value and wake everyone who waits. Never yields."""
        self._outcome = value, None
        if self._waiters is not None or self._links is not None:
            self._happen()

    def set_result(self, value: Any) -> None:
        """As `set`, by the name that `concurrent.futures` uses."""
        self._outcome = value, None
        if self._waiters is not None or self._links is not None:
            self._happen()

    def set_exception(self, exception: BaseException) -> None:
        """Set the exception and wake everyone who waits. Never yields."""
        self._outcome = None, exception
        if self._waiters is not None or self._links is not None:
            self._happen()

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """The value, or the exception raised; yields until there is one.

        Raises `guv.Timeout` after `timeout` seconds, or at once without `block`.
        """
        outcome = self._outcome
        if outcome is NOTHING:
            outcome = self._park(timeout) if block else NOTHING
            if outcome is NOTHING:
                raise Timeout._stopped(timeout, None) if block else Timeout()
        value, exception = outcome
        if exception is not None:
            raise exception
        return value  # type: ignore[no-any-return]

    def get_nowait(self) -> T:
        """`get` without waiting."""
        return self.get(block=False)

    def wait(self, timeout: float | None = None) -> T | None:
        """Yield until something is set, for at most `timeout` seconds; the value, or None."""
        outcome = self._outcome
        if outcome is NOTHING:
            outcome = self._park(timeout)
        return None if outcome is NOTHING else outcome[0]

    def __call__(self, source: Any) -> None:
        """Take over the outcome of an ended greenthread: for `GreenThread.link`."""
        try:
            self.set(source.wait())
        except BaseException as error:
            self.set_exception(error)
