"""psycopg 3: PostgreSQL through libpq, by psycopg's own waiting functions.

The Python build waits through `selectors` or `select`, the C and binary builds in C. Both are given one function that
waits by `trampoline`, so that a C build yields too. Everything yields: connections, queries, pipelines, COPY,
notifications. The asynchronous classes are asyncio's business and stay as they are.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import psycopg
from psycopg import waiting

from .._originals import monotonic
from ..hubs.switch import trampoline
from . import require

MINIMUM = (3, 2)

_NOTHING_READY = 0  # what a generator is sent when the interval is over
_TimedOut: type[Exception] = getattr(psycopg.errors, "_WaitTimeout", psycopg.errors.ConnectionTimeout)


def patch() -> None:
    """Replace the waiting functions, which psycopg looks up at each call."""
    require(psycopg, MINIMUM, psycopg.__version__)
    waiting.wait = wait
    waiting.wait_conn = wait_conn


def wait(gen: Generator[int, int, Any], fileno: int, interval: float = 0.0, timeout: float | None = None) -> Any:
    """Run a generator that yields what to wait for on `fileno`; its result. Yields.

    It gets a turn at least every `interval` seconds. Raises psycopg's own exception after `timeout` seconds.
    """
    deadline = None if timeout is None else monotonic() + timeout
    try:
        wanted = next(gen)
        while True:
            ready = _ready(fileno, wanted, interval, deadline)
            if ready:
                wanted = gen.send(ready)
            else:
                gen.send(_NOTHING_READY)  # what it wants has not changed
            _check(deadline)
    except StopIteration as end:
        return end.value


def wait_conn(gen: Generator[tuple[int, int], int, Any], interval: float = 0.0, timeout: float | None = None) -> Any:
    """As `wait`, for a generator that connects: it tells which descriptor, too. Yields."""
    deadline = None if timeout is None else monotonic() + timeout
    try:
        fileno, wanted = next(gen)
        while True:
            ready = _ready(fileno, wanted, interval, deadline)
            if ready:
                fileno, wanted = gen.send(ready)
            else:
                gen.send(_NOTHING_READY)
            _check(deadline)
    except StopIteration as end:
        return end.value


def _ready(fileno: int, wanted: int, interval: float, deadline: float | None) -> int:
    limit = interval or None
    if deadline is not None:
        left = max(0.0, deadline - monotonic())
        limit = left if limit is None else min(left, limit)
    try:
        return trampoline(fileno, int(wanted), limit, TimeoutError)
    except TimeoutError:
        return _NOTHING_READY


def _check(deadline: float | None) -> None:
    if deadline is not None and monotonic() >= deadline:
        raise _TimedOut("wait timeout expired")
