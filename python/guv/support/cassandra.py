"""cassandra-driver: a connection class on greenlets, as the driver has for other loops.

Yields: everything; `GuvConnection` becomes the default of `Cluster.connection_class`. It also takes the place of
`LibevConnection`, whose loop waits in C and stops all greenlets; the other classes of the driver work as they are.

A session belongs to the thread that connected it: greenlets of other threads of the operating system can't use it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import cassandra
from cassandra.connection import Connection, ConnectionShutdown
from greenlet import getcurrent

from .. import _rebind
from ..greenthread import GreenThread, spawn, spawn_after
from ..queue import Queue
from . import require
from ._imports import when_imported

MINIMUM = (3, 20)

_log = logging.getLogger(__name__)


def patch() -> None:
    """Make `GuvConnection` the driver's choice, for clusters made from now on."""
    require(cassandra, MINIMUM, cassandra.__version__)
    when_imported("cassandra.io.libevreactor", _replace_libev)
    when_imported("cassandra.cluster", _become_default)


def _become_default() -> None:
    cluster: ModuleType = sys.modules["cassandra.cluster"]
    cluster.Cluster.connection_class = GuvConnection  # type: ignore[attr-defined]


def _replace_libev() -> None:
    reactor: Any = sys.modules["cassandra.io.libevreactor"]
    old = reactor.LibevConnection
    if old is not GuvConnection:
        reactor.LibevConnection = GuvConnection
        _rebind.rebind([(old, GuvConnection)])


class GuvConnection(Connection):  # type: ignore[misc]
    """A connection to one node: a greenlet reads from it, another writes."""

    is_closed: bool
    _reader: GreenThread[None] | None = None
    _writer: GreenThread[None] | None = None

    @classmethod
    def create_timer(cls, timeout: float, callback: Callable[[], object]) -> GreenThread[None]:
        """Call `callback` in a greenlet after `timeout` seconds, unless the result's `cancel` comes first."""
        return spawn_after(max(0.0, timeout), _guarded, callback)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Connect. Yields; raises OSError."""
        super().__init__(*args, **kwargs)
        self._outgoing: Queue[bytes] = Queue()
        self._connect_socket()
        self._reader = spawn(self.handle_read)
        self._writer = spawn(self.handle_write)
        self._send_options_message()

    def push(self, data: bytes) -> None:
        """Send `data`, after what has been pushed before. Never yields."""
        self._outgoing.put(data)

    def handle_write(self) -> None:
        """The greenlet that sends."""
        while True:
            data = self._outgoing.get()
            try:
                self._socket.sendall(data)
            except Exception as error:
                _log.debug("%s can't send: %s", self, error)
                self.defunct(error)
                return

    def handle_read(self) -> None:
        """The greenlet that receives, and handles what the node says."""
        while True:
            try:
                data = self._socket.recv(self.in_buffer_size)
            except Exception as error:
                _log.debug("%s can't receive: %s", self, error)
                self.defunct(error)
                return
            if not data:
                _log.debug("%s was closed by the server", self)
                self.close()
                return
            self._iobuf.write(data)
            self.process_io_buffer()

    def close(self) -> None:
        """Close; requests under way fail with `ConnectionShutdown`."""
        with self.lock:
            if self.is_closed:
                return
            self.is_closed = True
        for worker in (self._reader, self._writer):
            if worker is not None and worker is not getcurrent():
                worker.kill()
        if self._socket:
            self._socket.close()
        if not self.is_defunct:
            self.error_all_requests(ConnectionShutdown(f"Connection to {self.endpoint} was closed"))
            self.connected_event.set()  # whoever waits for it looks at what has become of it


def _guarded(callback: Callable[[], object]) -> None:
    try:
        callback()
    except Exception:
        _log.exception("Exception while servicing timeout callback: ")
