"""Who runs: an identifier for each greenlet, as `_thread.get_ident` gives one to each thread.

The main greenlet of a thread of the operating system, and the hub that works on its behalf, keep the
native identifier, so ``main_thread().ident`` and everything keyed by it stay true. All other
greenlets get numbers that are never used twice and that no native identifier can equal.

A native identifier is the address of what the C library knows of a thread, and there are programs that hand
``Thread.ident`` to it: trio names its threads by ``pthread_setname_np``, through `ctypes`. Such a call reads at that
address. So the numbers are addresses as well, in a block of zeros that is never written to and takes no memory: the C
library finds a thread with the number 0 of the operating system there, and refuses.
"""

from __future__ import annotations

import heapq
import os
import threading
from collections.abc import Iterator
from itertools import count
from typing import cast

from greenlet import getcurrent, greenlet

from .._originals import get_ident as native_ident
from .abc import AbstractHub
from .current import current_hub, hub_of

_BLOCK = 1 << 22  # bytes: the identifiers that a block lasts for
_THREAD = 1 << 12  # bytes, more than the C library keeps for a thread
_blocks: list[bytes] = []
_numbers: Iterator[int] = iter(())
_main_thread = cast(int, threading.main_thread().ident)


def get_ident() -> int:
    """Return a non-zero integer that identifies the current greenlet. Never yields."""
    try:
        return getcurrent().thread_ident  # type: ignore[attr-defined, no-any-return]
    except AttributeError:
        return identify(getcurrent())
    except RuntimeError:  # the interpreter is ending, and greenlet has ended before
        return native_ident()


def identify(current: greenlet) -> int:
    """Give `current`, a greenlet of the calling thread, its number, which it keeps."""
    if current.parent is None or isinstance(current, AbstractHub):
        ident = native_ident()
    else:
        ident = next(_numbers, 0) or _first_of_block()
    current.thread_ident = ident  # type: ignore[attr-defined]
    return ident


def _first_of_block() -> int:
    """The first identifier in a new block."""
    global _numbers
    block = bytes(_BLOCK + _THREAD)  # of pages that are all the same one as long as nobody writes to them
    _blocks.append(block)
    start = id(block) + bytes.__basicsize__  # behind the object's head
    _numbers = iter(range(start, start + _BLOCK))
    return next(_numbers)


class _Small:
    """A small number, free again when the greenlet that has it is gone."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        try:
            self.number = heapq.heappop(_unused)
        except IndexError:
            self.number = next(_small)

    def __del__(self) -> None:
        heapq.heappush(_unused, self.number)


_small = count()
_unused: list[int] = []


def minimal_ident(g: greenlet) -> int:
    """The least number that no living greenlet has, given to `g` when this is first asked; it keeps it."""
    own = g.__dict__
    small = own.get("minimal_ident_")
    if small is None:
        small = own["minimal_ident_"] = _Small()
    return cast(_Small, small).number


def in_main_thread() -> bool:
    """Whether the calling thread of the operating system is the program's first."""
    return native_ident() == _main_thread


def main_ident() -> int:
    """The ident of the program's first thread, which its main greenlet shares."""
    return _main_thread


def waiting_hub(current: greenlet) -> AbstractHub | None:
    """The hub that `current` parks in, or None where it has to block its thread instead.

    A native thread without a hub has no other greenlet that could run meanwhile; it waits
    natively. The main thread gets a hub: a signal handler may start greenlets while it waits.

    Raises RuntimeError in the hub itself: a callback must not block.
    """
    hub = current_hub()
    if hub is None and not in_main_thread():
        return None
    hub = hub_of(current)
    if current is hub:
        raise RuntimeError("the hub can't wait: what it calls must not block")
    return hub


def _after_fork() -> None:
    global _main_thread
    _main_thread = native_ident()


os.register_at_fork(after_in_child=_after_fork)
