"""curl_cffi: transfers of sessions, streams and ``requests.get``, by libcurl's multi-socket interface.

`curl_cffi.Curl` calls the C function ``curl_easy_perform``. Here that is one that yields: each easy handle gets a multi
handle of its own, which keeps its connections. The library's callbacks, made for its `AsyncCurl` and a loop of asyncio,
tell what libcurl waits for. A transfer whose caller is killed or times out ends at once.

Blocks: looking up names, if libcurl has no resolver thread. Connecting a websocket runs in a native thread.
"""

from __future__ import annotations

import select
from typing import Any

import curl_cffi
from curl_cffi import aio, curl
from curl_cffi.const import CurlMOpt, CurlOpt

from .. import _originals, tpool
from ..const import READ
from ..hubs import trampoline
from . import require

MINIMUM = (0, 7)

_ffi: Any = aio.ffi
_lib: Any = aio.lib
_ALREADY_RUNNING = 27  # what libcurl's perform returns for a handle that is performed: CURLE_OUT_OF_MEMORY


def patch() -> None:
    """Put a green libcurl in the place of the one that `curl_cffi.Curl` calls."""
    require(curl_cffi, MINIMUM, curl_cffi.__version__)
    if not isinstance(curl.lib, Library):
        curl.lib = Library(curl.lib)


class Library:
    """libcurl's functions; `curl_easy_perform` yields."""

    def __init__(self, native: Any) -> None:
        self._native = native
        self._transfers: dict[int, _Transfer] = {}  # by address of the easy handle
        self._connecting: set[int] = set()  # easy handles that make a connection and keep it (``CONNECT_ONLY``)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._native, name)
        setattr(self, name, value)
        return value

    def curl_easy_perform(self, easy: Any) -> int:
        """Transfer. Returns libcurl's code; yields."""
        address = _address(easy)
        if address in self._connecting:  # taken out of a multi handle, the connection would be closed
            return int(tpool.execute(self._native.curl_easy_perform, easy))
        transfer = self._transfers.get(address)
        if transfer is None:
            transfer = self._transfers[address] = _Transfer()
        return transfer.run(easy)

    def _curl_easy_setopt(self, easy: Any, option: int, value: Any) -> int:
        if option == CurlOpt.CONNECT_ONLY:
            (self._connecting.add if value[0] else self._connecting.discard)(_address(easy))
        return int(self._native._curl_easy_setopt(easy, option, value))

    def curl_easy_reset(self, easy: Any) -> None:
        self._connecting.discard(_address(easy))
        self._native.curl_easy_reset(easy)

    def curl_easy_cleanup(self, easy: Any) -> None:
        address = _address(easy)
        self._connecting.discard(address)
        transfer = self._transfers.pop(address, None)
        self._native.curl_easy_cleanup(easy)
        if transfer is not None:
            transfer.close()


def _address(easy: Any) -> int:
    return int(_ffi.cast("intptr_t", easy))


class _Transfer:
    """Runs one easy handle at a time on a multi handle.

    For the library's callbacks it is an `AsyncCurl` (``loop``, ``_sockfds``, ``_timer`` or ``_timers``,
    ``process_data``) and the loop of that, whose methods only note what libcurl wants.
    """

    def __init__(self) -> None:
        self.loop = self
        self._sockfds: set[int] = set()  # kept by the library's callback
        self._timer: Any = None  # likewise
        self._timers: Any = set()  # likewise, before 0.11
        self._due: float | None = None  # when libcurl wants to be called at the latest
        self._wanted: dict[int, int] = {}  # what libcurl wants of which descriptor
        self._changed: set[int] = set()  # descriptors that the epoll object has to be told about
        self._group: Any = None  # the epoll object of a transfer under way
        self._multi: Any = _lib.curl_multi_init()
        self._handle = _ffi.new_handle(self)
        self._count = _ffi.new("int *")
        for option, value in (
            (CurlMOpt.SOCKETDATA, self._handle),
            (CurlMOpt.TIMERDATA, self._handle),
            (CurlMOpt.SOCKETFUNCTION, _lib.socket_function),
            (CurlMOpt.TIMERFUNCTION, _lib.timer_function),
        ):
            _lib.curl_multi_setopt(self._multi, option, value)

    def close(self) -> None:
        _lib.curl_multi_cleanup(self._multi)
        self._multi = self._handle = None

    def run(self, easy: Any) -> int:
        """Transfer. Returns libcurl's code."""
        if self._group is not None:
            return _ALREADY_RUNNING
        self._group = _originals.epoll()
        try:
            self._changed.update(self._wanted)  # sockets of connections that were kept
            _lib.curl_multi_add_handle(self._multi, easy)
            try:
                self._drive()
                return self._result()
            finally:
                if self._multi is not None:
                    _lib.curl_multi_remove_handle(self._multi, easy)
        finally:
            self._group.close()
            self._group = None

    def _drive(self) -> None:
        running = self._act(aio.CURL_SOCKET_TIMEOUT, 0)
        while running:
            self._tell_epoll()
            left = None if self._due is None else max(0.0, self._due - _originals.monotonic())
            try:
                trampoline(self._group.fileno(), READ, left, TimeoutError)
            except TimeoutError:
                self._due = None
                running = self._act(aio.CURL_SOCKET_TIMEOUT, 0)
                continue
            for fd, events in self._group.poll(0):
                running = self._act(fd, _action(events))

    def _act(self, fd: int, action: int) -> int:
        """Let libcurl work. Returns how many transfers run."""
        _lib.curl_multi_socket_action(self._multi, fd, action, self._count)
        return int(self._count[0])

    def _result(self) -> int:
        message = _lib.curl_multi_info_read(self._multi, self._count)
        return 0 if message == _ffi.NULL else int(message.data.result)

    def _tell_epoll(self) -> None:
        group = self._group
        while self._changed:
            fd = self._changed.pop()
            mask = self._wanted.get(fd, 0)
            if not mask:
                self._wanted.pop(fd, None)
                try:
                    group.unregister(fd)
                except OSError:
                    pass  # closed, or never told
                continue
            try:
                group.register(fd, mask)
            except FileExistsError:
                group.modify(fd, mask)

    # ---- what the library's callbacks call ----

    def process_data(self, *_: Any) -> None:
        """What would be called by a loop of asyncio."""

    def add_reader(self, fd: int, *_: Any) -> None:
        self._want(fd, self._wanted.get(fd, 0) | select.EPOLLIN)

    def add_writer(self, fd: int, *_: Any) -> None:
        self._want(fd, self._wanted.get(fd, 0) | select.EPOLLOUT)

    def remove_reader(self, fd: int) -> None:
        self._want(fd, self._wanted.get(fd, 0) & ~select.EPOLLIN)

    def remove_writer(self, fd: int) -> None:
        self._want(fd, self._wanted.get(fd, 0) & ~select.EPOLLOUT)

    def _want(self, fd: int, mask: int) -> None:
        self._wanted[fd] = mask
        self._changed.add(fd)

    def call_later(self, seconds: float, *_: Any) -> Any:
        self._due = None if seconds < 0 else _originals.monotonic() + seconds
        return self

    def cancel(self) -> None:
        self._due = None


def _action(events: int) -> int:
    action: int = 0
    if events & select.EPOLLIN:
        action |= aio.CURL_CSELECT_IN
    if events & select.EPOLLOUT:
        action |= aio.CURL_CSELECT_OUT
    if events & (select.EPOLLERR | select.EPOLLHUP):
        action |= aio.CURL_CSELECT_ERR
    return action
