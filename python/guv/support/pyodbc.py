"""pyodbc: a native thread for each connection, in which its driver waits (`guv.support._standins`).

``for row in cursor`` and `fetchone` cross to the thread for each row, which takes some 40 us; `fetchmany` and
`fetchall` once. The statement of a caller that is killed is cancelled. What still blocks: the end of a connection that
is collected and had not been closed.
"""

from __future__ import annotations

from typing import Any

import pyodbc

from .._rebind import rebind
from . import _standins, require

MINIMUM = (4, 0, 35)

_connect: Any = pyodbc.connect


def patch() -> None:
    """Put `connect` in the place of `pyodbc.connect`."""
    require(pyodbc, MINIMUM, pyodbc.version)
    if pyodbc.connect is not connect:
        rebind([(_connect, connect)])


def connect(*args: Any, **kwargs: Any) -> Connection:
    """As `pyodbc.connect`; yields until there is a connection."""
    return Connection(_connect, *args, **kwargs)


connect.__doc__ = _connect.__doc__


class Cursor(_standins.Cursor):
    """A `pyodbc.Cursor` whose calls yield."""

    __slots__ = ()

    passes_for = pyodbc.Cursor

    def cancel(self) -> None:
        """Cancel the statement that another greenlet waits for. Does not wait for that."""
        self._real.cancel()

    _cancel = cancel


class Connection(_standins.Connection):
    """A `pyodbc.Connection` whose calls yield."""

    __slots__ = ()

    passes_for = pyodbc.Connection
    cursors = Cursor

    def execute(self, *args: Any) -> Any:
        """Execute a statement with a new cursor, which is the result."""
        return self.cursor().execute(*args)
