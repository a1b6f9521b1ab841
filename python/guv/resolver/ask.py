"""`getaddrinfo` on a thread of Go's: no GIL, no Python thread.

The request and the answer are bytes, laid out as `pyext/lookup.go` says. What is made of them is what
`_socket.getaddrinfo` makes of the C library's structures.
"""

from __future__ import annotations

import os
import struct
import sys
from _socket import AF_INET, AF_INET6, EAI_MEMORY, EAI_SYSTEM, gaierror, inet_ntop
from array import array
from collections.abc import Callable
from typing import Any

from ..hubs.hub import Hub

#: What `socket.getaddrinfo` returns, with plain ints.
Answer = list[tuple[int, int, int, str, Any]]

QUEUED, BEGUN, WITHDRAWN = range(3)

#: Lookups of one hub at once; the others wait in line.
LIMIT = 32

_NO_HOST, _NO_SERVICE = 256, 512
_TOO_BIG = 1
_HEADER = struct.Struct("=iii")
_ENTRY = struct.Struct("=iiiii")
_REQUEST = struct.Struct("=iiiii")
_INET6 = struct.Struct("!HI16s")
_ROOM = 2048  # bytes: about forty addresses


class Question:
    """One `getaddrinfo` for one hub. Belongs to the hub's thread."""

    __slots__ = ("answer", "args", "error", "finished", "hub", "request", "result", "state", "token")

    def __init__(self, hub: Hub, args: tuple[Any, ...], finished: Callable[[], object]) -> None:
        host, service, family, kind, proto, flags = args
        form = (_NO_HOST if host is None else 0) | (_NO_SERVICE if service is None else 0)
        header = _REQUEST.pack(form, family, kind, proto, flags)
        texts = [(text or b"").partition(b"\0")[0] for text in (host, service)]  # as C sees them
        self.request = b"%b%b\0%b\0" % (header, *texts)
        self.hub = hub
        self.finished = finished  # called in the hub, once, when the answer is there
        self.answer = array("b")
        self.result: Answer | None = None
        self.error: BaseException | None = None
        self.state = QUEUED
        self.token = -1

    def submit(self) -> None:
        if len(self.hub.lookups) < LIMIT:
            self._ask(_ROOM)
        else:
            self.hub.unasked.append(self)

    def withdraw(self) -> None:
        """Nobody wants the answer any more."""
        del self.finished
        if self.state == BEGUN:
            self.hub.forget_lookup(self.token)
            _ask_next(self.hub)
        self.state = WITHDRAWN

    def _ask(self, room: int) -> None:
        self.state = BEGUN
        self.answer = array("b", bytes(room))
        self.token = self.hub.look_up(self.request, self.answer, self._answered)

    def _answered(self) -> None:
        if self.state == WITHDRAWN:
            return  # in the moment in which the answer came
        status, code, count = _HEADER.unpack_from(self.answer)
        if status == _TOO_BIG:
            self._ask(count)
            return
        if status == 0:
            self.result = _decoded(memoryview(self.answer).cast("B"), count)
        else:
            text = self.answer[_HEADER.size : _HEADER.size + count].tobytes()
            self.error = _error(status, code, text)
        finished = self.finished
        del self.finished  # it refers to who has this object
        finished()
        _ask_next(self.hub)


def _ask_next(hub: Hub) -> None:
    while hub.unasked and len(hub.lookups) < LIMIT:
        question = hub.unasked.popleft()
        if question.state == QUEUED:
            question._ask(_ROOM)


def _decoded(answer: memoryview, count: int) -> Answer:
    entries: Answer = []
    at = _HEADER.size
    for _ in range(count):
        family, kind, proto, named, length = _ENTRY.unpack_from(answer, at)
        at += _ENTRY.size
        name = ""
        if named > 0:
            name = str(answer[at : at + named], "utf-8")
            at += named
        entries.append((family, kind, proto, name, _address(family, answer[at : at + length])))
        at += length
    return entries


def _address(family: int, raw: memoryview) -> Any:
    """A `struct sockaddr` as the tuple that stands for it in Python."""
    if family == AF_INET:
        return inet_ntop(AF_INET, raw[4:8]), raw[2] << 8 | raw[3]
    if family == AF_INET6:
        port, flow, host = _INET6.unpack_from(raw, 2)
        scope = int.from_bytes(raw[24:28], sys.byteorder)
        return inet_ntop(AF_INET6, host), port, flow, scope
    return family, bytes(raw[2:])


def _error(status: int, code: int, text: bytes) -> BaseException:
    if status == EAI_SYSTEM:
        return OSError(code, os.strerror(code))
    if status == EAI_MEMORY and not text:
        return MemoryError()  # not even for the answer
    return gaierror(status, text.decode(errors="surrogateescape"))
