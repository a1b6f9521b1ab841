"""`lock`: what `_thread.allocate_lock` makes, for greenlets and threads of the operating system alike.

Who has to wait stands in a queue, and a release hands the lock to the first of it: nobody overtakes.
Who waits leaves a note, as `guv.hubs.waiting` has it; whose note was served owns the lock.

The state is a flag. Taking and freeing are a test and a store without a call in between, which is atomic, as for
`RLock`, and costs a tenth of the two calls of a native lock. Only the twin of a lock that was made before the patch
(`_earlier`) has a native lock for its state: its flag is always set, and it always says that somebody waits, so
everyone comes to the lines that look further.
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
        "_held",     # whether it is held; any thread
        "_native",   # of a twin: the native lock that is held whenever this one is, else None
        "_waiters",  # notes in order of arrival; any thread
    )  # fmt: skip
    _held: bool
    _native: Any
    _waiters: Any

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
        if not self._held:
            self._held = True
            return True
        if self._native is not None and self._native.acquire(False):
            return True
        if not blocking or timeout == 0:
            be_fair()
            return False
        return self._wait(timeout)

    def release(self) -> None:
        """Free the lock, or hand it to whoever waits longest. Never yields; any thread or
        greenlet may do it. Raises RuntimeError if it isn't held."""
        if self._waiters or not self._held:
            self._hand_over()
        else:
            self._held = False
            if self._waiters and self._try():  # came from another thread meanwhile
                self._hand_over()

    def __enter__(self) -> bool:
        if not self._held:
            self._held = True
            return True
        return self._try() or self._wait(-1)

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        value: BaseException | None = None,
        traceback: TracebackType | None = None,
        /,
    ) -> None:
        if self._waiters or not self._held:
            self._hand_over()
        else:
            self._held = False
            if self._waiters and self._try():
                self._hand_over()

    def locked(self) -> bool:
        """Whether somebody holds it. Yields as other looks do (`guv.hubs.fairness`)."""
        be_fair()
        return self._is_held()

    acquire_lock = acquire
    release_lock = release
    locked_lock = locked

    def _at_fork_reinit(self) -> None:
        """Free it in a forked child, where its holder and its waiters don't exist."""
        self._held = False
        self._native = None
        self._waiters = []

    def __repr__(self) -> str:
        state = "locked" if self._is_held() else "unlocked"
        return f"<{state} _thread.lock object at {id(self):#x}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("cannot pickle '_thread.lock' object")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("cannot pickle '_thread.lock' object")

    # ---- taking, waiting, handing over ----

    def _try(self) -> bool:
        """Take it if it is free. Never yields."""
        if not self._held:
            self._held = True
            return True
        return self._native is not None and self._native.acquire(False)

    def _is_held(self) -> bool:
        """`locked`, which never yields."""
        return self._held if self._native is None else self._native.locked()

    def _wait(self, timeout: float) -> bool:
        """`acquire` of a lock that is held; -1 waits for ever."""
        waiters = self._waiters
        current: Any = getcurrent()
        hub = getattr(current, "hub", None)
        if hub is None or current is hub or timeout != -1:
            return self._wait_as_any_thread(timeout)
        note = [current, NOTHING]  # `leave_note` and `park`, in place, because this is hot
        waiters.append(note)
        if self._try():  # another thread released it meanwhile
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
        if self._try():
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
        if not self._is_held():
            raise RuntimeError("release unlocked lock")
        while True:
            try:
                note = waiters.pop(0)
            except IndexError:
                if self._native is None:
                    self._held = False
                else:
                    self._native.release()
                if len(waiters) and self._try():
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
    made._held = False
    made._native = None
    made._waiters = []
    return made


_new: Any = object.__new__
_bit_like = native_lock()  # tells what the native type does when it is called
lock.__module__ = "_thread"
