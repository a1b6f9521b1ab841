"""mysqlclient (MySQLdb): queries wait on the connection's descriptor, the rest runs in native threads.

Yields: connecting, queries, commit, rollback, fetching results, stored or not. A greenlet that is killed or timed out
while it waits breaks its connection, since nobody can tell what the server is going to send; so does `read_timeout`.

Blocks still: `close`, which says goodbye to the server.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import MySQLdb
from MySQLdb import _mysql, connections, cursors

from .. import _originals, tpool
from ..const import READ
from ..hubs.switch import trampoline
from . import require

MINIMUM = (2, 1)

_IN_THREADS = (
    "autocommit", "change_user", "commit", "discard_result", "dump_debug_info", "kill", "next_result", "ping",
    "rollback", "select_db", "set_character_set", "set_server_option", "shutdown", "stat", "store_result",
)  # fmt: skip

_SENT_AT_ONCE = 1 << 16  # bytes that surely fit into the socket's buffer

_inside: set[int] = set()  # native threads that run a call for a greenlet


def patch() -> None:
    """Replace the methods of `MySQLdb.connections.Connection` and of cursors that wait."""
    require(MySQLdb, MINIMUM, ".".join(map(str, MySQLdb.version_info)))
    connection = connections.Connection
    if getattr(connection.query, "__module__", "") == __name__:
        return
    if hasattr(_mysql.connection, "send_query"):
        connection.query = query
    else:
        connection.query = _in_thread(connection.query)
    connection.__init__ = _connecting(_in_thread(connection.__init__, aborts=False))
    for name in _IN_THREADS:
        if hasattr(connection, name):
            setattr(connection, name, _in_thread(getattr(connection, name)))
    unstored = cursors.CursorUseResultMixIn
    unstored._fetch_row = _in_thread(cursors.BaseCursor._fetch_row, aborts=False)
    unstored._discard = _in_thread(cursors.BaseCursor._discard, aborts=False)


def query(self: Any, query: bytes | bytearray | str) -> None:
    """As `Connection.query`; yields until the server begins to answer."""
    if isinstance(query, bytearray):
        query = bytes(query)
    if _originals.get_ident() in _inside:
        _mysql.connection.query(self, query)
        return
    if len(query) <= _SENT_AT_ONCE:
        _mysql.connection.send_query(self, query)
    else:
        _run(self, True, _mysql.connection.send_query, self, query)
    try:
        trampoline(self.fileno(), READ, self.__dict__.get("guv_read_timeout"), _TimedOut)
    except _TimedOut:
        _abort(self)  # the client library says in its words that the connection is lost
    except BaseException:
        _abort(self)
        raise
    _run(self, True, _mysql.connection.read_query_result, self)


class _TimedOut(Exception):
    """The server took longer than `read_timeout`."""


def _connecting(connect: Callable[..., None]) -> Callable[..., None]:
    """`Connection.__init__` that remembers the time-out, which is for the C library's own waits."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        self.__dict__["guv_read_timeout"] = kwargs.get("read_timeout") or None
        connect(self, *args, **kwargs)

    __init__.__doc__ = connect.__doc__
    return __init__


def _in_thread(function: Callable[..., Any], aborts: bool = True) -> Callable[..., Any]:
    """A method that runs in a native thread."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _originals.get_ident() in _inside:
            return function(self, *args, **kwargs)
        return _run(self, aborts, function, self, *args, **kwargs)

    method.__name__ = getattr(function, "__name__", "method")
    method.__doc__ = function.__doc__
    return method


def _run(connection: Any, aborts: bool, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    def job() -> Any:
        ident = _originals.get_ident()
        _inside.add(ident)
        try:
            return function(*args, **kwargs)
        finally:
            _inside.discard(ident)

    try:
        return tpool.execute(job)
    except MySQLdb.Error:
        raise
    except BaseException as error:
        if aborts and not isinstance(error, Exception):
            _abort(connection)
        raise


def _abort(connection: Any) -> None:
    """Break the connection, so that neither a native thread nor the next query waits for what is under way."""
    try:
        broken = socket.socket(fileno=os.dup(connection.fileno()))
    except (OSError, MySQLdb.Error):
        return  # closed already
    with broken:
        try:
            broken.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
