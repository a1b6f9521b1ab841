"""psycopg2: PostgreSQL through libpq, with psycopg2's own wait callback.

Yields: connecting, `execute` and everything built on it, commits. A greenlet that is killed or timed out while it waits
cancels its query on the server; its connection is closed then, since its state is unknown.

Blocks still: `connection.cancel`, which opens a connection of its own, and the COPY methods and large objects: psycopg2
refuses them while a wait callback is set. `copy_expert` here does COPY in a native thread.
"""

from __future__ import annotations

from typing import Any

import psycopg2
from psycopg2 import extensions

from ..const import READ, WRITE
from ..hubs.switch import trampoline
from . import require

MINIMUM = (2, 8)


def patch() -> None:
    """Set psycopg2's wait callback. Connections made before wait by it too, from their next query on."""
    require(psycopg2, MINIMUM, psycopg2.__version__)
    extensions.set_wait_callback(wait)


def wait(connection: Any, timeout: float | None = None) -> None:
    """Yield until libpq has finished what it is doing. `timeout` is for each wait for the server, in seconds."""
    if timeout is not None and timeout < 0:
        timeout = None
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            return
        if state == extensions.POLL_READ:
            evtype = READ
        elif state == extensions.POLL_WRITE:
            evtype = WRITE
        else:
            raise psycopg2.OperationalError(f"poll() gave the unknown state {state!r}")
        try:
            trampoline(connection.fileno(), evtype, timeout, _TimedOut)
        except _TimedOut:
            _cancel(connection)
            raise psycopg2.OperationalError(f"no answer from the server within {timeout} seconds") from None
        except BaseException:
            _cancel(connection)
            raise


class _TimedOut(Exception):
    """The wait took longer than asked for."""


def _cancel(connection: Any) -> None:
    """Ask the server to give up the query: it would hold its locks until it is done."""
    if connection.status == extensions.STATUS_SETUP:
        return  # there is no session yet

    try:
        connection.cancel()
    except psycopg2.Error:
        pass  # the connection is gone, and the query with it


def copy_expert(cursor: Any, sql: str, file: Any, size: int = 8192) -> None:
    """`cursor.copy_expert` in a native thread; yields meanwhile. `file` is used in that thread.

    The wait callback is global to psycopg2 and has to be off when COPY begins: a query that another greenlet starts in
    this moment blocks until it has its answer.
    """
    from .. import tpool

    tpool.execute(_copy, cursor, sql, file, size)


def _copy(cursor: Any, sql: str, file: Any, size: int) -> None:
    callback = extensions.get_wait_callback()
    extensions.set_wait_callback(None)
    try:
        cursor.copy_expert(sql, _Restoring(file, callback), size)
    finally:
        extensions.set_wait_callback(callback)


class _Restoring:
    """A file that puts the wait callback back at its first use: COPY has begun by then."""

    def __init__(self, file: Any, callback: Any) -> None:
        self._file = file
        self._callback = callback

    def read(self, size: int = -1) -> Any:
        extensions.set_wait_callback(self._callback)
        return self._file.read(size)

    def readline(self, size: int = -1) -> Any:
        return self._file.readline(size)

    def write(self, data: Any) -> Any:
        extensions.set_wait_callback(self._callback)
        return self._file.write(data)
