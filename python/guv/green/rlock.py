"""`RLock`: a lock that its owner, a greenlet or a native thread, may take again.

A signal handler may run between any two calls, and one that logs takes the lock that the code it interrupts
may be about to take or to free. The interpreter looks for signals, and for other threads that want to run, only at
calls and at backward jumps: so each change of owner here is one test and one store with neither in between.
That makes it atomic without a native lock; `tests_py/green/test_thread_rlock.py` holds it to that.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, NoReturn

from greenlet import getcurrent

from .._originals import allocate_lock as native_lock
from .._originals import get_ident as native_ident
from .._originals import monotonic_ns
from ..hubs.ident import get_ident, waiting_hub
from ..hubs.switch import unpark
from .lock import ENDLESS, Bell, check_timeout, resume


class RLock:
    """A reentrant lock: must be released as often as it was acquired, by the same greenlet."""

    __slots__ = (
        "__weakref__",
        "_count",    # how often the holder has taken it; only the holder changes it
        "_owner",    # ident of the holder, 0 when free
        "_waiters",  # pairs (note, ident) in order of arrival; notes as in `lock`
    )  # fmt: skip

    def __new__(cls, *args: Any, **kwargs: Any) -> RLock:
        made = object.__new__(cls)
        made._owner = 0
        made._count = 0
        made._waiters: list[tuple[Any, int]] = []  # type: ignore[misc]
        return made

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock, or take it once more; True once it is held.

        Yields only if another greenlet or thread holds it. `blocking` and `timeout` as for
        `threading.Lock`.
        """
        if timeout != -1:
            check_timeout(blocking, timeout)
        try:
            me: int = getcurrent().thread_ident  # type: ignore[attr-defined]
        except (AttributeError, RuntimeError):
            me = get_ident()
        if self._owner == me:  # type: ignore[has-type]
            self._count += 1  # type: ignore[has-type]
            return True
        if not self._owner:  # type: ignore[has-type]
            self._owner = me
            self._count = 1
            return True
        if not blocking or timeout == 0:
            return False
        return self._wait(me, timeout)

    def release(self) -> None:
        """Undo one `acquire`; the last one passes the lock on. Never yields. Raises RuntimeError
        if the caller doesn't hold it."""
        try:
            me: int = getcurrent().thread_ident  # type: ignore[attr-defined]
        except (AttributeError, RuntimeError):
            me = get_ident()
        if self._owner != me:
            raise RuntimeError("cannot release un-acquired lock")
        if self._count > 1:
            self._count -= 1
        else:
            self._pass_on()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        value: BaseException | None = None,
        traceback: TracebackType | None = None,
        /,
    ) -> None:
        self.release()

    def _is_owned(self) -> bool:
        """Whether the caller holds it."""
        return self._owner == get_ident()

    def _recursion_count(self) -> int:
        """How often the caller has taken it."""
        return self._count if self._owner == get_ident() else 0

    def _release_save(self) -> tuple[int, int]:
        """Release it wholly; returns what `_acquire_restore` needs."""
        me = get_ident()
        if self._owner != me:
            raise RuntimeError("cannot release un-acquired lock")
        state = self._count, me
        self._pass_on()
        return state

    def _acquire_restore(self, state: tuple[int, int], /) -> None:
        """Take it as often as before `_release_save`. May yield."""
        self.acquire()
        self._count, self._owner = state

    def _at_fork_reinit(self) -> None:
        """Free it in a forked child, where its holder and its waiters don't exist."""
        self._waiters = []  # type: ignore[var-annotated]
        self._owner = self._count = 0

    def __repr__(self) -> str:
        state = "locked" if self._owner else "unlocked"
        kind = type(self)
        return (
            f"<{state} {kind.__module__}.{kind.__qualname__} object owner={self._owner} "
            f"count={self._count if self._owner else 0} at {id(self):#x}>"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("cannot pickle '_thread.RLock' object")

    # ---- waiting ----

    def _pass_on(self) -> None:
        """Free the lock, which the caller holds, or make the first waiter its owner."""
        waiters = self._waiters
        while waiters:
            try:
                first = waiters.pop(0)
            except IndexError:
                break
            if self._give(*first):
                return
        self._owner = 0
        while waiters:  # came from another thread meanwhile
            try:
                first = waiters.pop(0)
            except IndexError:
                return
            taken = False
            if not self._owner:
                self._owner = -1
                taken = True
            if not taken:
                waiters.insert(0, first)
                if self._owner:
                    return  # whose release will see to it
            elif self._give(*first):
                return
            else:
                self._owner = 0

    def _give(self, note: list[Any], ident: int) -> bool:
        """Make `ident` the owner and resume it; False if it has gone away."""
        waiter = note[0]
        if waiter is None:
            return False
        hub = getattr(waiter, "hub", None)
        if hub is not None and hub.thread == native_ident():
            ready = hub.ready
            note[0] = None
            self._count = 1
            self._owner = ident
            ready.append(waiter)
            return True
        before = self._owner
        self._count = 1
        self._owner = ident
        if resume(note):
            return True
        self._owner = before
        return False

    def _wait(self, me: int, timeout: float) -> bool:
        """`acquire` of a lock that somebody else holds."""
        current = getcurrent()
        hub = waiting_hub(current)
        if hub is None:
            return self._wait_natively(me, timeout)
        note: list[Any] = [current]
        entry = note, me
        self._waiters.append(entry)
        if not self._owner:
            self._owner = me
            self._count = 1
        if self._owner == me:  # another thread released it meanwhile
            self._withdraw(entry)
            unpark(hub, current)
            return True
        token = -1
        if 0 < timeout < ENDLESS:
            token = hub.set_timer(monotonic_ns() + int(timeout * 1e9), current)
        try:
            while True:
                hub.ready.popleft().switch()
                if self._owner == me:
                    note[0] = None  # voids mail that may be under way
                    if token >= 0 and not hub.drop_timer(token, current):
                        unpark(hub, current)
                    return True
                if token >= 0 and hub.timers[token] is not current:
                    return not self._withdraw(entry)
        except BaseException:
            if token >= 0:
                hub.drop_timer(token, current)
            unpark(hub, current)
            if not self._withdraw(entry):
                self._pass_on()
            raise

    def _withdraw(self, entry: tuple[list[Any], int]) -> bool:
        """Take `entry` back; False if a release has picked it: then the lock is ours."""
        try:
            self._waiters.remove(entry)
        except ValueError:
            entry[0][0] = None
            return False
        return True

    def _wait_natively(self, me: int, timeout: float) -> bool:
        """Block the thread; for those that have no hub."""
        bell = native_lock()
        bell.acquire()
        entry = Bell((bell,)), me
        self._waiters.append(entry)
        if not self._owner:
            self._owner = me
            self._count = 1
        if self._owner == me:
            self._withdraw(entry)
            return True
        return bell.acquire(True, timeout) or not self._withdraw(entry)


RLock.__module__ = "_thread"
