"""psycopg2: PostgreSQL through libpq, with psycopg2's own wait callback.

Yields: connecting, `execute` and everything built on it, commits, `connection.cancel`; COPY and large objects, by
native threads. A greenlet that is killed or timed out while it waits cancels its query on the server; psycopg2 closes
the connection then, since its state is unknown. In a native thread without a hub a wait blocks that thread only.

For notifications wait by ``select.select([connection], [], [])`` or `guv.trampoline` on the connection, then
``connection.poll()``. Greenlets that share a connection take turns with psycopg2's own cursor class; with others
psycopg2 raises ProgrammingError for a second query at the same time.

Blocks still: methods of replication cursors; don't use them with a wait callback.
"""

from __future__ import annotations

import select
from typing import Any

import psycopg2
from psycopg2 import extensions

from .. import tpool
from .._originals import poll
from ..const import READ, WRITE
from ..hubs.current import current_hub
from ..hubs.ident import in_main_thread
from ..hubs.switch import trampoline
from . import _psycopg2_native, require

MINIMUM = (2, 9)


def patch() -> None:
    """Set psycopg2's wait callback. Connections made before wait by it too, from their next query on."""
    require(psycopg2, MINIMUM, psycopg2.__version__)
    extensions.set_wait_callback(wait)
    _psycopg2_native.install(wait)


def wait(connection: Any, timeout: float | None = None) -> None:
    """Yield until libpq has finished what it is doing. `timeout` is for each wait for the server, in seconds."""
    if timeout is not None and timeout < 0:
        timeout = None
    native = current_hub() is None and not in_main_thread()
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
            if native:
                _wait_natively(connection.fileno(), evtype, timeout)
            else:
                trampoline(connection.fileno(), evtype, timeout, _TimedOut)
        except _TimedOut:
            _cancel(connection)
            raise psycopg2.OperationalError(f"no answer from the server within {timeout} seconds") from None
        except BaseException:
            _cancel(connection)
            raise


class _TimedOut(Exception):
    """The wait took longer than asked for."""


def _wait_natively(fd: int, evtype: int, timeout: float | None) -> None:
    waiter = poll()
    waiter.register(fd, select.POLLIN if evtype == READ else select.POLLOUT)
    if not waiter.poll(None if timeout is None else timeout * 1000):
        raise _TimedOut


def _cancel(connection: Any) -> None:
    """Ask the server to give up the query: it would hold its locks until it is done."""
    ask = _psycopg2_native.cancelling(connection)
    if ask is not None:
        tpool.execute(ask)  # if it fails the connection is gone, and the query with it


def copy_expert(cursor: Any, sql: Any, file: Any, size: int = 8192) -> None:
    """`cursor.copy_expert` for a cursor of any class; yields. `file` is used in a native thread."""
    _psycopg2_native.Cursor.copy_expert(cursor, sql, file, size)
