"""Cooperative :mod:`socket`: the methods of `socket.socket` that would block park the greenlet.

They are put into the class in place, so that subclasses and sockets made before the patch follow. A call does
what the C method does: same arguments, results and errors. It tries the system call if the endpoint's hint says that
this is worthwhile, and waits otherwise.

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
from ..resolver import literals, numeric
from . import names_of
from ._endpoint import (
    Endpoint,
    adopt,
    give_up,
    is_tcp,
    make_as_before,
    make_nonblocking,
    wait_readable,
    wait_writable,
)

_Socket = _stdlib.socket

# The C methods, as functions of the socket.
_recv: Any = RawSocket.recv
_recv_into: Any = RawSocket.recv_into
_recvfrom: Any = RawSocket.recvfrom
_recvfrom_into: Any = RawSocket.recvfrom_into
_recvmsg: Any = RawSocket.recvmsg
_recvmsg_into: Any = RawSocket.recvmsg_into
_send: Any = RawSocket.send
_sendto: Any = RawSocket.sendto
_sendmsg: Any = RawSocket.sendmsg
_stdlib_sendfile: Any = _stdlib.socket._sendfile_use_sendfile  # type: ignore[attr-defined]
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
_setblocking: Any = RawSocket.setblocking
_fileno: Any = RawSocket.fileno
_family: Any = RawSocket.family.__get__  # type: ignore[attr-defined]
_type: Any = RawSocket.type.__get__  # type: ignore[attr-defined]
_proto: Any = RawSocket.proto.__get__  # type: ignore[attr-defined]

# Plain ints: or-ing the stdlib's enum members costs microseconds.
DONTWAIT = int(_stdlib.MSG_DONTWAIT)
#: Flags with which the kernel itself would not wait, even on a blocking socket.
IMPATIENT = int(_stdlib.MSG_DONTWAIT | _stdlib.MSG_OOB | _stdlib.MSG_ERRQUEUE)
WAITALL = int(_stdlib.MSG_WAITALL)
PEEK = int(_stdlib.MSG_PEEK)
STREAM = int(_stdlib.SOCK_STREAM)
SO_ERROR = int(_stdlib.SO_ERROR)
SOL_SOCKET = int(_stdlib.SOL_SOCKET)

_CONNECTING = (errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK)


# ---- input ----


def recv(self: Any, bufsize: int, flags: int = 0, /) -> bytes:
    """As `socket.recv`; yields if nothing is there."""
    endpoint = self._closed
    if endpoint.__class__ is not Endpoint:
        endpoint = adopt(self)
    due = 0
    while True:
        if endpoint.readable or flags or not bufsize:
            try:
                data: bytes = _recv(self, bufsize, flags | DONTWAIT if flags else DONTWAIT)
            except BlockingIOError:
                if endpoint.timeout == 0.0 or (flags and _impatient(endpoint, flags)):
                    raise
                endpoint.readable = False
            else:
                if len(data) < bufsize:
                    if not flags:
                        if endpoint.drains:
                            endpoint.readable = False
                    elif flags & WAITALL and data and _patient(self, endpoint):
                        return _receive_rest(self, data, bufsize, flags)
                return data
        due = wait_readable(endpoint, due)


def recv_into(self: Any, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
    """As `socket.recv_into`; yields if nothing is there."""
    endpoint = self._closed
    if endpoint.__class__ is not Endpoint:
        endpoint = adopt(self)
    due = 0
    while True:
        if endpoint.readable or flags:
            try:
                count: int = _recv_into(self, buffer, nbytes, flags | DONTWAIT)
            except BlockingIOError:
                if endpoint.timeout == 0.0 or (flags and _impatient(endpoint, flags)):
                    raise
                endpoint.readable = False
            else:
                if count < (nbytes or _size(buffer)):
                    if not flags:
                        if endpoint.drains:
                            endpoint.readable = False
                    elif flags & WAITALL and count and _patient(self, endpoint):
                        with memoryview(buffer) as view, view.cast("B") as whole:
                            rest = _receive_rest(self, b"", (nbytes or len(whole)) - count, flags)
                            whole[count : count + len(rest)] = rest
                            count += len(rest)
                return count
        due = wait_readable(endpoint, due)


def _patient(self: Any, endpoint: Endpoint) -> bool:
    """Whether the kernel itself would go on until a transfer is complete: a stream that blocks."""
    return endpoint.timeout is None and _type(self) == STREAM


def _receive_rest(self: Any, data: bytes, bufsize: int, flags: int) -> bytes:
    """`data` and what follows, until there are `bufsize` bytes, the stream ends or fails."""
    parts, missing = [data], bufsize - len(data)
    while missing > 0 and not flags & (IMPATIENT | PEEK):
        try:
            part = recv(self, missing, flags & ~WAITALL)
        except OSError:  # the next call reports it
            break
        if not part:
            break
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _size(buffer: Any) -> int:
    """Bytes in a buffer."""
    if buffer.__class__ is bytearray:
        return len(buffer)
    with memoryview(buffer) as view:
        return view.nbytes


def _impatient(endpoint: Endpoint, flags: int) -> bool:
    """Whether EAGAIN is for the caller to see. A timeout comes before such a flag, as in the C code."""
    return endpoint.timeout is None and flags & IMPATIENT != 0


def _receive(self: Any, call: Any, flags: int, *args: Any) -> Any:
    """Call `call(self, *args)`, an input call that was told not to wait, until it gets something."""
    endpoint = self._closed
    if endpoint.__class__ is not Endpoint:
        endpoint = adopt(self)
    due = 0
    while True:
        if endpoint.readable or flags:
            try:
                return call(self, *args)
            except BlockingIOError:
                if endpoint.timeout == 0.0 or (flags and _impatient(endpoint, flags)):
                    raise
                endpoint.readable = False
        due = wait_readable(endpoint, due)


def recvfrom(self: Any, bufsize: int, flags: int = 0, /) -> tuple[bytes, Any]:
    """As `socket.recvfrom`; yields if nothing is there."""
    endpoint = self._closed
    if flags or endpoint.__class__ is not Endpoint:
        return _receive(self, _recvfrom, flags, bufsize, flags | DONTWAIT)  # type: ignore[no-any-return]
    due = 0
    while True:  # `_receive`, in place, because this is hot
        if endpoint.readable:
            try:
                return _recvfrom(self, bufsize, DONTWAIT)  # type: ignore[no-any-return]
            except BlockingIOError:
                if endpoint.timeout == 0.0:
                    raise
                endpoint.readable = False
        due = wait_readable(endpoint, due)


def recvfrom_into(self: Any, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
    """As `socket.recvfrom_into`; yields if nothing is there."""
    return _receive(self, _recvfrom_into, flags, buffer, nbytes, flags | DONTWAIT)  # type: ignore[no-any-return]


def recvmsg(
    self: Any, bufsize: int, ancbufsize: int = 0, flags: int = 0, /
) -> tuple[bytes, list[tuple[int, int, bytes]], int, Any]:
    """As `socket.recvmsg`; yields if nothing is there."""
    return _receive(self, _recvmsg, flags, bufsize, ancbufsize, flags | DONTWAIT)  # type: ignore[no-any-return]


def recvmsg_into(
    self: Any, buffers: Any, ancbufsize: int = 0, flags: int = 0, /
) -> tuple[int, list[tuple[int, int, bytes]], int, Any]:
    """As `socket.recvmsg_into`; yields if nothing is there."""
    if not isinstance(buffers, (list, tuple)):
        buffers = list(buffers)
    return _receive(self, _recvmsg_into, flags, buffers, ancbufsize, flags | DONTWAIT)  # type: ignore[no-any-return]


# ---- output ----


def send(self: Any, data: Any, flags: int = 0, /) -> int:
    """As `socket.send`; yields while the socket's buffer is full."""
    endpoint = self._closed
    if endpoint.__class__ is not Endpoint:
        endpoint = adopt(self)
    due = 0
    while True:
        if endpoint.writable or flags:
            try:
                sent: int = _send(self, data, flags | DONTWAIT if flags else DONTWAIT)
            except BlockingIOError:
                if endpoint.timeout == 0.0 or (flags and _impatient(endpoint, flags)):
                    raise
                endpoint.writable = False
            else:
                if data.__class__ is bytes and sent == len(data):
                    return sent
                return sent + _send_rest(self, endpoint, data, sent, flags)
        due = wait_writable(endpoint, due)


def _send_rest(self: Any, endpoint: Endpoint, data: Any, sent: int, flags: int) -> int:
    """How much more than `sent` bytes of `data` goes out, because a stream that blocks takes all."""
    with memoryview(data) as view, view.cast("B") as whole:
        start = sent
        while sent < len(whole) and not flags & IMPATIENT and _patient(self, endpoint):
            try:
                sent += _transmit(self, _send, flags, whole[sent:], flags | DONTWAIT)
            except OSError:  # the next call reports it
                break
        return sent - start


def sendall(self: Any, data: Any, flags: int = 0, /) -> None:
    """As `socket.sendall`; yields while the socket's buffer is full. The timeout is for the whole."""
    endpoint = self._closed
    if endpoint.__class__ is not Endpoint:
        endpoint = adopt(self)
    if endpoint.writable or flags:
        try:
            sent = _send(self, data, flags | DONTWAIT if flags else DONTWAIT)
        except BlockingIOError:
            if endpoint.timeout == 0.0 or (flags and _impatient(endpoint, flags)):
                raise
            sent = 0
        if data.__class__ is bytes and sent == len(data):
            return
    else:
        sent = 0
    with memoryview(data) as view, view.cast("B") as whole:
        due = 0
        while sent < len(whole):
            if endpoint.timeout == 0.0:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            if not endpoint.writable:
                due = wait_writable(endpoint, due)
            try:
                sent += _send(self, whole[sent:], flags | DONTWAIT)
            except BlockingIOError:
                if flags and _impatient(endpoint, flags):
                    raise
                endpoint.writable = False


def _transmit(self: Any, call: Any, flags: int, *args: Any) -> Any:
    """Call `call(self, *args)`, an output call that was told not to wait, until it succeeds."""
    endpoint = self._closed
    if endpoint.__class__ is not Endpoint:
        endpoint = adopt(self)
    due = 0
    while True:
        if endpoint.writable or flags:
            try:
                return call(self, *args)
            except BlockingIOError:
                if endpoint.timeout == 0.0 or (flags and _impatient(endpoint, flags)):
                    raise
                endpoint.writable = False
        due = wait_writable(endpoint, due)


def sendto(self: Any, data: Any, *args: Any) -> int:
    """As `socket.sendto`; yields while the socket's buffer is full."""
    if len(args) == 1:
        address = args[0]
        try:
            known = address[0] in literals
        except (TypeError, LookupError):  # no address of the Internet
            known = False
        if not known:
            address = numeric(address, _family(self))
        endpoint = self._closed
        if endpoint.__class__ is Endpoint and endpoint.writable:
            try:
                return _sendto(self, data, DONTWAIT, address)  # type: ignore[no-any-return]
            except BlockingIOError:
                if endpoint.timeout == 0.0:
                    raise
                endpoint.writable = False
        return _transmit(self, _sendto, 0, data, DONTWAIT, address)  # type: ignore[no-any-return]
    if len(args) == 2 and isinstance(args[0], int):
        flags = args[0]
        address = numeric(args[1], _family(self))
        return _transmit(self, _sendto, flags, data, flags | DONTWAIT, address)  # type: ignore[no-any-return]
    return _sendto(self, data, *args)  # type: ignore[no-any-return]  # raises the TypeError


def sendmsg(self: Any, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None, /) -> int:
    """As `socket.sendmsg`; yields while the socket's buffer is full."""
    if not isinstance(buffers, (list, tuple)):
        buffers = list(buffers)
    if not isinstance(ancdata, (list, tuple)):
        ancdata = list(ancdata)
    address = numeric(address, _family(self))
    sent: int = _transmit(self, _sendmsg, flags, buffers, ancdata, flags | DONTWAIT, address)
    endpoint = self._closed
    if endpoint.__class__ is Endpoint and _patient(self, endpoint):
        whole = b"".join(buffers)
        if sent < len(whole):
            sent += _send_rest(self, endpoint, whole, sent, flags)
    return sent


def _sendfile_use_sendfile(self: Any, file: Any, offset: int = 0, count: int | None = None) -> int:
    """The part of `socket.sendfile` that calls `os.sendfile`, on a descriptor that does not block."""
    endpoint = self._closed
    if endpoint.__class__ is not Endpoint:
        endpoint = adopt(self)
    if endpoint.fd >= 0:
        make_nonblocking(self, endpoint)
    try:
        return _stdlib_sendfile(self, file, offset, count)  # type: ignore[no-any-return]
    finally:
        make_as_before(self, endpoint)


# ---- connections ----


def _accept_fd(self: Any) -> tuple[int, Any]:
    """As `socket._accept`, the descriptor and the address of the next connection; yields."""
    endpoint = self._closed
    if endpoint.__class__ is not Endpoint:
        endpoint = adopt(self)
    if not endpoint.nonblocking and endpoint.fd >= 0:
        make_nonblocking(self, endpoint)
    return _receive(self, _accept, 0)  # type: ignore[no-any-return]


def accept(self: Any) -> tuple[Any, Any]:
    """As `socket.accept`; yields until somebody connects."""
    fd, address = _accept_fd(self)
    made: Any = _Socket if self.__class__ is _Socket else _socket_class(self)
    sock = made(_family(self), _type(self), _proto(self), fileno=fd)
    timeout = _gettimeout(sock)
    if timeout is None:
        sock._closed = Endpoint(fd, None, is_tcp(sock))
    return sock, address


def _socket_class(sock: Any) -> Any:
    """The class that `accept` makes: of a private copy of the module, its own `socket`."""
    return next((base for base in type(sock).__mro__ if RawSocket in base.__bases__), _Socket)


def bind(self: Any, address: Any, /) -> None:
    """As `socket.bind`; yields if the host is a name that has to be looked up."""
    _bind(self, numeric(address, _family(self)))


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
    address = numeric(address, _family(self))
    endpoint = self._closed
    if endpoint.__class__ is not Endpoint:
        endpoint = adopt(self)
    if endpoint.timeout == 0.0 or endpoint.fd < 0:
        return call(self, address) or 0
    make_nonblocking(self, endpoint)
    endpoint.afresh(self)
    try:
        code: int = _connect_ex(self, address)
        if code == errno.EAGAIN and _family(self) == _stdlib.AF_UNIX:
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
        limit = monotonic_ns() + int(endpoint.timeout * 1e9)
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
        endpoint.timeout = timeout
        endpoint.afresh(self)
    else:
        endpoint.timeout = timeout


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
    recv, recv_into, recvfrom, recvfrom_into, recvmsg, recvmsg_into, send, sendall, sendto,
    sendmsg, _sendfile_use_sendfile, accept, bind, listen, connect, connect_ex, close, _real_close, detach, settimeout,
    gettimeout, setblocking, getblocking,
)  # fmt: skip

PATCHES: list[tuple[str, str, Any]] = [
    *(("socket", f"socket.{method.__name__}", method) for method in _METHODS),
    ("socket", "socket._accept", _accept_fd),
    ("socket", "socket.timeout", property(gettimeout, doc="the socket timeout, in seconds")),
]

__getattr__ = names_of("socket")
