"""Events: one greenlet tells others that something has happened, with a value or an exception.

`Event` is the one-shot event of eventlet and the original guv, and has `set`, `clear` and `is_set` for those who come
from gevent; `AsyncResult` is gevent's; `TEvent` has the interface of `threading.Event`. Setting never yields, may be
done from any thread, and wakes the waiters in order of arrival. All of them can be waited for together with others: see
`guv.joinall` and `guv.wait`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from greenlet import getcurrent

from ._originals import get_ident
from .hubs.abc import AbstractHub
from .hubs.current import hub_of
from .hubs.switch import unpark
from .hubs.turn import Turn
from .hubs.waiting import NOTHING, Note, park, resume, serve
from .timeout import Timeout

T = TypeVar("T")

#: What the waiters of a `TEvent` are handed.
_SET = (True,)


class _Happening:
    """What waiters and callbacks of all kinds of events have in common.

    Making one costs as little as possible, because programs make one for each message: hence one slot for all. It
    changes by steps that look and store without a call in between; see `guv.hubs.waiting`.
    """

    __slots__ = ("__weakref__", "_state")

    def __init__(self) -> None:
        #: None; the note of the first who waits, followed in the same list by the notes of the others and by callbacks,
        #: in order of arrival; or what has happened, a tuple, which is also what the waiters are handed: of those with
        #: a value it has that, an exception, and the traceback this had, because each waiter raises it anew
        self._state: Any = None

    def ready(self) -> bool:
        """Whether it has happened."""
        return self._state.__class__ is tuple

    def _park(self, timeout: float | None) -> Any:
        """Wait until it happens, for at most `timeout` seconds; what has happened, or NOTHING."""
        current = getcurrent()
        try:
            hub: AbstractHub = current.hub  # type: ignore[attr-defined]
        except AttributeError:
            hub = hub_of(current)
        note: Note = [current, NOTHING]
        while True:
            if self._state is None:
                self._state = note
                break
            state = self._state
            if state.__class__ is list:
                state += (note,)
                break
            if state is not None:  # another thread was faster
                return state
        try:
            if timeout is None and current is not hub.main and current is not hub:
                while note[1] is NOTHING:
                    there = hub.ready.popleft()
                    if there.__class__ is Turn:
                        there = there.next()  # type: ignore[attr-defined]
                    there.switch()
                note[0] = None
            elif not park(hub, current, note, timeout, self):
                self._forget(note)
        except BaseException:
            note[0] = None
            unpark(hub, current)
            self._forget(note)
            raise
        return note[1]

    def _forget(self, entry: object) -> None:
        """Take a void note or a callback out again, if it is still there."""
        state = self._state
        if state.__class__ is list:
            if state is not entry and entry in state:
                state.remove(entry)
            if state[0] is None and not state[2:] and self._state is state:
                self._state = None

    def _tell(self, note: Note, outcome: Any) -> None:
        """Make everyone ready who waited; call the callbacks. `note` is what `_state` was before `outcome`."""
        waiter = note[0]
        if waiter is not None:  # `serve`, in place
            note[1] = outcome
            hub = waiter.hub
            if hub.thread == get_ident():
                ready = hub.ready
                note[0] = None
                ready.append(waiter)
            else:
                resume(note)
        if len(note) > 2:
            self._tell_others(note[2:], outcome)

    def _tell_others(self, entries: list[Any], outcome: Any) -> None:
        """The first error of a callback is raised after the last one."""
        trouble: BaseException | None = None
        for entry in entries:
            if entry.__class__ is list:
                serve(entry, outcome)
            else:
                try:
                    entry(self)
                except BaseException as error:
                    trouble = trouble or error
        if trouble is not None:
            raise trouble

    def rawlink(self, callback: Callable[[Any], object]) -> None:
        """Call `callback(self)` once it has happened, and at once if it has. It must not block."""
        fresh = [None, NOTHING, callback]
        while True:
            if self._state is None:
                self._state = fresh
                return
            state = self._state
            if state.__class__ is list:
                state += (callback,)
                return
            if state is not None:
                callback(self)
                return

    def unlink(self, callback: Callable[[Any], object]) -> None:
        """Undo `rawlink`."""
        self._forget(callback)


class Event(_Happening, Generic[T]):
    """Something that happens once: `send` gives it a result, `wait` waits for that."""

    __slots__ = ()

    def __repr__(self) -> str:
        state = "failed" if self.has_exception() else "set" if self.ready() else "unset"
        notes = self._state if self._state.__class__ is list else (None, NOTHING)
        waiting = (notes[0] is not None) + len(notes[2:])
        return f"<{type(self).__name__} {id(self):#x} {state}, {waiting} waiting>"

    def reset(self) -> None:
        """Make it usable again. Raises AssertionError if nothing was sent since it was made."""
        if self._state.__class__ is not tuple:
            raise AssertionError("reset() of an event that was not sent; nothing to forget")
        self._state = None

    def has_exception(self) -> bool:
        """Whether an exception was sent."""
        return self.ready() and self._state[1] is not None

    def has_result(self) -> bool:
        """Whether a result was sent."""
        return self.ready() and self._state[1] is None

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
        outcome = self._state
        if outcome.__class__ is not tuple:
            outcome = self._park(timeout)
            if outcome is NOTHING:
                return None  # type: ignore[return-value]
        result, exc, traceback = outcome
        if exc is not None:
            try:
                raise exc.with_traceback(traceback)
            finally:
                del self, exc, outcome  # its traceback has this frame
        return result  # type: ignore[no-any-return]

    def send(self, result: Any = None, exc: Any = None) -> None:
        """Set the result, or the exception (an instance, a class, or the arguments of `throw`). Never yields.

        Raises AssertionError if something was sent since it was made or reset.
        """
        outcome = (result, None, None) if exc is None else _failure(_as_exception(exc))
        state = self._state
        if state.__class__ is tuple:
            raise AssertionError("this event was sent already; reset() it before it is sent again")
        self._state = outcome
        if state is not None:
            self._tell(state, outcome)

    def send_exception(self, *args: Any) -> None:
        """Set the exception, given as to `greenlet.throw`. Never yields."""
        self.send(None, args)

    # ---- gevent's event of this name has the interface of `threading.Event`

    def is_set(self) -> bool:
        """As `ready`."""
        return self.ready()

    isSet = is_set

    def set(self) -> None:
        """Send True, unless something was sent already. Never yields."""
        if not self.ready():
            self.send(True)

    def clear(self) -> None:
        """Make later waits wait, whatever was sent. Never yields."""
        if self.ready():
            self._state = None


def _as_exception(exc: Any) -> BaseException:
    if isinstance(exc, tuple):
        if len(exc) > 1 and isinstance(exc[1], BaseException):
            return exc[1]
        exc = exc[0](exc[1]) if len(exc) > 1 and exc[1] is not None else exc[0]
    return exc if isinstance(exc, BaseException) else exc()  # type: ignore[no-any-return]


def _failure(exc: BaseException) -> tuple[Any, ...]:
    """What is handed to who waits for something that has failed."""
    return None, exc, exc.__traceback__


class TEvent(_Happening):
    """An event that can be set and cleared: the interface of `threading.Event`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {id(self):#x} {'set' if self.ready() else 'unset'}>"

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._state is _SET

    isSet = is_set

    def set(self) -> None:
        """Set it and wake everyone who waits. Never yields."""
        state = self._state
        self._state = _SET
        if state.__class__ is list:
            self._tell(state, _SET)

    def clear(self) -> None:
        """Make later waits wait. Never yields."""
        if self._state is _SET:
            self._state = None

    def wait(self, timeout: float | None = None) -> bool:
        """Yield until it is set, for at most `timeout` seconds; whether it was."""
        return self._state is _SET or self._park(timeout) is not NOTHING


class AsyncResult(_Happening, Generic[T]):
    """A value or an exception that is set once or more and read any number of times."""

    __slots__ = ()

    def __repr__(self) -> str:
        state = "unset" if not self.ready() else "set" if self.successful() else "failed"
        return f"<{type(self).__name__} {id(self):#x} {state}>"

    @property
    def value(self) -> T | None:
        """What was set, or None."""
        return self._state[0] if self.ready() else None  # type: ignore[no-any-return]

    @property
    def exception(self) -> BaseException | None:
        """The exception that was set, or None."""
        return self._state[1] if self.ready() else None  # type: ignore[no-any-return]

    @property
    def exc_info(self) -> tuple[Any, ...]:
        """The exception as `sys.exc_info()` gives it; empty if none was set."""
        error = self.exception
        return () if error is None else (type(error), error, self._state[2])

    def successful(self) -> bool:
        """Whether a value was set."""
        return self.ready() and self._state[1] is None

    def set(self, value: Any = None) -> None:
        """Set the value and wake everyone who waits. Never yields."""
        self._settle((value, None, None))

    def set_result(self, value: Any) -> None:
        """As `set`, by the name that `concurrent.futures` uses."""
        self._settle((value, None, None))

    def set_exception(self, exception: BaseException) -> None:
        """Set the exception and wake everyone who waits. Never yields."""
        self._settle(_failure(exception))

    def _settle(self, outcome: tuple[Any, ...]) -> None:
        state = self._state
        self._state = outcome
        if state.__class__ is list:
            self._tell(state, outcome)

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """The value, or the exception raised; yields until there is one.

        Raises `guv.Timeout` after `timeout` seconds, or at once without `block`.
        """
        outcome = self._state
        if outcome.__class__ is not tuple:
            outcome = self._park(timeout) if block else NOTHING
            if outcome is NOTHING:
                raise Timeout._stopped(timeout, None) if block else Timeout()
        value, exception, traceback = outcome
        if exception is not None:
            try:
                raise exception.with_traceback(traceback)
            finally:
                del self, exception, outcome  # its traceback has this frame
        return value  # type: ignore[no-any-return]

    def get_nowait(self) -> T:
        """`get` without waiting."""
        return self.get(block=False)

    # ---- what `concurrent.futures` calls it

    def done(self) -> bool:
        """As `ready`."""
        return self.ready()

    def result(self, timeout: float | None = None) -> T:
        """As `get`."""
        return self.get(timeout=timeout)

    def cancel(self) -> bool:
        """False: whoever is to set it goes on."""
        return False

    def cancelled(self) -> bool:
        """False: it can't be cancelled."""
        return False

    def wait(self, timeout: float | None = None) -> T | None:
        """Yield until something is set, for at most `timeout` seconds; the value, or None."""
        outcome = self._state
        if outcome.__class__ is not tuple:
            outcome = self._park(timeout)
        return None if outcome is NOTHING else outcome[0]

    def __call__(self, source: Any) -> None:
        """Take over the outcome of an ended greenthread: for `GreenThread.link`."""
        if source.successful():
            self.set(source.value)
        else:
            self.set_exception(source.exception)
