"""epoll's event bits, and what guv makes of them."""

from __future__ import annotations

import select
from functools import cache
from typing import Final

from ..const import READ, WRITE
from .wire import FAILED, HANGUP, PRIORITY, READABLE, WRITABLE

IN: Final = select.EPOLLIN
EDGE: Final = select.EPOLLET
_OUT, _PRI = select.EPOLLOUT, select.EPOLLPRI
_ERR, _HUP, _RDHUP = select.EPOLLERR, select.EPOLLHUP, select.EPOLLRDHUP

_WAITS = ((READ, IN | _RDHUP), (WRITE, _OUT), (PRIORITY, _PRI))
_EVENTS = (  # errors and hang-ups count for both directions
    (IN | _HUP | _ERR | _RDHUP, READABLE),
    (_OUT | _HUP | _ERR, WRITABLE),
    (_PRI, PRIORITY),
    (_HUP | _RDHUP, HANGUP),
    (_ERR, FAILED),
)


@cache
def asked(evtype: int) -> int:
    """What to ask epoll for, edge-triggered, to wait for `evtype`."""
    return EDGE | sum(bits for wanted, bits in _WAITS if evtype & wanted)


@cache
def told(bits: int) -> int:
    """The completion flags of an event with these bits."""
    return sum(flag for some, flag in _EVENTS if bits & some)
