"""Sending and receiving on sockets: the methods of `socket.socket` that transfer data.

Each tries the system call if the endpoint's hint says that this is worthwhile, and waits otherwise. The calls that
programs make for each message have the loop of `receive` and of `_transmit` in place.
"""

from __future__ import annotations

import errno
import os
import socket as _stdlib
from typing import Any

from .._originals import RawSocket
from ..hubs.fairness import be_fair
from ..resolver import literals, numeric
from ._endpoint import (
    Endpoint,
    adopt,
    family_of,
    make_as_before,
    make_nonblocking,
    type_of,
    wait_readable,
    wait_writable,
)

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

# Plain ints: or-ing the stdlib's enum members costs microseconds.
DONTWAIT = int(_stdlib.MSG_DONTWAIT)
#: Flags with which the kernel itself would not wait, even on a blocking socket.
IMPATIENT = int(_stdlib.MSG_DONTWAIT | _stdlib.MSG_OOB | _stdlib.MSG_ERRQUEUE)
WAITALL = int(_stdlib.MSG_WAITALL)
PEEK = int(_stdlib.MSG_PEEK)
STREAM = int(_stdlib.SOCK_STREAM)


# ---- input ----


def recv(self: Any, bufsize: int, flags: int = 0, /) -> bytes:
    """As `socket.recv`; yields if nothing is there."""
    endpoint = self._closed
    if endpoint.__class__ is not Endpoint:
        endpoint = adopt(self)
    if endpoint.readable:
        be_fair()
    due = 0
    while True:
        if endpoint.readable or flags or not bufsize:
            try:
                data: bytes = _recv(self, bufsize, flags | DONTWAIT if flags else DONTWAIT)
            except BlockingIOError:
                if endpoint.timeout == 0.0 or (flags and _impatient(endpoint, flags)):
                    be_fair()
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
    if endpoint.readable:
        be_fair()
    due = 0
    while True:
        if endpoint.readable or flags:
            try:
                count: int = _recv_into(self, buffer, nbytes, flags | DONTWAIT)
            except BlockingIOError:
                if endpoint.timeout == 0.0 or (flags and _impatient(endpoint, flags)):
                    be_fair()
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
    return endpoint.timeout is None and type_of(self) == STREAM


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


def receive(self: Any, call: Any, flags: int, *args: Any) -> Any:
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
                    be_fair()
                    raise
                endpoint.readable = False
        due = wait_readable(endpoint, due)


def recvfrom(self: Any, bufsize: int, flags: int = 0, /) -> tuple[bytes, Any]:
    """As `socket.recvfrom`; yields if nothing is there."""
    endpoint = self._closed
    if flags or endpoint.__class__ is not Endpoint:
        return receive(self, _recvfrom, flags, bufsize, flags | DONTWAIT)  # type: ignore[no-any-return]
    due = 0
    while True:  # `receive`, in place, because this is hot
        if endpoint.readable:
            try:
                return _recvfrom(self, bufsize, DONTWAIT)  # type: ignore[no-any-return]
            except BlockingIOError:
                if endpoint.timeout == 0.0:
                    be_fair()
                    raise
                endpoint.readable = False
        due = wait_readable(endpoint, due)


def recvfrom_into(self: Any, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
    """As `socket.recvfrom_into`; yields if nothing is there."""
    return receive(self, _recvfrom_into, flags, buffer, nbytes, flags | DONTWAIT)  # type: ignore[no-any-return]


def recvmsg(
    self: Any, bufsize: int, ancbufsize: int = 0, flags: int = 0, /
) -> tuple[bytes, list[tuple[int, int, bytes]], int, Any]:
    """As `socket.recvmsg`; yields if nothing is there."""
    return receive(self, _recvmsg, flags, bufsize, ancbufsize, flags | DONTWAIT)  # type: ignore[no-any-return]


def recvmsg_into(
    self: Any, buffers: Any, ancbufsize: int = 0, flags: int = 0, /
) -> tuple[int, list[tuple[int, int, bytes]], int, Any]:
    """As `socket.recvmsg_into`; yields if nothing is there."""
    if not isinstance(buffers, (list, tuple)):
        buffers = list(buffers)
    return receive(self, _recvmsg_into, flags, buffers, ancbufsize, flags | DONTWAIT)  # type: ignore[no-any-return]


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
                    be_fair()
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
                be_fair()
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
                    be_fair()
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
                    be_fair()
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
            address = numeric(address, family_of(self))
        endpoint = self._closed
        if endpoint.__class__ is Endpoint and endpoint.writable:
            try:
                return _sendto(self, data, DONTWAIT, address)  # type: ignore[no-any-return]
            except BlockingIOError:
                if endpoint.timeout == 0.0:
                    be_fair()
                    raise
                endpoint.writable = False
        return _transmit(self, _sendto, 0, data, DONTWAIT, address)  # type: ignore[no-any-return]
    if len(args) == 2 and isinstance(args[0], int):
        flags = args[0]
        address = numeric(args[1], family_of(self))
        return _transmit(self, _sendto, flags, data, flags | DONTWAIT, address)  # type: ignore[no-any-return]
    return _sendto(self, data, *args)  # type: ignore[no-any-return]  # raises the TypeError


def sendmsg(self: Any, buffers: Any, ancdata: Any = (), flags: int = 0, address: Any = None, /) -> int:
    """As `socket.sendmsg`; yields while the socket's buffer is full."""
    if not isinstance(buffers, (list, tuple)):
        buffers = list(buffers)
    if not isinstance(ancdata, (list, tuple)):
        ancdata = list(ancdata)
    address = numeric(address, family_of(self))
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


#: Those of `socket.socket`.
METHODS = (
    recv, recv_into, recvfrom, recvfrom_into, recvmsg, recvmsg_into, send, sendall, sendto, sendmsg,
    _sendfile_use_sendfile,
)  # fmt: skip
