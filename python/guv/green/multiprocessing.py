"""Cooperative :mod:`multiprocessing`: its semaphores and pipes, with any start method.

`_multiprocessing.SemLock` blocks in C on a POSIX semaphore, which has no descriptor. The class here
holds one; a wait that can't be avoided happens in a native thread, on a twin of the
object: the same semaphore, other book-keeping. What the thread gets it gives back at once, and the
greenlet tries again. `Connection` has its `os.read` and `os.write` as default arguments.

Semaphores made before the patch stay blocking.
"""

from __future__ import annotations

import _multiprocessing
import sys
from typing import Any

from greenlet import getcurrent, greenlet

from ..hubs.current import hub_of
from ..hubs.fairness import be_fair
from ..hubs.native import run_native
from ..hubs.timeout import Timeout
from . import names_of
from . import os as green_os

_SemLock: Any = _multiprocessing.SemLock

RECURSIVE = 0  # kinds, as in multiprocessing.synchronize
SEMAPHORE = 1

#: Twins are never freed: closing one would unmap the semaphore that its original still uses.
_twins: list[Any] = []

#: Seconds after which a native thread looks whether its greenlet still waits.
_PATIENCE = 1.0


class SemLock:
    """`_multiprocessing.SemLock` whose `acquire` yields; recursion is counted per greenlet."""

    SEM_VALUE_MAX = _SemLock.SEM_VALUE_MAX

    __slots__ = ("__weakref__", "_owner", "_real", "_twin")

    def __init__(self, kind: int, value: int, maxvalue: int, name: str, unlink: bool) -> None:
        self._take(_SemLock(kind, value, maxvalue, name, unlink))

    @classmethod
    def _rebuild(cls, handle: int, kind: int, maxvalue: int, name: str | None, /) -> SemLock:
        made = cls.__new__(cls)
        made._take(_SemLock._rebuild(handle, kind, maxvalue, name))
        return made

    def _take(self, real: Any) -> None:
        self._real = real
        self._twin: Any = None
        self._owner: greenlet | None = None  # who holds it, as far as this process knows

    @property
    def handle(self) -> int:
        return self._real.handle  # type: ignore[no-any-return]

    @property
    def kind(self) -> int:
        return self._real.kind  # type: ignore[no-any-return]

    @property
    def maxvalue(self) -> int:
        return self._real.maxvalue  # type: ignore[no-any-return]

    @property
    def name(self) -> str | None:
        return self._real.name  # type: ignore[no-any-return]

    def _count(self) -> int:
        return self._real._count() if self._is_ours() else 0

    def _is_mine(self) -> bool:
        return self._is_ours() and self._real._is_mine()

    def _is_ours(self) -> bool:
        return self._real.kind != RECURSIVE or self._owner is getcurrent()

    def _get_value(self) -> int:
        return self._real._get_value()  # type: ignore[no-any-return]

    def _is_zero(self) -> bool:
        return self._real._is_zero()  # type: ignore[no-any-return]

    def _after_fork(self) -> None:
        self._real._after_fork()
        self._twin = self._owner = None

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take it; yields while it is taken, for at most `timeout` seconds."""
        be_fair()
        if self._try():
            return True
        if not block or (timeout is not None and timeout <= 0):
            return False
        current = getcurrent()
        if hub_of(current) is current:
            return self._real.acquire(block, timeout)  # type: ignore[no-any-return]
        patience = Timeout(timeout)
        waiting = [True]
        try:
            while not self._try():
                run_native(self._await, waiting)
        except Timeout as error:
            if error is not patience:
                raise
            return False
        finally:
            waiting.clear()
            patience.cancel()
        return True

    def _try(self) -> bool:
        """Take it if that is possible now."""
        real = self._real
        if real.kind == RECURSIVE:
            current = getcurrent()
            if self._owner is not current and real._is_mine():
                return False  # another greenlet's: to C both are the same thread
            if not real.acquire(False):
                return False
            self._owner = current
            return True
        taken: bool = real.acquire(False)
        return taken

    def _await(self, waiting: list[bool]) -> None:
        """In a native thread: come back when it can be had, or when nobody waits any more."""
        twin = self._twin
        if twin is None:
            real = self._real
            twin = self._twin = _SemLock._rebuild(real.handle, SEMAPHORE, real.maxvalue, None)
            _twins.append(twin)
        while waiting:
            if twin.acquire(True, _PATIENCE):
                twin.release()
                return

    def release(self) -> None:
        """Give it back. Never yields."""
        real = self._real
        if real.kind == RECURSIVE:
            if self._owner is not getcurrent():
                raise AssertionError("attempt to release recursive lock not owned by thread")
            real.release()
            if not real._count():
                self._owner = None
        else:
            real.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self.release()


SemLock.__module__ = "_multiprocessing"

PATCHES = [("_multiprocessing", "SemLock", SemLock)]


def after_patch() -> None:
    """Repair what `Connection` took at its definition, if it has been defined: `os.read` and others.
    Imported later, it takes ours."""
    module = sys.modules.get("multiprocessing.connection")
    if module is None:
        return
    connection: Any = module.Connection
    connection._read = staticmethod(green_os.read)
    connection._write = staticmethod(green_os.write)
    connection._recv.__defaults__ = (green_os.read,)
    connection._send.__defaults__ = (green_os.write,)
    connection._close.__defaults__ = (green_os.close,)


__getattr__ = names_of("multiprocessing")
