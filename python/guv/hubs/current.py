"""Which hub serves the calling thread, and which kind a new one is.

The hub is kept twice: for the thread, and as the attribute `hub` of each greenlet that has waited
once, because the current greenlet is at hand wherever somebody waits.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, cast

from greenlet import getcurrent, greenlet

from .._originals import allocate_lock, get_ident, thread_local
from .abc import AbstractHub

_thread: Any = thread_local()
_chosen: type[AbstractHub] | None = None
_hubs: list[AbstractHub] = []  # of all threads; replaced, never changed in place, under `_lock`
_lock = allocate_lock()

#: Called with each new hub, in its thread.
arrivals: list[Callable[[AbstractHub], object]] = []


class _ThreadEnd:
    """Lives as long as the thread whose local variable it is: then the thread's hub is closed."""

    __slots__ = ("hub",)

    def __init__(self, hub: AbstractHub) -> None:
        self.hub = hub

    def __del__(self, ending: Callable[[], bool] = sys.is_finalizing) -> None:
        hub = self.hub
        if get_ident() != hub.thread:
            return  # a forked child drops what its parent's other threads had, before it hears of the fork
        if not hub.closed and not ending():  # then modules are empty, and the kernel will do
            retire(hub)
            hub.close()
            _finish(hub)


def get_hub() -> AbstractHub:
    """The hub of the calling thread; made at the first call, which loads the event loop."""
    hub = getattr(_thread, "hub", None)
    if hub is None:
        hub = _install((_chosen or get_default_hub())())
    return cast(AbstractHub, hub)


def current_hub() -> AbstractHub | None:
    """The hub of the calling thread if it has one."""
    return getattr(_thread, "hub", None)


def all_hubs() -> list[AbstractHub]:
    """The living hubs of all threads. Not to be changed."""
    return _hubs


def hub_of(current: greenlet) -> AbstractHub:
    """The hub of `current`, the calling greenlet; remembered there if it can have attributes."""
    hub = getattr(current, "hub", None)
    if hub is None:
        hub = get_hub()
        try:
            current.hub = hub  # type: ignore[attr-defined]
        except AttributeError:
            pass
    return cast(AbstractHub, hub)


def use_hub(mod: str | ModuleType | type[AbstractHub] | None = None) -> None:
    """Choose the kind of hub for this thread and for threads that get one later.

    `mod` is the name of a module inside `guv.hubs` (or a dotted path), a module with a class
    `Hub`, a class, or None for the default. A hub that this thread already has is closed;
    greenlets parked in it are not resumed.
    """
    global _chosen
    chosen = get_default_hub() if mod is None else _hub_class(mod)
    drop_hub()
    _chosen = chosen
    _install(chosen())


def drop_hub() -> None:
    """Close the hub of this thread, if there is one; the next wait makes another."""
    hub = current_hub()
    if hub is None:
        return
    from . import signals

    signals.uninstall(hub)
    retire(hub)  # first: `_ThreadEnd` would close it too
    del _thread.hub, _thread.end
    for holder in {hub.main, getcurrent()}:
        if getattr(holder, "hub", None) is hub:
            del holder.hub  # type: ignore[attr-defined]
    hub.close()  # type: ignore[union-attr]
    _finish(cast(AbstractHub, hub))


def retire(hub: AbstractHub) -> None:
    """Mark a hub as closed, so that nobody counts on it any more and its greenlets can be freed."""
    global _hubs
    hub.closed = hub.stopping = True
    with _lock:
        _hubs = [other for other in _hubs if other is not hub]


def _finish(hub: AbstractHub) -> None:
    """Let the hub greenlet come to its end, where it may: suspended, its frames' memory would never be freed."""
    if hub and getcurrent() is hub.main:
        hub.throw()


def forget_inherited() -> list[AbstractHub]:
    """In a forked child: the parent's hubs are nobody's. Returns them.

    The calling greenlet, the only one that lives on, counts as the main greenlet from now on.
    """
    global _hubs, _lock
    inherited, _hubs = _hubs, []
    _lock = allocate_lock()
    for hub in inherited:
        hub.closed = True  # first: what ends now must not close its loop
        hub.thread = 0  # it was of a thread that has the number of this one: nothing is to be handed to who waits there
    vars(_thread).clear()
    current = getcurrent()
    if getattr(current, "hub", None) is not None:
        del current.hub  # type: ignore[attr-defined]
    _thread.main = current
    return inherited


def get_default_hub() -> type[AbstractHub]:
    """The class that `GUV_HUB` names, else the Go hub."""
    return _hub_class(os.environ.get("GUV_HUB") or "hub")


def _install(hub: AbstractHub) -> AbstractHub:
    from . import signals  # it stands above this module

    global _hubs
    hub.main = getattr(_thread, "main", hub.main)
    try:
        signals.install(hub)
    except BaseException:  # it takes descriptors
        hub.close()
        raise
    _thread.hub = hub
    _thread.end = _ThreadEnd(hub)
    hub.main.hub = hub  # type: ignore[attr-defined, union-attr]
    with _lock:
        _hubs = [*_hubs, hub]
    for notice in arrivals:
        notice(hub)
    return hub


def _hub_class(mod: str | ModuleType | type[AbstractHub]) -> type[AbstractHub]:
    if isinstance(mod, str):
        name = mod if "." in mod else f"guv.hubs.{mod}"
        try:
            loaded = sys.modules.get(name)  # no lock of importlib's: a patched one, if taken, needs a hub
            mod = importlib.import_module(name) if loaded is None or not hasattr(loaded, "Hub") else loaded
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise ValueError(
                f"no hub called {mod!r}: give the name of a module in guv.hubs ('hub', "
                f"'epoll') or the dotted path of a module with a class Hub"
            ) from error
    if isinstance(mod, ModuleType):
        mod = getattr(mod, "Hub", mod)
    if not (isinstance(mod, type) and issubclass(mod, AbstractHub)):
        raise TypeError(f"a hub is a subclass of guv.hubs.abc.AbstractHub, not {mod!r}")
    return mod
