"""Pools by gevent's names: `Pool`, which is unbounded unless it is given a size, and `Group`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from .greenlet import Greenlet
from .greenpool import GreenPool
from .greenthread import GreenThread
from .group import Group as Group

__all__ = ["Group", "Pool"]

P = ParamSpec("P")
T = TypeVar("T")


class Pool(GreenPool):
    """`guv.GreenPool` with gevent's constructor: any number of greenthreads if `size` is None.

    `greenlet_class` is a subclass of `guv.Greenlet` that `spawn` makes, in place of plain greenthreads.
    """

    def __init__(self, size: int | None = None, greenlet_class: type[Greenlet] | None = None) -> None:
        super().__init__(sys.maxsize if size is None else size)
        self.greenlet_class = greenlet_class

    def spawn(self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> GreenThread[T]:
        """As `GreenPool.spawn`."""
        if self.greenlet_class is None:
            return super().spawn(func, *args, **kwargs)
        made: Any = self.greenlet_class(func, *args, **kwargs)
        self.start(made)
        return made  # type: ignore[no-any-return]
