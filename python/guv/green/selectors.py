"""Cooperative :mod:`selectors`: every class stays, and so do selectors made before the patch.

The selectors call what :mod:`guv.green.select` provides; only where a class or an instance holds
the real thing it has to be exchanged. A selector's `select` is also the first thing that an asyncio
loop calls when it begins to run, so this is where guv notices one.
"""

from __future__ import annotations

import selectors as _stdlib
from typing import Any

from .._originals import epoll as RawEpoll
from . import names_of
from ._running_loop import notice
from .select import epoll, poll, select

Ready = list[tuple[_stdlib.SelectorKey, int]]

_select_selector_select: Any = _stdlib.SelectSelector.select
_poll_selector_select: Any = _stdlib.PollSelector.select
_epoll_selector_select: Any = _stdlib.EpollSelector.select
RawPoll: Any = _stdlib.PollSelector._selector_cls().__class__  # type: ignore[attr-defined]


def _select_by_select(self: Any, timeout: float | None = None) -> Ready:
    """As `SelectSelector.select`; yields."""
    notice()
    return _select_selector_select(self, timeout)  # type: ignore[no-any-return]


def _select_by_poll(self: Any, timeout: float | None = None) -> Ready:
    """As `PollSelector.select`; yields."""
    notice()
    if self._selector.__class__ is RawPoll:
        self._selector = green = poll()
        for key in self._fd_to_key.values():
            mask = 0
            if key.events & _stdlib.EVENT_READ:
                mask |= self._EVENT_READ
            if key.events & _stdlib.EVENT_WRITE:
                mask |= self._EVENT_WRITE
            green.register(key.fd, mask)
    return _poll_selector_select(self, timeout)  # type: ignore[no-any-return]


def _select_by_epoll(self: Any, timeout: float | None = None) -> Ready:
    """As `EpollSelector.select`; yields."""
    notice()
    if self._selector.__class__ is RawEpoll:
        self._selector = epoll.wrap(self._selector)
    return _epoll_selector_select(self, timeout)  # type: ignore[no-any-return]


PATCHES: list[tuple[str, str, Any]] = [
    ("selectors", "SelectSelector._select", staticmethod(select)),
    ("selectors", "SelectSelector.select", _select_by_select),
    ("selectors", "PollSelector._selector_cls", staticmethod(poll)),
    ("selectors", "PollSelector.select", _select_by_poll),
    ("selectors", "EpollSelector._selector_cls", epoll),
    ("selectors", "EpollSelector.select", _select_by_epoll),
]

__getattr__ = names_of("selectors")
