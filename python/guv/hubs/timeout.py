"""`Timeout`: an exception raised in the current greenlet after some time.

It is set and cancelled far more often than it fires, so setting one only notes the time and puts it on the hub's list
of fresh timeouts. One that is cancelled before the next turn never reaches the timer wheel; its deadline is not made.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from greenlet import getcurrent

from .._originals import monotonic_ns
from .current import hub_of
from .deadline import deadline_from
from .timer import FRESH, VOID

if TYPE_CHECKING:
    from greenlet import greenlet

    from .abc import AbstractHub


class Timeout(BaseException):
    """Raised in the current greenlet once `seconds` have passed, unless cancelled before.

    It starts when it is made. `seconds` of None and `math.inf` never fire. As a context manager it is cancelled at
    the end of the block. `exception` is raised in its place; `exception=False` makes the
    ``with`` block end silently. Only a greenlet that yields can be interrupted.

    An exception from within is the right one to catch if it *is* this object: timeouts nest.
    """

    __slots__ = ("exception", "greenlet", "hub", "seconds", "started", "token")

    #: nanoseconds of CLOCK_MONOTONIC; 0 when it is not running
    started: int
    #: the hub's name for the timer, or `FRESH` or `VOID`
    token: int
    greenlet: greenlet
    hub: AbstractHub

    def __init__(
        self,
        seconds: float | None = None,
        exception: BaseException | type[BaseException] | bool | None = None,
    ) -> None:
        self.seconds = seconds
        self.exception = exception
        if seconds is None:
            self.started = 0
            return
        if not seconds > 0:
            deadline_from(0, seconds)  # raises for NaN
        self.greenlet = current = getcurrent()
        self.started = monotonic_ns() or 1
        self.token = FRESH
        try:
            self.hub = hub = current.hub  # type: ignore[attr-defined]
        except AttributeError:
            self.hub = hub = hub_of(current)
        hub.fresh.append(self)

    def start(self) -> None:
        """Start anew, for the greenlet that calls this; one that is running begins again."""
        self.cancel()
        Timeout.__init__(self, self.seconds, self.exception)

    @property
    def pending(self) -> bool:
        """Whether it is running."""
        return self.started != 0

    @property
    def deadline(self) -> int:
        """When it fires, in nanoseconds of CLOCK_MONOTONIC; 0 when it is not running."""
        return deadline_from(self.started, self.seconds) if self.started else 0  # type: ignore[arg-type]

    def cancel(self) -> None:
        """Stop it; may be repeated. Never yields."""
        if self.started:
            self.started = 0
            self.hub.withdraw_timer(self)

    def __call__(self) -> None:
        """The hub's way to fire it."""
        target = self.greenlet
        if self.started and not target.dead:
            started, self.started = self.started, 0
            error = self.exception
            if error is None or isinstance(error, bool):
                error = self
            elif isinstance(error, type):
                error = error()
            shield = getattr(target, "shield", None)
            if shield is not None and shield.holds(error, self, started):
                return
            target.throw(error)

    def __enter__(self) -> Timeout:
        if self.seconds is not None and not self.started:
            self.start()
        return self

    def __exit__(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if self.started:  # cancel(), in place, because this is hot
            self.started = 0
            if self.token >= 0:
                self.hub.drop_timer(self.token, self)
            else:
                self.token = VOID
                fresh = self.hub.fresh
                while fresh and fresh[-1].token == VOID:
                    fresh.pop()
        if value is not self or self.exception is not False:
            return False
        self.__traceback__ = None  # it has the frame of the block, which may have this object
        return True

    def __str__(self) -> str:
        if self.seconds is None:
            return ""
        suffix = "" if self.seconds == 1 else "s"
        if self.exception is None or self.exception is True:
            return f"{self.seconds} second{suffix}"
        if self.exception is False:
            return f"{self.seconds} second{suffix} (silent)"
        return f"{self.seconds} second{suffix} ({self.exception!r})"

    def __repr__(self) -> str:
        state = " pending" if self.started else ""
        return f"<{type(self).__name__} {id(self):#x} seconds={self.seconds}{state}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self)._stopped, (self.seconds, self.exception)

    @classmethod
    def start_new(cls, timeout: Timeout | float | None = None, exception: Any = None) -> Timeout:
        """A timeout that runs: `timeout` itself, started if it isn't running, or a new one of so many seconds.

        For functions that take either as an argument.
        """
        if isinstance(timeout, Timeout):
            if timeout.seconds is not None and not timeout.started:
                timeout.start()
            return timeout
        return cls(timeout, exception)

    def close(self) -> None:
        """As `cancel`: for `contextlib.closing` and gevent's programs."""
        self.cancel()

    @classmethod
    def _stopped(cls, seconds: float | None, exception: Any) -> Timeout:
        """One that does not run, for copies and pickles."""
        copy = cls(None, exception)
        copy.seconds = seconds
        return copy
