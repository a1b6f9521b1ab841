"""`leak_check`: what a block of a test leaves behind."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from greenlet import getcurrent, greenlet

from ..debug import _spawns
from ..debug._stacks import GreenletState, greenlet_stacks, living_greenlets, root_of
from ..hubs.current import get_hub
from ..hubs.deadlock import live_timers
from ._blocked import wait_all_blocked


class _Belongings:
    """What the calling thread's hub, and the process, have at one moment."""

    def __init__(self) -> None:
        self.greenlets: set[greenlet] = set(living_greenlets(root_of(getcurrent())))
        self.descriptors = open_descriptors()
        self.timers = _timers()


def _timers() -> list[object]:
    """What the timers of the hub are for."""
    hub = get_hub()
    return [*live_timers(hub), *(t for t in hub.fresh if t.deadline)]


def open_descriptors() -> dict[int, str]:
    """The open descriptors and what each is, without those of Go's runtime.

    The runtime makes an epoll instance and an eventfd, once, when it first needs a timer: after a collection of
    garbage, and at a moment of its own. They are nobody's leak. What tells them: the eventfd is all that the epoll
    instance watches, level-triggered, and the registration carries an address.
    """
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            pass  # that of listdir itself
    for fd in [fd for fd, what in found.items() if what == "anon_inode:[eventpoll]"]:
        with open(f"/proc/self/fdinfo/{fd}") as info:
            watched = re.findall(r"tfd:\s*(\d+) events:\s*(\w+) data:\s*(\w+)", info.read())
        if len(watched) == 1 and watched[0][1] == "19" and len(watched[0][2]) > 8:
            del found[fd]
            found.pop(int(watched[0][0]), None)
    return found


@contextmanager
def leak_check(*, descriptors: bool = True) -> Iterator[None]:
    """Raise AssertionError at the end of the block for greenlets, timers and descriptors that it leaves behind.

    Says where each greenlet was spawned and what it waits for. The others may go on until they wait before it is judged
    (`wait_all_blocked`), and garbage is collected. Descriptors are those of the whole process; `descriptors=False`
    leaves them out. An exception in the block goes before.
    """
    get_hub()
    tracked = bool(_spawns._undo)
    _spawns.track_spawns(True)
    try:
        before = _Belongings()
        yield
        text = leaked(before, descriptors)
    finally:
        if not tracked:
            _spawns.track_spawns(False)
    if text:
        raise AssertionError(f"the block leaves behind:\n{text}")


def leaked(before: _Belongings, descriptors: bool) -> str:
    """What there is now and was not before, as text."""
    wait_all_blocked()
    gc.collect()
    lines = []
    for state in greenlet_stacks():
        if state.greenlet not in before.greenlets:
            lines.append(f"greenlet {_with_origin(state)}")
    known = set(map(id, before.timers))
    lines += [f"timer for {entry!r}" for entry in _timers() if id(entry) not in known]
    if descriptors:
        now = open_descriptors()
        lines += [f"descriptor {fd}: {what}" for fd, what in sorted(now.items()) if before.descriptors.get(fd) != what]
    return "\n".join(lines)


def _with_origin(state: GreenletState) -> str:
    origin = _spawns._origins.get(state.greenlet)
    if origin is None or not origin.stack:
        return str(state)
    last = origin.stack[-1]
    return f"spawned at {last.filename}:{last.lineno} in {last.name}: {state}"
