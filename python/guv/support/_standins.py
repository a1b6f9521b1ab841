"""Connections and cursors of a database driver that waits in C: a native thread for each connection.

The driver's classes are made in C; its `connect` makes instances of just these. So what a program gets is a *stand-in*,
which passes for an instance of the driver's class. Its attributes are the object's, and all its methods are called in
the connection's thread, one after the other: greenlets take turns on a connection, as most drivers have threads do.

A caller that is killed goes at once, and the connection's next call waits until the driver has ended that one. In a
forked child a connection has a new thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar
from weakref import WeakSet

from ._native import NativeThread


class Standin:
    """What both kinds have in common."""

    __slots__ = ("__weakref__", "_real")

    #: The driver's class.
    passes_for: ClassVar[Any] = object

    def __init__(self, real: Any) -> None:
        object.__setattr__(self, "_real", real)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return self.passes_for  # type: ignore[no-any-return]

    def _call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call `function` in the native thread; yields until it has ended."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._real, name)
        return partial(self._call, value) if callable(value) else value

    def __setattr__(self, name: str, value: Any) -> None:
        self._call(setattr, self._real, name, value)  # setting pyodbc's `autocommit` commits

    def __delattr__(self, name: str) -> None:
        delattr(self._real, name)

    def __dir__(self) -> list[str]:
        return dir(self._real)

    def __repr__(self) -> str:
        return repr(self._real)

    def __exit__(self, *exc_info: Any) -> Any:
        return self._call(self._real.__exit__, *exc_info)


class Connection(Standin):
    """A connection whose calls yield."""

    __slots__ = ("_thread",)

    _real: Any
    _thread: NativeThread

    #: The stand-ins for its cursors.
    cursors: ClassVar[Any]

    def __init__(self, connect: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """That of `connect(*args, **kwargs)`; yields until there is one."""
        thread = NativeThread()
        super().__init__(thread.call(partial(connect, *args, **kwargs)))
        object.__setattr__(self, "_thread", thread)
        _connections.add(self)

    def _call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self._thread.call(partial(function, *args, **kwargs))

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """A new cursor."""
        return self.cursors(self._call(self._real.cursor, *args, **kwargs), self)

    def __enter__(self) -> Connection:
        self._call(self._real.__enter__)
        return self


class Cursor(Standin):
    """A cursor whose calls yield."""

    __slots__ = ("_connection",)

    _real: Any
    _connection: Connection

    def __init__(self, real: Any, connection: Connection) -> None:
        super().__init__(real)
        object.__setattr__(self, "_connection", connection)

    @property
    def connection(self) -> Connection:
        """The connection that made it."""
        return self._connection

    def _cancel(self) -> None:
        """End the statement that the thread is at, if the driver can do so from here; nothing, if it has not begun."""

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
                self._cancel()
            raise
        return self if result is self._real else result

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        row = self._call(next, self._real, None)  # a StopIteration would not be told from a row's
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
