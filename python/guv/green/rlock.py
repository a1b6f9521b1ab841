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

from ..hubs.fairness import be_fair
from ..hubs.ident import get_ident
from ..hubs.waiting import NOTHING, Note, await_note, leave_note, resume, withdraw
from .lock import check_timeout


class RLock:
    """A reentrant lock: must be released as often as it was acquired, by the same greenlet."""

    __slots__ = (
        "__weakref__",
        "_count",    # how often the holder has taken it; only the holder changes it
        "_owner",    # ident of the holder, 0 when free
        "_waiters",  # notes in order of arrival, which carry the ident of who waits
    )  # fmt: skip

    def __new__(cls, *args: Any, **kwargs: Any) -> RLock:
        made = object.__new__(cls)
        made._owner = 0
        made._count = 0
        made._waiters: list[Note] = []  # type: ignore[misc]
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
            be_fair()
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
            if self._give(first):
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
            elif self._give(first):
                return
            else:
                self._owner = 0

    def _give(self, note: Note) -> bool:
        """Make the waiter of `note` the owner and resume it; False if it has gone away."""
        before = self._owner
        if note[0] is None or note[1] is not NOTHING:
            return False
        note[1] = True
        self._count = 1
        self._owner = note[2]
        if resume(note):
            return True
        self._owner = before
        return False

    def _wait(self, me: int, timeout: float) -> bool:
        """`acquire` of a lock that somebody else holds; -1 waits for ever."""
        waiters = self._waiters
        note = leave_note(waiters, me)
        if not self._owner:
            self._owner = me
            self._count = 1
        if self._owner == me:  # another thread released it meanwhile
            withdraw(waiters, note)
            return True
        try:
            return await_note(waiters, note, None if timeout == -1 else timeout)
        except BaseException:
            if note[1] is not NOTHING:
                self._pass_on()
            raise


RLock.__module__ = "_thread"
