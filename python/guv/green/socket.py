"""Cooperative :mod:`socket`: the methods of `socket.socket` that would block park the greenlet.

They are put into the class in place, so that subclasses and sockets made before the patch follow. A call does
what the C method does: same arguments, results and errors. Here are connections, timeouts and a socket's end; sending
and receiving are in `_transfer`.

Blocks still: name lookups with ``GUV_NO_GREENDNS``; `connect` of a Unix socket whose listener's
backlog is full polls, since the kernel offers no event for it.
"""

from __future__ import annotations

import errno
import os
import socket as _stdlib
from typing import Any

from .._originals import RawSocket, monotonic_ns
from ..hubs.switch import sleep_until
from ..resolver import numeric
from . import names_of
from ._endpoint import (
    Endpoint,
    adopt,
    family_of,
    give_up,
    is_tcp,
    make_as_before,
    make_nonblocking,
    type_of,
    wait_writable,
)
from ._transfer import METHODS as TRANSFERS
from ._transfer import receive

_Socket = _stdlib.socket

# The C methods, as functions of the socket.
_accept: Any = RawSocket._accept  # type: ignore[attr-defined]
_connect: Any = RawSocket.connect
_connect_ex: Any = RawSocket.connect_ex
_close: Any = RawSocket.close
_detach: Any = RawSocket.detach
_bind: Any = RawSocket.bind
_listen: Any = RawSocket.listen
_getsockopt: Any = RawSocket.getsockopt
_gettimeout: Any = RawSocket.gettimeout
_settimeout: Any = RawSocket.settimeout
_proto: Any = RawSocket.proto.__get__  # type: ignore[attr-defined]

# Plain ints: the stdlib's enum members cost microseconds.
SO_ERROR = int(_stdlib.SO_ERROR)
SOL_SOCKET = int(_stdlib.SOL_SOCKET)

_CONNECTING = (errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK)


# ---- connections ----


def _accept_fd(self: Any) -> tuple[int, Any]:
    """As `socket._accept`, the descriptor and the address of the next connection; yields."""
    endpoint = self._closed
    if endpoint.__class__ is not Endpoint:
        endpoint = adopt(self)
    if not endpoint.nonblocking and endpoint.fd >= 0:
        make_nonblocking(self, endpoint)
    return receive(self, _accept, 0)  # type: ignore[no-any-return]


def accept(self: Any) -> tuple[Any, Any]:
    """As `socket.accept`; yields until somebody connects."""
    fd, address = _accept_fd(self)
    made: Any = _Socket if self.__class__ is _Socket else _socket_class(self)
    sock = made(family_of(self), type_of(self), _proto(self), fileno=fd)
    timeout = _gettimeout(sock)
    if timeout is None:
        sock._closed = Endpoint(fd, None, is_tcp(sock))
    return sock, address


def _socket_class(sock: Any) -> Any:
    """The class that `accept` makes: of a private copy of the module, its own `socket`."""
    return next((base for base in type(sock).__mro__ if RawSocket in base.__bases__), _Socket)


def bind(self: Any, address: Any, /) -> None:
    """As `socket.bind`; yields if the host is a name that has to be looked up."""
    _bind(self, numeric(address, family_of(self)))


def listen(self: Any, *args: Any) -> None:
    """As `socket.listen`."""
    _listen(self, *args)
    endpoint = self._closed
    if endpoint.__class__ is Endpoint:
        endpoint.afresh(self)


def connect(self: Any, address: Any, /) -> None:
    """As `socket.connect`; yields until the connection stands or is refused."""
    code = _connect_or_errno(self, address, _connect)
    if code:
        raise OSError(code, os.strerror(code))


def connect_ex(self: Any, address: Any, /) -> int:
    """As `socket.connect_ex`; yields until the connection stands or is refused."""
    try:
        return _connect_or_errno(self, address, _connect_ex)
    except TimeoutError:
        return errno.EAGAIN


def _connect_or_errno(self: Any, address: Any, call: Any) -> int:
    address = numeric(address, family_of(self))
    endpoint = self._closed
    if endpoint.__class__ is not Endpoint:
        endpoint = adopt(self)
    if endpoint.timeout == 0.0 or endpoint.fd < 0:
        return call(self, address) or 0
    make_nonblocking(self, endpoint)
    endpoint.afresh(self)
    try:
        code: int = _connect_ex(self, address)
        if code == errno.EAGAIN and family_of(self) == _stdlib.AF_UNIX:
            code = _connect_to_busy(self, endpoint, address)
        due = 0
        if code in _CONNECTING:
            endpoint.writable = False
            while not endpoint.writable:
                due = wait_writable(endpoint, due)
            code = _getsockopt(self, SOL_SOCKET, SO_ERROR)
        return code
    finally:
        make_as_before(self, endpoint)


def _connect_to_busy(self: Any, endpoint: Endpoint, address: Any) -> int:
    """A Unix listener whose backlog is full: ask again, ever less often."""
    pause, limit = 1_000_000, None
    if endpoint.timeout is not None:
        limit = monotonic_ns() + endpoint.allowed
    while True:
        now = monotonic_ns()
        if limit is not None and now >= limit:
            raise TimeoutError("timed out")
        sleep_until(now + pause if limit is None else min(now + pause, limit))
        code: int = _connect_ex(self, address)
        if code != errno.EAGAIN:
            return code
        pause = min(pause * 2, 50_000_000)


# ---- life ----


def close(self: Any) -> None:
    """As `socket.close`; wakes everyone who waits on the socket with OSError(EBADF)."""
    endpoint = self._closed
    if endpoint.__class__ is Endpoint:
        endpoint.closed = True
    else:
        self._closed = True
    if self._io_refs <= 0:
        self._real_close()


def _real_close(self: Any, _ss: Any = RawSocket) -> None:
    endpoint = self._closed
    if endpoint.__class__ is Endpoint:
        give_up(endpoint)
        self._closed = True
    _ss.close(self)


def detach(self: Any) -> int:
    """As `socket.detach`: the descriptor is as blocking as the socket was."""
    endpoint = self._closed
    if endpoint.__class__ is Endpoint:
        make_as_before(self, endpoint)
        give_up(endpoint, stays_open=True)
    self._closed = True
    return _detach(self)  # type: ignore[no-any-return]


# ---- timeouts ----


def settimeout(self: Any, value: float | None, /) -> None:
    """As `socket.settimeout`, in seconds."""
    endpoint = self._closed
    if endpoint.__class__ is not Endpoint:
        _settimeout(self, value)  # taken over with the endpoint, at the first wait
        return
    if (value.__class__ is float or value.__class__ is int) and 0 < value < 1e9:  # type: ignore[operator]
        make_nonblocking(self, endpoint)
        timeout: float | None = float(value)  # type: ignore[arg-type]
    else:
        _settimeout(self, value)  # raises what is to be raised
        timeout = _gettimeout(self)
        endpoint.nonblocking = timeout is not None
        if timeout:
            _settimeout(self, 0.0)
    if endpoint.timeout == 0.0 or timeout == 0.0:
        endpoint.limit(timeout)
        endpoint.afresh(self)
    else:
        endpoint.limit(timeout)


def gettimeout(self: Any) -> float | None:
    """As `socket.gettimeout`, in seconds."""
    endpoint = self._closed
    if endpoint.__class__ is Endpoint:
        return endpoint.timeout  # type: ignore[no-any-return]
    return _gettimeout(self)  # type: ignore[no-any-return]


def setblocking(self: Any, flag: bool, /) -> None:
    """As `socket.setblocking`."""
    settimeout(self, None if flag else 0.0)


def getblocking(self: Any) -> bool:
    """As `socket.getblocking`."""
    return gettimeout(self) != 0.0


_METHODS = (
    *TRANSFERS, accept, bind, listen, connect, connect_ex, close, _real_close, detach, settimeout,
    gettimeout, setblocking, getblocking,
)  # fmt: skip

PATCHES: list[tuple[str, str, Any]] = [
    *(("socket", f"socket.{method.__name__}", method) for method in _METHODS),
    ("socket", "socket._accept", _accept_fd),
    ("socket", "socket.timeout", property(gettimeout, doc="the socket timeout, in seconds")),
]

__getattr__ = names_of("socket")
