"""Timeouts for any code that yields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .hubs.timeout import Timeout as Timeout

Result = TypeVar("Result")
_RAISE: Any = object()


def with_timeout(
    seconds: float,
    function: Callable[..., Result],
    *args: Any,
    timeout_value: Any = _RAISE,
    **kwds: Any,
) -> Result:
    """Call `function(*args, **kwds)`, for at most `seconds`.

    After that `Timeout` is raised inside it; if that comes out again, the result is
    `timeout_value` where given, else the exception goes on to the caller.
    """
    timeout = Timeout(seconds)
    try:
        return function(*args, **kwds)
    except Timeout as raised:
        if raised is not timeout or timeout_value is _RAISE:
            raise
        raised.__traceback__ = None  # it has this frame, which has it
        return timeout_value  # type: ignore[no-any-return]
    finally:
        timeout.cancel()


def is_timeout(error: object) -> bool:
    """Whether an exception says that time ran out: a `Timeout`, or a TimeoutError such as sockets raise."""
    return isinstance(error, (Timeout, TimeoutError))
