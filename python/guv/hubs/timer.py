"""Calls at a deadline: what `schedule_call_global` returns."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from .._originals import get_ident
from ..exceptions import WrongThreadError

if TYPE_CHECKING:
    from .abc import AbstractHub


#: Instead of a token: it is on the hub's list of fresh ones, and runs; or it was there when it was cancelled.
FRESH: Final = -1
VOID: Final = -2


class AbstractTimer(metaclass=ABCMeta):
    """What `schedule_call_global` returns."""

    __slots__ = ()

    @abstractmethod
    def cancel(self) -> None:
        """Forget the call, unless it has been made. Never yields; may be repeated.

        Raises `WrongThreadError` in another thread than that of its hub.
        """


class Timer(AbstractTimer):
    """A call at a deadline. Like a `Timeout` it stands on the hub's list of fresh timers until the turn ends, so that
    one that is cancelled before never reaches the loop."""

    __slots__ = ("call", "deadline", "hub", "token")

    call: Callable[[], object] | None  # None once it was made or cancelled
    deadline: int  # nanoseconds of CLOCK_MONOTONIC; 0 once it was cancelled
    hub: AbstractHub  # constant
    token: int  # the hub's name for it, or `FRESH` or `VOID`

    @property
    def pending(self) -> bool:
        return self.call is not None

    def cancel(self) -> None:
        if self.call is not None:
            hub = self.hub
            if hub.thread != get_ident() and not hub.closed:
                raise WrongThreadError(
                    f"a timer of the hub of thread {hub.thread} was cancelled in thread {get_ident()}; "
                    f"have it done there: hub.call_soon_threadsafe(timer.cancel)"
                )
            self.call = None
            self.deadline = 0
            hub.withdraw_timer(self)

    def __call__(self) -> None:
        """The hub's way to make the call."""
        call, self.call = self.call, None
        if call is not None:
            call()
