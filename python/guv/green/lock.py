"""`lock`: what `_thread.allocate_lock` makes, for greenlets and threads of the operating system alike.

A real lock inside is the state, so taking and freeing are atomic, and errors are native. Who has
to wait stands in a queue, and a release hands the lock to the first of it: nobody overtakes.

Waiters are *notes*, lists of one: the greenlet. The release that picks a note blanks it (in the
greenlet's own thread; from another one by mail to its hub), and a greenlet that finds its note blank owns the lock.
A native thread without a hub waits on a native lock of its own, its bell, which its note holds instead.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MethodType, TracebackType
from typing import Any, NoReturn

from greenlet import getcurrent, greenlet

from .._originals import allocate_lock as native_lock
from .._originals import get_ident as native_ident
from .._originals import monotonic_ns
from ..exceptions import HubClosedError
from ..hubs.abc import AbstractHub
from ..hubs.ident import waiting_hub
from ..hubs.switch import unpark

#: Seconds from which on a timeout is for ever; nanoseconds of the clock must fit 63 bits.
ENDLESS = 4e9


class Bell(list[Any]):
    """The note of a native thread: its bell. No plain list: late patching looks into those for locks to replace."""


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
        """`acquire` of a lock that is held."""
        current = getcurrent()
        try:
            hub = current.hub  # type: ignore[attr-defined]
        except AttributeError:
            hub = waiting_hub(current)
            if hub is None:
                return self._wait_natively(timeout)
        if current is hub:
            waiting_hub(current)  # raises the error
        note: list[Any] = [current]
        self._waiters.append(note)
        if self._bit.acquire(False):  # another thread released it meanwhile
            self._withdraw(note)
            return True
        if 0 < timeout < ENDLESS:
            return self._park_until(hub, current, note, monotonic_ns() + int(timeout * 1e9))
        ready = hub.ready
        try:
            while True:
                ready.popleft().switch()
                if note[0] is None:
                    return True
        except BaseException:
            self._give_up(hub, current, note)
            raise

    def _park_until(self, hub: AbstractHub, current: greenlet, note: list[Any], deadline: int) -> bool:
        """Wait for the hand-over until `deadline`, in nanoseconds of CLOCK_MONOTONIC."""
        token = hub.set_timer(deadline, current)
        try:
            while True:
                hub.ready.popleft().switch()
                if note[0] is None:
                    if not hub.drop_timer(token, current):
                        unpark(hub, current)  # both came in one turn
                    return True
                if hub.timers[token] is not current:
                    return not self._withdraw(note)
        except BaseException:
            hub.drop_timer(token, current)
            self._give_up(hub, current, note)
            raise

    def _wait_natively(self, timeout: float) -> bool:
        """Block the thread; for those that have no hub."""
        bell = native_lock()
        bell.acquire()
        note: list[Any] = Bell((bell,))
        self._waiters.append(note)
        if self._bit.acquire(False):
            self._withdraw(note)
            return True
        return bell.acquire(True, timeout) or not self._withdraw(note)

    def _withdraw(self, note: list[Any]) -> bool:
        """Take `note` back; False if a release has picked it already: then the lock is ours."""
        try:
            self._waiters.remove(note)
        except ValueError:
            note[0] = None  # the mail that tells us, if it is under way, is void
            return False
        return True

    def _give_up(self, hub: AbstractHub, current: greenlet, note: list[Any]) -> None:
        """An exception ended the wait; if the lock is ours by now, the next one gets it."""
        unpark(hub, current)
        if not self._withdraw(note):
            self.release()

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
            if resume(note):
                return


def resume(note: list[Any]) -> bool:
    """Blank `note` and make its greenlet ready; False if it has gone away."""
    waiter = note[0]
    if waiter is None:
        return False
    try:
        hub = waiter.hub
    except AttributeError:
        waiter.release()  # a native thread's bell
        return True
    if hub.thread == native_ident():
        ready = hub.ready
        note[0] = None
        ready.append(waiter)
        return True
    try:
        hub.call_soon_threadsafe(partial(_deliver, note))
    except HubClosedError:
        return False
    return True


def _deliver(note: list[Any]) -> None:
    """`resume` in the waiter's own thread."""
    waiter = note[0]
    if waiter is not None:
        note[0] = None
        waiter.hub.ready.append(waiter)


def _allocate(kind: type[lock]) -> lock:
    """Make a lock, free at first. Never yields."""
    made: lock = _new(kind)  # type: ignore[arg-type]
    made._bit = native_lock()
    made._waiters = []
    return made


_new = object.__new__
_bit_like = native_lock()  # tells what the native type does when it is called
lock.__module__ = _allocate.__module__ = "_thread"
_allocate.__name__ = _allocate.__qualname__ = "allocate_lock"

# The native function does not bind when it is an attribute of a class (werkzeug: ``lock_class = Lock``), and a method
# that is bound already does not either.
allocate_lock: Callable[[], lock] = MethodType(_allocate, lock)
