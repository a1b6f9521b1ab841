"""pyzmq: ZeroMQ sockets wait on the descriptor that libzmq offers.

Yields: `Socket.send`, `recv`, `recv_into` and all that is built on them, `Socket.poll`, `Poller.poll`, `zmq.select`;
RCVTIMEO and SNDTIMEO are kept. `zmq.proxy` and its like, and `Context.term`, which waits until all sockets are closed
and their messages sent, have a native thread each. Several greenlets may use one socket, as long as multipart messages
are sent and received by the multipart methods.

Blocks still: a context that is collected while messages linger; a finalizer must not switch.

libzmq's descriptor is edge-triggered: it becomes readable when the state of the socket *may* have changed, and any call
on the socket takes that sign away. So each call looks whether it took it from somebody who waits, and wakes him.
"""

from __future__ import annotations

import functools
import select
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import zmq
import zmq.backend
import zmq.sugar.poll
from greenlet import getcurrent

from .. import _originals
from ..const import READ
from ..hubs.current import current_hub
from ..hubs.descriptor import Crowd
from ..hubs.switch import trampoline
from . import require
from ._native import NativeThread

MINIMUM = (22,)

_send: Any = zmq.Socket.send
_recv: Any = zmq.Socket.recv
_recv_into: Any = getattr(zmq.Socket, "recv_into", None)
_poll_now: Any = zmq.sugar.poll.zmq_poll
_term: Any = zmq.Context.term
_delete: Any = zmq.Context.__del__

#: the descriptors that greenlets wait on for the sake of a socket
_watched: WeakKeyDictionary[Any, list[int]] = WeakKeyDictionary()
#: the contexts, by id, that are being collected
_collected: set[int] = set()


def patch() -> None:
    """Replace the methods of `zmq.Socket` and `zmq.Context` that wait, and the functions behind pollers and devices."""
    require(zmq, MINIMUM, zmq.__version__)
    if zmq.Socket.send is send:
        return
    zmq.Socket.send = send
    zmq.Socket.recv = recv
    if _recv_into is not None:
        zmq.Socket.recv_into = recv_into
    zmq.sugar.poll.zmq_poll = zmq_poll
    zmq.Context.term = term
    zmq.Context.__del__ = _collect
    for name in "proxy", "proxy_steerable", "monitored_queue":
        function = getattr(zmq.backend, name, None)
        if function is not None:
            own = _in_own_thread(function)
            for module in zmq.backend, zmq.sugar, zmq:
                if hasattr(module, name):
                    setattr(module, name, own)


def _in_own_thread(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which runs for long, in a native thread of its own."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return NativeThread().call(functools.partial(function, *args, **kwargs))

    return call


def term(self: Any) -> None:
    """As `Context.term`; yields while there are open sockets or messages that linger."""
    hub = current_hub()
    if hub is None or hub is getcurrent() or self.closed or id(self) in _collected:
        _term(self)
    else:
        NativeThread().call(_term, self)


def _collect(self: Any) -> None:
    """As `Context.__del__`."""
    _collected.add(id(self))
    try:
        _delete(self)
    finally:
        _collected.discard(id(self))


def send(self: Any, data: Any, flags: int = 0, copy: bool = True, track: bool = False, **options: Any) -> Any:
    """As `Socket.send`; yields while the socket can take no message."""
    return _retry(self, zmq.SNDTIMEO, flags, _send, data, copy=copy, track=track, **options)


def recv(self: Any, flags: int = 0, copy: bool = True, track: bool = False) -> Any:
    """As `Socket.recv`; yields until there is a message."""
    return _retry(self, zmq.RCVTIMEO, flags, _recv, copy=copy, track=track)


def recv_into(self: Any, buffer: Any, /, *, nbytes: int = 0, flags: int = 0) -> Any:
    """As `Socket.recv_into`; yields until there is a message."""
    return _retry(self, zmq.RCVTIMEO, flags, _recv_into, buffer, nbytes=nbytes)


def _retry(sock: Any, option: int, flags: int, call: Any, *args: Any, **options: Any) -> Any:
    """Make a call that does not wait until it succeeds or the socket's time-out is over."""
    deadline: float | None = None
    first = True
    while True:
        try:
            return call(sock, *args, flags=flags | zmq.DONTWAIT, **options)
        except zmq.Again:
            if flags & zmq.DONTWAIT:
                raise
            if first:
                first = False
                timeout = sock.getsockopt(option)
                if timeout >= 0:
                    deadline = _originals.monotonic() + timeout / 1000
            left = None if deadline is None else deadline - _originals.monotonic()
            if left is not None and left <= 0:
                raise
        finally:
            if _watched:
                _wake_others(sock)
        _wait([sock], sock.getsockopt(zmq.FD), left)


def zmq_poll(sockets: list[tuple[Any, int]], timeout: float | None = -1) -> list[tuple[Any, int]]:
    """As pyzmq's function of that name, which `Poller` and `select` use; yields. `timeout` in milliseconds."""
    if timeout is None:
        timeout = -1
    ready: list[tuple[Any, int]] = _poll_now(sockets, 0)
    if ready or timeout == 0:
        return ready
    deadline = None if timeout < 0 else _originals.monotonic() + timeout / 1000
    with _originals.epoll() as group:
        zmq_sockets = _register(group, sockets)
        while True:
            left = None if deadline is None else max(0.0, deadline - _originals.monotonic())
            expired = not _wait(zmq_sockets, group.fileno(), left)
            group.poll(0)  # takes the edges, so that the next wait is for new ones
            ready = _poll_now(sockets, 0)
            for sock in zmq_sockets:
                _wake_others(sock)
            if ready or expired:
                return ready


def _register(group: Any, sockets: list[tuple[Any, int]]) -> list[Any]:
    """Put all descriptors into an epoll object; the ZeroMQ sockets among them."""
    masks: dict[int, int] = {}
    zmq_sockets = []
    for item, events in sockets:
        if isinstance(item, zmq.Socket):
            zmq_sockets.append(item)
            fd, mask = item.getsockopt(zmq.FD), select.EPOLLIN
        else:
            fd = item if isinstance(item, int) else item.fileno()
            mask = (events & zmq.POLLIN and select.EPOLLIN) | (events & zmq.POLLOUT and select.EPOLLOUT)
        masks[fd] = masks.get(fd, 0) | mask | select.EPOLLET
    for fd, mask in masks.items():
        group.register(fd, mask)
    return zmq_sockets


def _wait(sockets: list[Any], fd: int, seconds: float | None) -> bool:
    """Wait for `fd` on behalf of `sockets`; False if the time is over."""
    for sock in sockets:
        _watched.setdefault(sock, []).append(fd)
    try:
        trampoline(fd, READ, seconds, TimeoutError)
    except TimeoutError:
        return False
    finally:
        for sock in sockets:
            fds = _watched[sock]
            fds.remove(fd)
            if not fds:
                del _watched[sock]
    return True


def _wake_others(sock: Any) -> None:
    """Make those ready who wait for `sock`: a call on it may have used up their event."""
    hub = current_hub()
    if hub is None:
        return
    for fd in _watched.get(sock, ()):
        descriptor = hub.fds.get(fd)
        if descriptor is None or descriptor.reader is None:
            continue
        descriptor.readable = True
        waiter, descriptor.reader = descriptor.reader, None
        if isinstance(waiter, Crowd):
            waiter.wake(hub)
        else:
            hub.ready.append(waiter)
