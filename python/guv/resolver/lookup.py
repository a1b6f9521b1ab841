"""A greenlet's side of a lookup: start it, park, take the answer or the error.

Requests for the same thing share one call of the C library, but only while no thread has begun
that call: each answer is at least as fresh as its question, as if everyone had asked alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet

from .._originals import raw_getaddrinfo
from ..hubs.abc import AbstractHub
from ..hubs.current import hub_of
from ..hubs.hub import Hub as GoHub
from ..hubs.switch import unpark
from .ask import QUEUED, Answer, Question
from .choice import CHOSEN
from .pool import Job

#: Host, service, family, kind, protocol, flags.
Arguments = tuple[bytes | None, bytes | None, int, int, int, int]

_shared: dict[tuple[Any, ...], Lookup] = {}  # by hub and arguments
os.register_at_fork(after_in_child=_shared.clear)


class Lookup:
    """A call that one greenlet, or several of one hub, wait for."""

    __slots__ = ("done", "job", "key", "waiters")

    def __init__(
        self,
        hub: AbstractHub,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        key: tuple[Any, ...] | None = None,
    ) -> None:
        self.waiters: list[greenlet] = []
        self.done = False
        self.key = key  # its place in `_shared`
        self.job: Job | Question
        if function is raw_getaddrinfo and isinstance(hub, GoHub):
            self.job = Question(hub, args, self.finished)
        else:
            self.job = Job(hub, function, args, self.finished)
        self.job.submit()

    def finished(self) -> None:
        self.done = True
        self._unshare()
        self.job.hub.ready.extend(self.waiters)

    def _unshare(self) -> None:
        if self.key is not None and _shared.get(self.key) is self:
            del _shared[self.key]

    def wait(self, hub: AbstractHub, current: greenlet) -> Any:
        """Park until the call has returned; its result, or raise its exception."""
        self.waiters.append(current)
        try:
            while not self.done:
                hub.ready.popleft().switch()
        except BaseException:
            if self.done:
                unpark(hub, current)
            else:
                self.waiters.remove(current)
                if not self.waiters:
                    self.job.withdraw()
                    self._unshare()
            raise
        error = self.job.error
        if error is None:
            return self.job.result
        try:
            raise type(error)(*error.args)  # one each: tracebacks must not mix
        finally:
            del error


def call(function: Callable[..., Any], *args: Any) -> Any:
    """Run `function(*args)`, a function in C that may block, in a native thread; yields meanwhile.

    In a hub's own callbacks, which can't yield, it blocks.
    """
    current = getcurrent()
    hub = hub_of(current)
    if current is hub:
        return function(*args)
    return Lookup(hub, function, args).wait(hub, current)


def getaddrinfo(args: Arguments, asked: tuple[Any, ...] | None = None) -> Answer:
    """`_socket.getaddrinfo(*args)`, the host and the port encoded; yields until the answer is there.

    `asked` is what a program called the function with, as an auditing hook is told. The C function tells it
    when it is called; a question to Go, or one that joins another's, tells it here.
    """
    current = getcurrent()
    hub = hub_of(current)
    if current is hub:
        return raw_getaddrinfo(*(asked or args))  # type: ignore[no-any-return]
    if CHOSEN == "dnspython":
        from .dnspython import getaddrinfo as ask_servers

        return ask_servers(args, asked)
    key = hub, args
    lookup = _shared.get(key)
    joins = lookup is not None and lookup.job.state == QUEUED
    if isinstance(hub, GoHub):
        audited = args
    else:
        audited = asked or args
        if not joins:
            asked = None
    if asked is not None:
        sys.audit("socket.getaddrinfo", *asked[:5])
    if not joins:
        lookup = _shared[key] = Lookup(hub, raw_getaddrinfo, audited, key)
    return list(lookup.wait(hub, current))  # type: ignore[union-attr]
