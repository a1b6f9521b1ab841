"""pyodbc: a native thread for each connection, in which its driver waits.

`pyodbc.connect` gives a `Connection` that stands for the library's, its cursors a `Cursor`; both pass for instances of
the library's classes, which can't be subclassed. All their methods are called in the connection's thread, one after
the other. Greenlets take turns on a connection, as most drivers have threads do.

``for row in cursor`` and `fetchone` cross to the thread for each row, some 20 us; `fetchmany` and `fetchall` once. A
caller that is killed goes at once: its statement is cancelled, and the connection's next call waits until it has ended.
What still blocks: the end of a connection that is collected and had not been closed. In a forked child a connection
has a new thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from weakref import WeakSet

import pyodbc

from .._rebind import rebind
from . import require
from ._native import NativeThread

MINIMUM = (4, 0, 35)

_connect: Any = pyodbc.connect


def patch() -> None:
    """Put `connect` in the place of `pyodbc.connect`."""
    require(pyodbc, MINIMUM, pyodbc.version)
    if pyodbc.connect is not connect:
        rebind([(_connect, connect)])


def connect(*args: Any, **kwargs: Any) -> Connection:
    """As `pyodbc.connect`; yields until there is a connection."""
    thread = NativeThread()
    return Connection(thread.call(partial(_connect, *args, **kwargs)), thread)


connect.__doc__ = _connect.__doc__


class _Standin:
    """What stands for an object of pyodbc: attributes are the object's, methods are called in the native thread."""

    __slots__ = ("__weakref__", "_real")

    def __init__(self, real: Any) -> None:
        object.__setattr__(self, "_real", real)

    def _native(self) -> NativeThread:
        raise NotImplementedError

    def _call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self._native().call(partial(function, *args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._real, name)
        return partial(self._call, value) if callable(value) else value

    def __setattr__(self, name: str, value: Any) -> None:
        self._call(setattr, self._real, name, value)  # setting `autocommit` commits

    def __delattr__(self, name: str) -> None:
        delattr(self._real, name)

    def __dir__(self) -> list[str]:
        return dir(self._real)

    def __repr__(self) -> str:
        return repr(self._real)

    def __exit__(self, *exc_info: Any) -> Any:
        return self._call(self._real.__exit__, *exc_info)


class Connection(_Standin):
    """A `pyodbc.Connection` whose calls yield."""

    __slots__ = ("_thread",)

    _real: Any
    _thread: NativeThread

    def __init__(self, real: Any, thread: NativeThread) -> None:
        super().__init__(real)
        object.__setattr__(self, "_thread", thread)
        _connections.add(self)

    def _native(self) -> NativeThread:
        return self._thread

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return pyodbc.Connection  # type: ignore[no-any-return]

    def cursor(self) -> Cursor:
        """A new cursor."""
        return Cursor(self._call(self._real.cursor), self)

    def execute(self, *args: Any) -> Cursor:
        """Execute a statement with a new cursor, which is the result."""
        cursor = self.cursor()
        cursor.execute(*args)
        return cursor

    def __enter__(self) -> Connection:
        self._call(self._real.__enter__)
        return self


class Cursor(_Standin):
    """A `pyodbc.Cursor` whose calls yield."""

    __slots__ = ("_connection",)

    _real: Any
    _connection: Connection

    def __init__(self, real: Any, connection: Connection) -> None:
        super().__init__(real)
        object.__setattr__(self, "_connection", connection)

    def _native(self) -> NativeThread:
        return self._connection._thread

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return pyodbc.Cursor  # type: ignore[no-any-return]

    @property
    def connection(self) -> Connection:
        """The connection that made it."""
        return self._connection

    def cancel(self) -> None:
        """Cancel the statement that another greenlet waits for. Does not wait for that."""
        self._real.cancel()

    def _call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        killed = ended = False

        def call() -> Any:
            nonlocal ended
            try:
                return None if killed else function(*args, **kwargs)
            finally:
                ended = True

        try:
            result = self._connection._thread.call(call)
        except BaseException:
            killed = True
            if not ended:
                self._real.cancel()  # does nothing to a statement that has not begun
            raise
        return self if result is self._real else result

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        row = self._call(next, self._real, None)
        if row is None:
            raise StopIteration
        return row

    def __enter__(self) -> Cursor:
        self._call(self._real.__enter__)
        return self


_connections: WeakSet[Connection] = WeakSet()


def _after_fork() -> None:
    for connection in list(_connections):
        object.__setattr__(connection, "_thread", NativeThread())


os.register_at_fork(after_in_child=_after_fork)
