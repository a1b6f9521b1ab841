"""Events: one greenlet tells others that something has happened, with a value or an exception.

`Event` is the one-shot event of eventlet and the original guv; `AsyncResult` that of gevent; `TEvent` has the
interface of `threading.Event`. Setting never yields, may be done from any thread, and wakes the
waiters in order of arrival.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from .hubs.waiting import Waiters

T = TypeVar("T")
_NOTHING: Any = object()


class Event(Generic[T]):
    """Something that happens once: `send` gives it a result, `wait` waits for that."""

    def __init__(self) -> None:
        self._waiters = Waiters(self)
        self._result: Any = _NOTHING
        self._exc: BaseException | None = None

    def __repr__(self) -> str:
        state = "unset" if self._result is _NOTHING else "failed" if self._exc else "set"
        return f"<{type(self).__name__} {id(self):#x} {state}, {len(self._waiters)} waiting>"

    def reset(self) -> None:
        """Make it usable again. Raises AssertionError if nothing was sent since it was made."""
        if self._result is _NOTHING:
            raise AssertionError("reset() of an event that was not sent; nothing to forget")
        self._result, self._exc = _NOTHING, None

    def ready(self) -> bool:
        """Whether it was sent."""
        return self._result is not _NOTHING

    def has_exception(self) -> bool:
        """Whether an exception was sent."""
        return self._exc is not None

    def has_result(self) -> bool:
        """Whether a result was sent."""
        return self._result is not _NOTHING and self._exc is None

    def poll(self, notready: Any = None) -> Any:
        """`wait` without waiting: `notready` if nothing was sent."""
        return self.wait() if self.ready() else notready

    def poll_exception(self, notready: Any = None) -> Any:
        """As `poll`, but only for an exception."""
        return self.wait() if self._exc is not None else notready

    def poll_result(self, notready: Any = None) -> Any:
        """As `poll`, but only for a result."""
        return self.wait() if self.has_result() else notready

    def wait(self, timeout: float | None = None) -> T:
        """The result, or the exception raised; yields until there is one.

        After `timeout` seconds without, the result is None.
        """
        if self._result is _NOTHING and not self._waiters.wait(timeout, self.ready):
            return None  # type: ignore[return-value]
        if self._exc is not None:
            raise self._exc
        return self._result  # type: ignore[no-any-return]

    def send(self, result: Any = None, exc: Any = None) -> None:
        """Set the result, or the exception (an instance, a class, or the arguments of `throw`)."""
        if self._result is not _NOTHING:
            raise AssertionError("this event was sent already; reset() it before it is sent again")
        self._result = result
        self._exc = None if exc is None else _as_exception(exc)
        self._waiters.wake_all()

    def send_exception(self, *args: Any) -> None:
        """Set the exception, given as to `greenlet.throw`."""
        self.send(None, args)


def _as_exception(exc: Any) -> BaseException:
    if isinstance(exc, tuple):
        if len(exc) > 1 and isinstance(exc[1], BaseException):
            return exc[1]
        exc = exc[0](exc[1]) if len(exc) > 1 and exc[1] is not None else exc[0]
    return exc if isinstance(exc, BaseException) else exc()  # type: ignore[no-any-return]


class TEvent:
    """An event that can be set and cleared: the interface of `threading.Event`."""

    def __init__(self) -> None:
        self._waiters = Waiters(self)
        self._links: list[Callable[[TEvent], object]] = []
        self._flag = False

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._flag

    isSet = ready = is_set

    def set(self) -> None:
        """Set it and wake everyone who waits."""
        self._flag = True
        self._waiters.wake_all()
        for link in list(self._links):
            link(self)

    def clear(self) -> None:
        """Make later waits wait."""
        self._flag = False

    def wait(self, timeout: float | None = None) -> bool:
        """Yield until it is set, for at most `timeout` seconds; whether it was."""
        return self._flag or self._waiters.wait(timeout)

    def rawlink(self, callback: Callable[[TEvent], object]) -> None:
        """Call `callback(self)` each time that it is set; at once if it is. It must not block."""
        self._links.append(callback)
        if self._flag:
            callback(self)

    def unlink(self, callback: Callable[[TEvent], object]) -> None:
        """Undo `rawlink`."""
        if callback in self._links:
            self._links.remove(callback)


class AsyncResult(Generic[T]):
    """A value or an exception that is set once or more and read any number of times."""

    def __init__(self) -> None:
        self._waiters = Waiters(self)
        self._links: list[Callable[[AsyncResult[T]], object]] = []
        self._value: Any = _NOTHING
        self._exception: BaseException | None = None

    @property
    def value(self) -> T | None:
        """What was set, or None."""
        return None if self._value is _NOTHING else self._value

    @property
    def exception(self) -> BaseException | None:
        """The exception that was set, or None."""
        return self._exception

    def ready(self) -> bool:
        """Whether a value or an exception was set."""
        return self._value is not _NOTHING or self._exception is not None

    def successful(self) -> bool:
        """Whether a value was set."""
        return self._value is not _NOTHING

    def set(self, value: Any = None) -> None:
        """Set the value and wake everyone who waits."""
        self._value, self._exception = value, None
        self._settle()

    def set_exception(self, exception: BaseException) -> None:
        """Set the exception and wake everyone who waits."""
        self._value, self._exception = _NOTHING, exception
        self._settle()

    def _settle(self) -> None:
        self._waiters.wake_all()
        links, self._links = self._links, []
        for link in links:
            link(self)

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """The value, or the exception raised; yields until there is one.

        Raises `guv.Timeout` after `timeout` seconds, or at once without `block`.
        """
        from .timeout import Timeout

        if not self.ready() and not (block and self._waiters.wait(timeout, self.ready)):
            raise Timeout
        if self._exception is not None:
            raise self._exception
        return self._value  # type: ignore[no-any-return]

    def get_nowait(self) -> T:
        """`get` without waiting."""
        return self.get(block=False)

    def wait(self, timeout: float | None = None) -> T | None:
        """Yield until something is set, for at most `timeout` seconds; the value, or None."""
        if not self.ready():
            self._waiters.wait(timeout, self.ready)
        return self.value

    def rawlink(self, callback: Callable[[AsyncResult[T]], object]) -> None:
        """Call `callback(self)` once something is set; at once if it is. It must not block."""
        if self.ready():
            callback(self)
        else:
            self._links.append(callback)

    def unlink(self, callback: Callable[[AsyncResult[T]], object]) -> None:
        """Undo `rawlink`."""
        if callback in self._links:
            self._links.remove(callback)

    def __call__(self, source: Any) -> None:
        """Take over the outcome of an ended greenthread: for `GreenThread.link`."""
        try:
            self.set(source.wait())
        except BaseException as error:
            self.set_exception(error)
