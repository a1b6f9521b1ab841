"""Cooperative :mod:`ssl`: the methods of `ssl.SSLSocket` that would block park the greenlet.

They are put into the class in place. `SSLObject` and `MemoryBIO` do not wait for anything and stay as they are,
whenever they were imported or subclassed. So does `SSLContext`, but for loading the system's certificates, which takes
tens of milliseconds: a native thread does that.

While a TLS layer is in use the descriptor is non-blocking for the kernel, whatever the timeout: OpenSSL
reads and writes it by itself. Either direction may be what it waits for in any call (key updates,
renegotiation), and its answer says which.
"""

from __future__ import annotations

import ssl as _stdlib
from collections.abc import Callable
from fcntl import ioctl as _ioctl
from os import stat
from termios import FIONREAD
from typing import Any, TypeVar

from greenlet import getcurrent

from ..hubs.current import current_hub
from ..hubs.descriptor import oserror
from ..hubs.native import run_native
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
_ZERO = bytes(4)
_RECORD = 16384  # bytes of plain text in a TLS record, at most
SSL_ERROR_EOF = int(_stdlib.SSL_ERROR_EOF)


def _until_done(
    self: Any, what: str, call: Callable[..., Result], *args: Any, wait: bool = False, due: int = 0
) -> Result:
    """Call `call(*args)`, a method of the socket's TLS layer, until it need not wait.

    With `wait` there is nothing to read yet, and the first call is made when there is. `what` names the operation
    in the TimeoutError. One timeout is for all the waits of a call; `due` is its end if it has waited already.
    """
    endpoint = self._closed
    if endpoint.__class__ is not Endpoint:
        endpoint = adopt(self)
    if not endpoint.nonblocking and endpoint.fd >= 0:
        make_nonblocking(self, endpoint)
    parking = wait_readable
    while True:
        if not wait:
            try:
                return call(*args)
            except SSLWantReadError:
                if endpoint.timeout == 0.0:
                    raise
                endpoint.readable = False
                parking = wait_readable
            except SSLWantWriteError:
                if endpoint.timeout == 0.0:
                    raise
                endpoint.writable = False
                parking = wait_writable
        wait = False
        try:
            due = parking(endpoint, due)
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
    endpoint = self._closed
    if endpoint.__class__ is not Endpoint:
        endpoint = adopt(self)
    if len > _RECORD:
        len = _RECORD  # no call gives more, and room for more would have to be made first
    # Where nothing is there OpenSSL would only find that out, and its error takes longer to make than all the rest.
    wait = not endpoint.readable and endpoint.timeout != 0.0 and not layer.pending()
    due = 0
    try:
        data: Any = None
        if endpoint.nonblocking:  # `_until_done` in place, as far as it is hot
            try:
                if wait:
                    wait = False
                    try:
                        due = wait_readable(endpoint, 0)
                    except TimeoutError:
                        raise TimeoutError("The read operation timed out") from None
                    if endpoint.error:
                        raise oserror(endpoint.error)
                data = layer.read(len) if buffer is None else layer.read(len, buffer)
            except SSLWantReadError:
                if endpoint.timeout == 0.0:
                    raise
                endpoint.readable = False
                wait = True
            except SSLWantWriteError:  # from the start, then
                pass
        if data is None:
            args = (len,) if buffer is None else (len, buffer)
            data = _until_done(self, "The read", layer.read, *args, wait=wait, due=due)
    except SSLError as error:
        if error.args[0] == SSL_ERROR_EOF and self.suppress_ragged_eofs:
            return b"" if buffer is None else 0
        raise
    if data and endpoint.drains and not layer.pending() and _ioctl(endpoint.fd, FIONREAD, _ZERO) == _ZERO:
        endpoint.readable = False  # an event will say when there is more
    return data


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
    endpoint = self._closed
    if endpoint.__class__ is Endpoint and endpoint.nonblocking:
        try:
            return layer.write(data)  # type: ignore[no-any-return]
        except (SSLWantReadError, SSLWantWriteError):
            if endpoint.timeout == 0.0:
                raise
    return _until_done(self, "The write", layer.write, data)  # type: ignore[no-any-return]


def sendall(self: Any, data: Any, flags: int = 0) -> None:
    """As `SSLSocket.sendall`; yields while the socket's buffer is full. The timeout is for each piece."""
    self._checkClosed()
    if self._sslobj is None:
        _stdlib.socket.sendall(self, data, flags)  # type: ignore[attr-defined]
        return
    if flags != 0:
        raise ValueError(f"non-zero flags not allowed in calls to sendall() on {self.__class__}")
    sent = 0
    if data.__class__ is bytes:
        sent = self.send(data) if data else 0
        if sent == len(data):
            return
    with memoryview(data) as view, view.cast("B") as whole:
        while sent < len(whole):
            sent += self.send(whole[sent:])


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


_METHODS = (read, write, send, sendall, do_handshake, unwrap)

_load_verify_locations = _stdlib.SSLContext.load_verify_locations
_set_default_verify_paths = _stdlib.SSLContext.set_default_verify_paths
_MANY = 16384  # bytes of certificates that take longer than starting a thread


def load_verify_locations(self: _stdlib.SSLContext, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
    """As `SSLContext.load_verify_locations`; yields for a large file."""
    hub = current_hub()
    if hub is not None and getcurrent() is not hub and isinstance(cafile, (str, bytes)):
        try:
            large = stat(cafile).st_size > _MANY
        except (OSError, ValueError):
            large = False
        if large:
            run_native(_load_verify_locations, self, cafile, capath, cadata)
            return
    _load_verify_locations(self, cafile, capath, cadata)


def set_default_verify_paths(self: _stdlib.SSLContext) -> None:
    """As `SSLContext.set_default_verify_paths`; yields."""
    hub = current_hub()
    if hub is None or getcurrent() is hub:
        _set_default_verify_paths(self)
    else:
        run_native(_set_default_verify_paths, self)


PATCHES: list[tuple[str, str, Any]] = [("ssl", f"SSLSocket.{method.__name__}", method) for method in _METHODS]
PATCHES += [
    ("ssl", "SSLContext.load_verify_locations", load_verify_locations),
    ("ssl", "SSLContext.set_default_verify_paths", set_default_verify_paths),
]

__getattr__ = names_of("ssl")
