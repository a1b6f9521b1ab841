"""pycurl: transfers of libcurl, by its multi-socket interface.

Yields: `Curl.perform`, `perform_rb`, `perform_rs`, `CurlMulti.select`. Each easy handle keeps a multi handle of its
own, so that connections are reused as `perform` reuses them. Names are looked up by libcurl, in a thread of its own; a
libcurl built without that (``AsynchDNS`` missing in ``curl --version``) blocks there.
"""

from __future__ import annotations

import io
import select
from typing import Any

import pycurl

from .. import _originals
from .._rebind import rebind
from ..const import READ
from ..hubs.switch import trampoline
from . import require

MINIMUM = (7, 43)

_Curl: Any = pycurl.Curl
_CurlMulti: Any = pycurl.CurlMulti

_EVENTS = {
    pycurl.POLL_IN: select.EPOLLIN,
    pycurl.POLL_OUT: select.EPOLLOUT,
    pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
}


def patch() -> None:
    """Put the green classes in the place of `pycurl.Curl` and `pycurl.CurlMulti`."""
    require(pycurl, MINIMUM, pycurl.version.split()[0].partition("/")[2])
    if pycurl.Curl is _Curl:
        pycurl.Curl = Curl
        pycurl.CurlMulti = CurlMulti
        rebind([(_Curl, Curl), (_CurlMulti, CurlMulti)])


class Curl(_Curl):  # type: ignore[misc]
    """`pycurl.Curl` whose transfers yield."""

    def perform(self) -> None:
        """As `pycurl.Curl.perform`; yields while it waits for the network."""
        transfer = self.__dict__.get("_transfer")
        if transfer is None:
            transfer = self._transfer = _Transfer()
        transfer.run(self)

    def perform_rb(self) -> bytes:
        """As `pycurl.Curl.perform_rb`."""
        body = io.BytesIO()
        self.setopt(pycurl.WRITEDATA, body)
        self.perform()
        return body.getvalue()

    def perform_rs(self) -> str:
        """As `pycurl.Curl.perform_rs`."""
        return self.perform_rb().decode()

    def close(self) -> None:
        """As `pycurl.Curl.close`."""
        transfer = self.__dict__.pop("_transfer", None)
        if transfer is not None:
            transfer.close()
        super().close()


class _Transfer:
    """Runs one easy handle at a time on a multi handle."""

    def __init__(self) -> None:
        self._multi = _CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._group: Any = None  # the epoll object of a transfer under way
        self._masks: dict[int, int] = {}  # what libcurl wants of which descriptor
        self._due: float | None = None  # when libcurl wants to be called at the latest

    def close(self) -> None:
        self._multi.close()

    def run(self, easy: Any) -> None:
        """Transfer; raises `pycurl.error`. A second call meanwhile is an error, as with libcurl itself."""
        if self._group is not None:
            raise pycurl.error("cannot invoke perform() - perform() is currently running")
        self._group = _originals.epoll()
        try:
            self._masks.clear()
            self._multi.add_handle(easy)
            try:
                self._drive()
                result = self._result()
            finally:
                self._multi.remove_handle(easy)
        finally:
            self._group.close()
            self._group = None
        if result is not None:
            raise pycurl.error(*result)

    def _drive(self) -> None:
        running = self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)[1]
        while running:
            left = None if self._due is None else max(0.0, self._due - _originals.monotonic())
            try:
                trampoline(self._group.fileno(), READ, left, TimeoutError)
            except TimeoutError:
                running = self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)[1]
                continue
            for fd, events in self._group.poll(0):
                running = self._multi.socket_action(fd, _action(events))[1]

    def _result(self) -> tuple[int, str] | None:
        _, _, failed = self._multi.info_read()
        return failed[0][1:] if failed else None

    def _watch(self, what: int, fd: int, multi: Any, data: Any) -> None:
        """Libcurl tells what it waits for."""
        if self._group is None:
            return
        if what == pycurl.POLL_REMOVE:
            if self._masks.pop(fd, None) is not None:
                try:
                    self._group.unregister(fd)
                except OSError:
                    pass  # closed already
        else:
            mask = _EVENTS.get(what, 0)
            try:
                if fd in self._masks:
                    self._group.modify(fd, mask)
                else:
                    self._group.register(fd, mask)
            except FileNotFoundError:  # the number has been closed and opened again meanwhile
                self._group.register(fd, mask)
            self._masks[fd] = mask

    def _set_timer(self, milliseconds: int) -> None:
        self._due = None if milliseconds < 0 else _originals.monotonic() + milliseconds / 1000


def _action(events: int) -> int:
    action = 0
    if events & select.EPOLLIN:
        action |= pycurl.CSELECT_IN
    if events & select.EPOLLOUT:
        action |= pycurl.CSELECT_OUT
    if events & (select.EPOLLERR | select.EPOLLHUP):
        action |= pycurl.CSELECT_ERR
    return action


class CurlMulti(_CurlMulti):  # type: ignore[misc]
    """`pycurl.CurlMulti` whose `select` yields."""

    def select(self, timeout: float) -> int:
        """As `pycurl.CurlMulti.select`: how many descriptors are ready, -1 if there are none to wait for."""
        readers, writers, others = self.fdset()
        masks: dict[int, int] = {}
        for fds, mask in ((readers, select.EPOLLIN), (writers, select.EPOLLOUT), (others, select.EPOLLPRI)):
            for fd in fds:
                masks[fd] = masks.get(fd, 0) | mask
        if not masks:
            return -1
        with _originals.epoll() as group:
            for fd, mask in masks.items():
                group.register(fd, mask)
            try:
                trampoline(group.fileno(), READ, timeout, TimeoutError)
            except TimeoutError:
                return 0
            return len(group.poll(0))
