"""psycopg2's COPY and large objects, which it refuses while a wait callback is set, in native threads.

psycopg2 looks for the callback, which is one for the whole process, at the beginning of such a call and not again. So
it is taken away for that moment only, and put back by the first of our code that psycopg2 calls after it has looked: a
greenlet that queries meanwhile doesn't notice. libpq's functions behind these calls expect a connection that blocks.
"""

from __future__ import annotations

import ctypes
import io
from collections.abc import Callable
from typing import Any

import psycopg2
from psycopg2 import _psycopg, extensions

from .. import _originals, tpool
from ..green.lock import allocate_lock
from ._imports import when_imported

_cursor: Any = _psycopg.cursor
_connection: Any = _psycopg.connection
_lobject: Any = _psycopg.lobject
_connect: Any = psycopg2._connect

_wait: Any = None  # the wait callback
_looking: Any = _originals.allocate_lock()  # held while it is away


def install(wait: Callable[[Any], None]) -> None:
    """Have cursors, connections and large objects with green methods made."""
    global _wait
    _wait = wait
    psycopg2._connect = connect
    when_imported("psycopg2.extras", _equip_known)


def _equip_known() -> None:
    for base in (_cursor, _connection):
        for known in base.__subclasses__():
            _equip(known)


def _equip(kind: Any) -> None:
    """Give a class that somebody made from psycopg2's the green methods that it has not replaced itself."""
    for green in (Cursor, Connection):
        if issubclass(kind, green.__base__) and not issubclass(kind, green):
            for name, method in vars(green).items():
                if name in _METHODS and getattr(kind, name) is getattr(green.__base__, name):
                    try:
                        setattr(kind, name, method)
                    except TypeError:
                        return  # made in C: replication


def connect(dsn: str, connection_factory: Any = None, **kwargs: Any) -> Any:
    """What `psycopg2.connect` calls."""
    connection = _connect(dsn, connection_factory=connection_factory or Connection, **kwargs)
    _equip(type(connection))
    if connection.cursor_factory is None:
        connection.cursor_factory = Cursor
    return connection


def _in_turn(original: Any) -> Any:
    """A method that asks the server; greenlets that share a connection take turns, as threads do."""
    of_cursor = original.__objclass__ is _cursor

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        lock = (self.connection if of_cursor else self).__dict__.get("guv_lock")
        if lock is None:
            return original(self, *args, **kwargs)
        with lock:
            return original(self, *args, **kwargs)

    method.__name__ = original.__name__
    method.__doc__ = original.__doc__
    return method


class Cursor(_cursor):  # type: ignore[misc]
    """psycopg2's cursor; COPY yields. Files are read and written in a native thread."""

    execute = _in_turn(_cursor.execute)
    executemany = _in_turn(_cursor.executemany)
    callproc = _in_turn(_cursor.callproc)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        """As `cursor.copy_expert`."""
        if not isinstance(sql, (str, bytes)):
            sql = sql.as_string(self)
        _run(self.connection, _copy, self, sql, file, size)

    def copy_from(
        self, file: Any, table: str, sep: str = "\t", null: str = "\\N", size: int = 8192, columns: Any = None
    ) -> None:
        """As `cursor.copy_from`."""
        if not hasattr(file, "read"):
            raise TypeError("argument 1 must have a .read() method")
        Cursor.copy_expert(self, _statement(self, table, columns, "FROM stdin", sep, null), file, size)

    def copy_to(self, file: Any, table: str, sep: str = "\t", null: str = "\\N", columns: Any = None) -> None:
        """As `cursor.copy_to`."""
        if not hasattr(file, "write"):
            raise TypeError("argument 1 must have a .write() method")
        Cursor.copy_expert(self, _statement(self, table, columns, "TO stdout", sep, null), file)


class Connection(_connection):  # type: ignore[misc]
    """psycopg2's connection; large objects and `cancel` yield."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.guv_lock = allocate_lock()  # held while a greenlet waits for the server
        super().__init__(*args, **kwargs)

    commit = _in_turn(_connection.commit)
    rollback = _in_turn(_connection.rollback)

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """As `connection.cursor`."""
        cursor = _connection.cursor(self, *args, **kwargs)
        if type(cursor) is not Cursor:
            _equip(type(cursor))
        return cursor

    def lobject(
        self, oid: int = 0, mode: str = "", new_oid: int = 0, new_file: str | None = None, lobject_factory: Any = None
    ) -> Any:
        """As `connection.lobject`."""
        factory = lobject_factory or LargeObject

        def call() -> Any:
            with _Look() as look:

                def make(*args: Any) -> Any:
                    look.over()
                    return factory(*args)

                return _connection.lobject(self, oid, mode, new_oid, new_file, make)

        return _run(self, call)

    def cancel(self) -> None:
        """As `connection.cancel`: the server is asked on a connection of its own."""
        ask = cancelling(self)
        if ask is None:
            _connection.cancel(self)
            return
        error = tpool.execute(ask)
        if error:
            raise psycopg2.OperationalError(error)


class LargeObject(_lobject):  # type: ignore[misc]
    """psycopg2's large object; what asks the server yields."""

    def __init__(self, connection: Any, *args: Any) -> None:
        self._connection = connection
        super().__init__(connection, *args)


def _large_object_method(name: str) -> Any:
    original = getattr(_lobject, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _run(self._connection, original, self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = original.__doc__
    return method


for _name in ("close", "read", "write", "seek", "tell", "unlink", "export", "truncate"):
    setattr(LargeObject, _name, _large_object_method(_name))

_METHODS = frozenset({"copy_expert", "copy_from", "copy_to", "lobject", "cancel"})


def _statement(cursor: Any, table: str, columns: Any, direction: str, sep: str, null: str) -> str:
    names = ""
    if columns is not None:
        names = " (" + ",".join(extensions.quote_ident(name, cursor) for name in columns) + ")"
    return (
        f"COPY {extensions.quote_ident(table, cursor)}{names} {direction}"
        f" WITH DELIMITER AS {_quoted(cursor, sep)} NULL AS {_quoted(cursor, null)}"
    )


def _quoted(cursor: Any, text: str) -> str:
    adapted = extensions.QuotedString(text)
    adapted.prepare(cursor.connection)
    return adapted.getquoted().decode()  # type: ignore[no-any-return]


def _copy(cursor: Any, sql: Any, file: Any, size: int) -> None:
    kind = _TextFile if isinstance(file, io.TextIOBase) else _File
    with _Look() as look:
        _cursor.copy_expert(cursor, sql, kind(file, look), size)


class _Look:
    """The moment in which psycopg2 looks for the wait callback."""

    def __init__(self) -> None:
        self._lasts = False

    def __enter__(self) -> _Look:
        _looking.acquire()
        self._lasts = True
        extensions.set_wait_callback(None)
        return self

    def over(self) -> None:
        """Psycopg2 has looked."""
        if self._lasts:
            self._lasts = False
            extensions.set_wait_callback(_wait)
            _looking.release()

    def __exit__(self, *error: object) -> None:
        self.over()


class _FileMethods:
    """What psycopg2 asks a file for in a COPY, the first time right after it has looked."""

    def __init__(self, file: Any, look: _Look) -> None:
        self._file = file
        self._look = look

    @property
    def read(self) -> Any:
        self._look.over()
        return self._file.read

    @property
    def write(self) -> Any:
        self._look.over()
        return self._file.write


class _File(_FileMethods):
    """Stands for a file of bytes, or whatever has these methods."""


class _TextFile(_FileMethods, io.TextIOBase):  # type: ignore[misc, override]
    """Stands for a file of text: psycopg2 asks for the class."""


def _run(connection: Any, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Make a call in a native thread, on a connection that blocks. A caller that is killed has it cancelled."""

    def job() -> Any:
        pointer = None if connection.closed else connection.pgconn_ptr
        if _libpq is None or not pointer or not _libpq.PQisnonblocking(pointer):
            return call(*args, **kwargs)
        _libpq.PQsetnonblocking(pointer, 0)
        try:
            return call(*args, **kwargs)
        finally:
            if not connection.closed:
                _libpq.PQsetnonblocking(pointer, 1)

    try:
        return tpool.execute(job)
    except Exception:
        raise
    except BaseException:
        ask = cancelling(connection)
        if ask is not None:
            tpool.execute(ask)
        raise


def cancelling(connection: Any) -> Callable[[], str] | None:
    """A function that asks the server to give up the query under way, for a native thread: psycopg2's own keeps the
    interpreter's lock while it talks to the server. It returns what went wrong. None if there is nothing to cancel."""
    if _libpq is None or connection.closed or connection.status not in (1, 2):  # ready, in a transaction
        return None
    handle = _libpq.PQgetCancel(connection.pgconn_ptr)
    if not handle:
        return None

    def ask() -> str:
        text = ctypes.create_string_buffer(256)
        done = _libpq.PQcancel(handle, text, len(text))
        _libpq.PQfreeCancel(handle)
        return "" if done else text.value.decode(errors="replace")

    return ask


def _bind() -> Any:
    """The functions of the libpq that psycopg2 is linked with; None if they can't be had."""
    library = ctypes.CDLL(_psycopg.__file__)
    pointer = ctypes.c_void_p
    try:
        library.PQisnonblocking.argtypes = (pointer,)
        library.PQsetnonblocking.argtypes = (pointer, ctypes.c_int)
        library.PQgetCancel.argtypes, library.PQgetCancel.restype = (pointer,), pointer
        library.PQcancel.argtypes = (pointer, ctypes.c_char_p, ctypes.c_int)
        library.PQfreeCancel.argtypes, library.PQfreeCancel.restype = (pointer,), None
    except AttributeError:
        return None
    return library


_libpq: Any = _bind()
