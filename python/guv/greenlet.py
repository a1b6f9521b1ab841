"""`Greenlet`: a greenthread that is made first and started later, and that subclasses give a body, as gevent's.

``Greenlet(func, *args).start()`` is what `guv.spawn` does in one step, at several times the price.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any, TypeVar

from greenlet import GreenletExit as GreenletExit
from greenlet import getcurrent as getcurrent
from greenlet import greenlet as greenlet

from ._originals import get_ident
from .greenthread import GreenThread
from .greenthread import spawn_after as spawn_later
from .greenthread import spawn_n as spawn_raw
from .hubs.current import get_hub
from .joining import joinall as joinall
from .joining import killall as killall

__all__ = ["Greenlet", "GreenletExit", "getcurrent", "greenlet", "joinall", "killall", "spawn_later", "spawn_raw"]

Made = TypeVar("Made", bound="Greenlet")


class _AnyGreenThread(type):
    """Whatever `spawn` makes is an instance of `Greenlet` for `isinstance`."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, GreenThread) if cls is Greenlet else super().__instancecheck__(instance)


class Greenlet(GreenThread[Any], metaclass=_AnyGreenThread):
    """Calls `run(*args, **kwargs)`, or the method `_run` of a subclass, once it is started.

    It runs in the thread that has made it.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "run" in vars(cls) and "_run" not in vars(cls):  # programs do that; ours has to keep the result
            cls._run = cls.run  # type: ignore[attr-defined]
            del cls.run  # type: ignore[misc]

    def __init__(self, run: Callable[..., Any] | None = None, *args: Any, **kwargs: Any) -> None:
        if run is None:
            run = getattr(self, "_run", None)
        if not callable(run):
            raise TypeError(f"a Greenlet needs something to run, or a method _run; {run!r} can't be called")
        self.hub = hub = get_hub()
        super().__init__(None, hub)
        #: what it is called with
        self.args, self.kwargs = args, kwargs
        self._call = run, args, kwargs
        self._links = None
        self._queued = False

    @property
    def started(self) -> bool:
        """Whether it was started, begins to run, or has ended."""
        return self._queued or super().started

    def start(self) -> None:
        """Have it run from the next turn of the loop on, with a copy of the caller's `contextvars`. Never yields.

        Does nothing if it was started or killed before.
        """
        if not self.started:
            self._queued = True
            self.gr_context = copy_context()
            if self.hub.thread == get_ident():
                self.hub.calls.append(self.switch)
            else:
                self.hub.call_soon_threadsafe(self.switch)

    def start_later(self, seconds: float) -> None:
        """As `start`, but it begins to run after `seconds`, unless it is killed before."""
        if not self.started:
            self._queued = True
            self.gr_context = copy_context()
            self.starter = self.hub.schedule_call_global(seconds, self.switch)

    def _finish(self, report: bool = True) -> None:
        if not self._queued:  # killed before it was started: to its end, then it is dead
            self._queued = True
            self.hub.calls.append(self.switch)
        super()._finish(report)

    @classmethod
    def spawn(cls: type[Made], *args: Any, **kwargs: Any) -> Made:
        """Make one with these arguments and start it."""
        made = cls(*args, **kwargs)
        made.start()
        return made

    @classmethod
    def spawn_later(cls: type[Made], seconds: float, *args: Any, **kwargs: Any) -> Made:
        """Make one with the further arguments and start it after `seconds`."""
        made = cls(*args, **kwargs)
        made.start_later(seconds)
        return made
