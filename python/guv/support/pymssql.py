"""pymssql: a native thread for each connection, in which FreeTDS waits (`guv.support._standins`).

``for row in cursor`` and `fetchone` cross to the thread for each row, which takes some 40 us; `fetchmany` and
`fetchall` once. The statement of a caller that is killed goes on until it ends, or the `timeout` of its connection: set
one. What still blocks: the end of a connection that is collected and had not been closed, and the library's lower half,
`pymssql._mssql`.
"""

from __future__ import annotations

from typing import Any

import pymssql

from .._rebind import rebind
from . import _standins, require

MINIMUM = (2, 2)

_connect: Any = pymssql.connect


def patch() -> None:
    """Put `connect` in the place of `pymssql.connect`."""
    require(pymssql, MINIMUM, pymssql.__version__)
    if pymssql.connect is not connect:
        rebind([(_connect, connect)])


def connect(*args: Any, **kwargs: Any) -> Connection:
    """As `pymssql.connect`; yields until there is a connection."""
    return Connection(_connect, *args, **kwargs)


connect.__doc__ = _connect.__doc__


class Cursor(_standins.Cursor):
    """A `pymssql.Cursor` whose calls yield."""

    __slots__ = ()

    passes_for = pymssql.Cursor


class Connection(_standins.Connection):
    """A `pymssql.Connection` whose calls yield."""

    __slots__ = ()

    passes_for = pymssql.Connection
    cursors = Cursor
