"""Thread handles: what `threading` joins its threads by since Python 3.13.

The one place that knows how 3.13 starts threads: `_thread.start_joinable_thread` with a `_ThreadHandle` took over
from `start_new_thread` and the sentinel locks of 3.12, which `guv.green.thread` has. Before 3.13 nothing here is used.
"""

from __future__ import annotations

import _thread
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from .._originals import getpid, monotonic_ns
from ..hubs.ident import get_ident, main_ident
from ..hubs.native import run_native
from ..hubs.switch import sleep_until
from .lock import allocate_lock

NEW, RUNNING, DONE = range(3)


class ThreadHandle:
    """The handle of a thread, green or native, that `start_joinable_thread` has started or will start."""

    __slots__ = (
        "_daemon",  # whether the interpreter ends without waiting for it
        "_ended",   # a lock, held from the start of the thread to its end
        "_state",   # NEW -> RUNNING -> DONE
        "ident",    # of the thread; 0 before it starts
    )  # fmt: skip

    def __init_subclass__(cls, **kwargs: Any) -> NoReturn:
        raise TypeError("type '_thread._ThreadHandle' is not an acceptable base type")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._state = NEW
        self._daemon = True
        self.ident = 0

    def is_done(self) -> bool:
        """Whether the thread has ended."""
        return self._state == DONE

    def join(self, timeout: float | None = None) -> None:
        """Wait until the thread has ended, for at most `timeout` seconds; yields.

        Raises RuntimeError in the thread itself, and if the thread has not been started.
        """
        if self._state == NEW:
            raise RuntimeError("thread not started")
        if self._state == RUNNING and self.ident == get_ident():
            raise RuntimeError("Cannot join current thread")
        if self._ended.acquire(True, -1 if timeout is None else timeout):
            self._ended.release()

    def _set_done(self) -> None:
        """Count the thread as ended. Raises RuntimeError if it has not been started."""
        if self._state == NEW:
            raise RuntimeError("thread not started")
        if self._state == RUNNING:
            self._state = DONE
            _started.pop(self, None)
            self._ended.release()

    def _begin(self, ident: int) -> None:
        self._state = RUNNING
        self.ident = ident
        self._ended = allocate_lock()
        self._ended.acquire()

    def __repr__(self) -> str:
        return f"<_thread._ThreadHandle object: ident={self.ident}>"


#: Handles of threads that have been started and have not ended, in that order.
_started: dict[ThreadHandle, None] = {}


class _NativeHandle:
    """The handle of a native thread that was started before the patch: joining it yields."""

    __slots__ = ("_native",)

    def __init__(self, native: Any) -> None:
        self._native = native

    @property
    def ident(self) -> int:
        return int(self._native.ident)

    def is_done(self) -> bool:
        return bool(self._native.is_done())

    def _set_done(self) -> None:
        self._native._set_done()

    def join(self, timeout: float | None = None) -> None:
        if self._native.is_done():
            return
        try:
            run_native(self._native.join, timeout)
        except RuntimeError:  # the interpreter is about to end
            await_threads(lambda: not self._native.is_done())

    def __repr__(self) -> str:
        return repr(self._native)


def await_threads(running: Callable[[], bool]) -> None:
    """Wait until native threads no longer are `running`, when no thread can be started that would join them. Yields."""
    while running():
        sleep_until(monotonic_ns() + 10_000_000)


def blame(function: object) -> dict[str, Any]:
    """How an unraisable exception names the function of its thread."""
    if PATCHES:
        return {"err_msg": f"Exception ignored in thread started by {function!r}", "object": None}
    return {"err_msg": "Exception ignored in thread started by", "object": function}


def start_joinable_thread(
    function: Callable[[], object], handle: ThreadHandle | None = None, daemon: bool = True
) -> ThreadHandle:
    """*For internal use only*: start a new thread, which starts in the next turn of the loop. Never yields."""
    from .thread import launch  # it stands above this module

    if not callable(function):
        raise TypeError("thread function must be callable")
    if handle is not None and not isinstance(handle, ThreadHandle):
        raise TypeError("'handle' must be a _ThreadHandle")
    sys.audit("_thread.start_joinable_thread", function, daemon, handle)
    if handle is None:
        handle = ThreadHandle()
    if handle._state != NEW:
        raise RuntimeError("thread already started")
    handle._begin(0)
    handle._daemon = bool(daemon)
    _started[handle] = None
    try:
        handle.ident = launch(function, (), {}, handle._set_done)
    except BaseException:
        del _started[handle]
        handle._state = NEW
        raise
    return handle


def make_thread_handle(ident: int, /) -> ThreadHandle:
    """Internal only. Make a thread handle for threads not spawned by the _thread or threading module."""
    if not isinstance(ident, int):
        raise TypeError("ident must be an integer")
    if ident < 0:
        raise OverflowError("can't convert negative int to unsigned")
    handle = ThreadHandle()
    handle._begin(ident)
    return handle


def get_main_thread_ident() -> int:
    """Internal only. Return the ident of the main thread; in a forked child, of the thread that forked."""
    return main_ident() if getpid() == _pid else get_ident()


def shutdown() -> None:
    """Wait for all non-daemon threads (other than the calling thread) to stop. Yields."""
    me = get_ident()
    while True:
        left = [handle for handle in _started if not handle._daemon and handle.ident != me]
        if not left:
            break
        left[0].join()
    threading: Any = sys.modules["threading"]
    earlier = [t for t in list(threading._active.values()) if isinstance(t._handle, _NativeHandle) and not t._daemonic]
    await_threads(lambda: any(not thread._handle.is_done() for thread in earlier))
    _native_shutdown()


def adopt() -> None:
    """Give the thread objects that exist when the patch is made handles of this module."""
    threading: Any = sys.modules["threading"]
    for thread in list(threading._dangling):
        handle = thread._handle
        if isinstance(handle, (ThreadHandle, _NativeHandle)):
            continue
        if not handle.ident:
            thread._handle = ThreadHandle()
        elif isinstance(thread, (threading._MainThread, threading._DummyThread)):
            thread._handle = make_thread_handle(handle.ident)
        else:
            thread._handle = _NativeHandle(handle)


def after_in_child() -> None:
    """In a forked child only the thread that forked exists; `threading` asks the handles, the others have ended."""
    global _pid
    _pid = getpid()
    me = get_ident()
    ended = [handle for handle in _started if handle.ident != me]
    threading: Any = sys.modules.get("threading")
    if threading is not None:
        handles = [getattr(thread, "_handle", None) for thread in list(threading._dangling)]
        ended += [h for h in handles if isinstance(h, ThreadHandle) and h._state == RUNNING and h.ident != me]
    for handle in ended:
        if handle._state == RUNNING:
            handle._ended._at_fork_reinit()  # type: ignore[attr-defined]
            handle._ended.acquire()
            handle._set_done()
    for handle in _started:
        handle._ended._at_fork_reinit()  # type: ignore[attr-defined]
        handle._ended.acquire()


PATCHES: list[tuple[str, str, Any]] = []
_pid = getpid()

if hasattr(_thread, "start_joinable_thread"):
    _native_shutdown: Callable[[], None] = _thread._shutdown  # type: ignore[attr-defined]
    _new: Any
    for _name, _new in {
        "start_joinable_thread": start_joinable_thread,
        "_make_thread_handle": make_thread_handle,
        "_get_main_thread_ident": get_main_thread_ident,
        "_shutdown": shutdown,
        "_ThreadHandle": ThreadHandle,
    }.items():
        _new.__module__ = "_thread"
        _new.__name__ = _new.__qualname__ = _name
        PATCHES.append(("_thread", _name, _new))
