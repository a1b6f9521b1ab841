"""Calls at a deadline: what `schedule_call_global` returns."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .abc import AbstractHub


class AbstractTimer(metaclass=ABCMeta):
    """What `schedule_call_global` returns."""

    __slots__ = ()

    @abstractmethod
    def cancel(self) -> None:
        """Forget the call, unless it has been made. Never yields; may be repeated."""


class Timer(AbstractTimer):
    """A call at a deadline."""

    __slots__ = ("args", "call", "hub", "kwargs", "token")

    hub: AbstractHub  # constant
    call: Callable[..., object] | None  # None once it was made or cancelled
    args: tuple[Any, ...]
    kwargs: dict[str, Any] | None  # None: there are none
    token: int

    @property
    def pending(self) -> bool:
        return self.call is not None

    def cancel(self) -> None:
        if self.call is not None:
            self.call = None
            self.hub.drop_timer(self.token, self)

    def fire(self) -> None:
        """The hub's way to make the call."""
        call, self.call = self.call, None
        if call is not None:
            if self.kwargs is None:
                call(*self.args)
            else:
                call(*self.args, **self.kwargs)
