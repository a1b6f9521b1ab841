"""Cooperative :mod:`ssl`: the methods of `ssl.SSLSocket` that would block park the greenlet.

They are put into the class in place. `SSLContext`, `SSLObject` and `MemoryBIO` do not wait for
anything and stay as they are, whenever they were imported or subclassed.

While a TLS layer is in use the descriptor is non-blocking for the kernel, whatever the timeout: OpenSSL
reads and writes it by itself. Either direction may be what it waits for in any call (key updates,
renegotiation), and its answer says which.
"""

from __future__ import annotations

import ssl as _stdlib
from collections.abc import Callable
from typing import Any, TypeVar

from ..hubs.descriptor import oserror
from . import names_of
from ._endpoint import (
    Endpoint,
    adopt,
    make_as_before,
    make_nonblocking,
    wait_readable,
    wait_writable,
)

Result = TypeVar("Result")

SSLError = _stdlib.SSLError
SSLWantReadError = _stdlib.SSLWantReadError
SSLWantWriteError = _stdlib.SSLWantWriteError
SSL_ERROR_EOF = int(_stdlib.SSL_ERROR_EOF)


def _until_done(self: Any, what: str, call: Callable[..., Result], *args: Any) -> Result:
    """Call `call(*args)`, a method of the socket's TLS layer, until it need not wait.

    `what` names the operation in the TimeoutError. One timeout is for all the waits of a call.
    """
    endpoint = self._closed
    if endpoint.__class__ is not Endpoint:
        endpoint = adopt(self)
    if not endpoint.nonblocking and endpoint.fd >= 0:
        make_nonblocking(self, endpoint)
    due = 0
    while True:
        try:
            return call(*args)
        except SSLWantReadError:
            if endpoint.timeout == 0.0:
                raise
            endpoint.readable = False
            wait = wait_readable
        except SSLWantWriteError:
            if endpoint.timeout == 0.0:
                raise
            endpoint.writable = False
            wait = wait_writable
        try:
            due = wait(endpoint, due)
        except TimeoutError:
            raise TimeoutError(f"{what} operation timed out") from None
        if endpoint.error:  # OpenSSL would use the number, maybe another file's
            raise oserror(endpoint.error)


def read(self: Any, len: int = 1024, buffer: Any = None) -> Any:
    """As `SSLSocket.read`; yields if nothing is there."""
    self._checkClosed()
    layer = self._sslobj
    if layer is None:
        raise ValueError("Read on closed or unwrapped SSL socket.")
    try:
        if buffer is None:
            return _until_done(self, "The read", layer.read, len)
        return _until_done(self, "The read", layer.read, len, buffer)
    except SSLError as error:
        if error.args[0] == SSL_ERROR_EOF and self.suppress_ragged_eofs:
            return b"" if buffer is None else 0
        raise


def write(self: Any, data: Any) -> int:
    """As `SSLSocket.write`; yields while the socket's buffer is full."""
    self._checkClosed()
    layer = self._sslobj
    if layer is None:
        raise ValueError("Write on closed or unwrapped SSL socket.")
    return _until_done(self, "The write", layer.write, data)  # type: ignore[no-any-return]


def send(self: Any, data: Any, flags: int = 0) -> int:
    """As `SSLSocket.send`; yields while the socket's buffer is full."""
    self._checkClosed()
    layer = self._sslobj
    if layer is None:
        return _stdlib.socket.send(self, data, flags)  # type: ignore[attr-defined, no-any-return]
    if flags != 0:
        raise ValueError(f"non-zero flags not allowed in calls to send() on {self.__class__}")
    return _until_done(self, "The write", layer.write, data)  # type: ignore[no-any-return]


def do_handshake(self: Any, block: bool = False) -> None:
    """As `SSLSocket.do_handshake`; yields."""
    self._check_connected()
    timeout = self.gettimeout()
    try:
        if timeout == 0.0 and block:
            self.settimeout(None)
        _until_done(self, "The handshake", self._sslobj.do_handshake)
    finally:
        if timeout == 0.0 or self.fileno() < 0:
            self.settimeout(timeout)


def unwrap(self: Any) -> Any:
    """As `SSLSocket.unwrap`: says good-bye and returns the plain socket; yields until the peer has
    answered."""
    layer = self._sslobj
    if not layer:
        raise ValueError("No SSL wrapper around " + str(self))
    plain = _until_done(self, "The read", layer.shutdown)
    self._sslobj = None
    endpoint = self._closed
    if endpoint.__class__ is Endpoint:
        make_as_before(self, endpoint)
        endpoint.afresh(self)
    return plain


_METHODS = (read, write, send, do_handshake, unwrap)

PATCHES: list[tuple[str, str, Any]] = [("ssl", f"SSLSocket.{method.__name__}", method) for method in _METHODS]

__getattr__ = names_of("ssl")
