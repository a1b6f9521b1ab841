"""sqlite3: a statement that meets a locked database yields while it waits, up to the connection's `timeout`.

SQLite's own wait stops all greenlets, among them the one that holds the lock, so that it can never be had. With a *busy
handler* that sleeps by guv, the others go on. All else is as fast as the disk, and blocks: a query that computes for
long is a case for `guv.tpool` (and ``check_same_thread=False``).

This is for connections made by `sqlite3.connect`; ``PRAGMA busy_timeout`` puts SQLite's own wait back. While a
statement waits, no other greenlet may use its connection. A `guv.Timeout` that ends such a wait comes out as sqlite3's
OperationalError, "database is locked".
"""

from __future__ import annotations

import _sqlite3
import ctypes
import sqlite3
from functools import cache
from typing import Any

from greenlet import getcurrent, greenlet

from .._rebind import rebind
from ..green.time import sleep
from ..hubs.current import hub_of
from ..timeout import Timeout

_connect: Any = sqlite3.connect
_TIMEOUT = 5.0  # seconds, sqlite3's default
_NAPS = (1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100)  # milliseconds, as SQLite's own; the last goes on

_Handler: Any = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_library: Any = ctypes.CDLL(getattr(_sqlite3, "__file__", None))


def patch() -> None:
    """Put `connect` in the place of `sqlite3.connect`."""
    if sqlite3.connect is connect:
        return
    try:
        _library.sqlite3_busy_handler.argtypes = (ctypes.c_void_p, _Handler, ctypes.c_void_p)
    except AttributeError as error:
        raise ImportError(f"this build of sqlite3 hides SQLite's functions: {error}") from None
    rebind([(_connect, connect)])


def connect(*args: Any, **kwargs: Any) -> Any:
    """As `sqlite3.connect`."""
    connection = _connect(*args, **kwargs)
    if not isinstance(connection, sqlite3.Connection):
        return connection  # the work of a `factory`
    # the first field of the object is SQLite's handle; a factory may have left it unopened, or closed it again
    handle = ctypes.c_void_p.from_address(id(connection) + object.__basicsize__).value
    timeout = kwargs.get("timeout", args[1] if len(args) > 1 else _TIMEOUT)
    if handle is not None and timeout > 0:
        _library.sqlite3_busy_handler(handle, _handler(float(timeout)), None)
    return connection


connect.__doc__ = _connect.__doc__


@cache
def _handler(timeout: float) -> Any:
    """SQLite's callback for connections with this `timeout`, in seconds. Never freed: they may use it any time."""

    def busy(_: object, count: int) -> int:
        spent = sum(_NAPS[:count]) + max(0, count - len(_NAPS)) * _NAPS[-1]
        left = timeout - spent / 1000
        if left <= 0:
            return 0
        try:
            sleep(min(left, _NAPS[min(count, len(_NAPS) - 1)] / 1000))
        except Timeout:
            return 0
        except BaseException as error:  # can't pass through SQLite: again when this greenlet waits next
            me = getcurrent()
            hub_of(me).schedule_call_now(_throw, me, error)
            return 0
        return 1

    return _Handler(busy)


def _throw(waiter: greenlet, error: BaseException) -> None:
    if not waiter.dead:
        waiter.throw(error)
