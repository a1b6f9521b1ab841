"""`lock`: what `_thread.allocate_lock` makes, for greenlets and threads of the operating system alike.

A real lock inside is the state, so taking and freeing are atomic, and errors are native. Who has
to wait stands in a queue, and a release hands the lock to the first of it: nobody overtakes.

Who waits leaves a note, as `guv.hubs.waiting` has it; whose note was served owns the lock.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, NoReturn

from greenlet import getcurrent

from .._originals import allocate_lock as native_lock
from .._originals import get_ident
from ..hubs.fairness import be_fair
from ..hubs.turn import Turn
from ..hubs.waiting import NOTHING, await_note, leave_note, resume, serve, withdraw


def check_timeout(blocking: bool, timeout: float) -> None:
    """Raise what the native `acquire` raises for such arguments."""
    native_lock().acquire(blocking, timeout)


class lock:
    """A lock object is a synchronization primitive. Make one by `threading.Lock()`."""

    __slots__ = (
        "__weakref__",
        "_bit",      # the native lock that is held whenever this one is; any thread
        "_waiters",  # notes in order of arrival; any thread
    )  # fmt: skip

    def __new__(cls, *args: Any, **kwargs: Any) -> lock:
        # Since 3.13 the type is what `threading.Lock` names; before, it makes nothing.
        type(_bit_like)(*args, **kwargs)
        return allocate_lock()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        raise TypeError("type '_thread.lock' is not an acceptable base type")

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock; True once it is held.

        A free lock is taken without yielding. Otherwise `blocking=False` returns False at once;
        else the caller waits its turn, for at most `timeout` seconds unless that is -1, and
        returns False when they have passed.
        """
        if timeout != -1:
            check_timeout(blocking, timeout)
        if self._bit.acquire(False):
            return True
        if not blocking or timeout == 0:
            be_fair()
            return False
        return self._wait(timeout)

    def release(self) -> None:
        """Free the lock, or hand it to whoever waits longest. Never yields; any thread or
        greenlet may do it. Raises RuntimeError if it isn't held."""
        if self._waiters:
            self._hand_over()
        else:
            self._bit.release()
            if self._waiters and self._bit.acquire(False):  # came from another thread meanwhile
                self._hand_over()

    def __enter__(self) -> bool:
        return self._bit.acquire(False) or self._wait(-1)

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        value: BaseException | None = None,
        traceback: TracebackType | None = None,
        /,
    ) -> None:
        if self._waiters:
            self._hand_over()
        else:
            self._bit.release()
            if self._waiters and self._bit.acquire(False):
                self._hand_over()

    def locked(self) -> bool:
        """Whether somebody holds it."""
        be_fair()
        return self._bit.locked()

    acquire_lock = acquire
    release_lock = release
    locked_lock = locked

    def _at_fork_reinit(self) -> None:
        """Free it in a forked child, where its holder and its waiters don't exist."""
        self._bit = native_lock()
        self._waiters = []  # type: ignore[var-annotated]

    def __repr__(self) -> str:
        state = "locked" if self._bit.locked() else "unlocked"
        return f"<{state} _thread.lock object at {id(self):#x}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("cannot pickle '_thread.lock' object")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("cannot pickle '_thread.lock' object")

    # ---- waiting ----

    def _wait(self, timeout: float) -> bool:
        """`acquire` of a lock that is held; -1 waits for ever."""
        waiters = self._waiters
        current: Any = getcurrent()
        hub = getattr(current, "hub", None)
        if hub is None or current is hub or timeout != -1:
            return self._wait_as_any_thread(timeout)
        note = [current, NOTHING]  # `leave_note` and `park`, in place, because this is hot
        waiters.append(note)
        if self._bit.acquire(False):  # another thread released it meanwhile
            withdraw(waiters, note)
            return True
        ready = hub.ready
        try:
            while note[1] is NOTHING:
                there = ready.popleft()
                if there.__class__ is Turn:
                    there = there.next()
                there.switch()
            note[0] = None
            return True
        except BaseException:
            if not withdraw(waiters, note):  # it is ours by now, so the next one gets it
                self.release()
            raise

    def _wait_as_any_thread(self, timeout: float) -> bool:
        """`_wait` of a thread without a hub too, and with a timeout."""
        waiters = self._waiters
        note = leave_note(waiters)
        if self._bit.acquire(False):
            withdraw(waiters, note)
            return True
        try:
            return await_note(waiters, note, None if timeout == -1 else timeout)
        except BaseException:
            if note[1] is not NOTHING:
                self.release()
            raise

    def _hand_over(self) -> None:
        """Give the lock, which is held, to the first waiter; free it if there is none."""
        waiters = self._waiters
        if not self._bit.locked():
            self._bit.release()  # raises the error
        while True:
            try:
                note = waiters.pop(0)
            except IndexError:
                self._bit.release()
                if waiters and self._bit.acquire(False):
                    continue
                return
            if note.__class__ is not list:
                if serve(note, True):
                    return
                continue
            waiter = note[0]  # `serve`, in place, because this is hot
            if waiter is not None and note[1] is NOTHING:
                note[1] = True
                hub = waiter.hub
                if hub.thread == get_ident():
                    ready = hub.ready
                    note[0] = None
                    ready.append(waiter)
                    return
                if resume(note):
                    return


def allocate_lock() -> lock:
    """Make a lock, free at first. Never yields."""
    made: lock = _new(lock)
    made._bit = native_lock()
    made._waiters = []
    return made


_new: Any = object.__new__
_bit_like = native_lock()  # tells what the native type does when it is called
lock.__module__ = "_thread"
