"""Native threads for calls that block and know nothing of greenlets.

`execute` runs a function in a thread of a bounded pool and parks the calling greenlet until it has
ended; `Proxy` does so for the methods of an object; `ThreadPoolExecutor` is that of
`concurrent.futures` on such threads. The threads are real ones, whatever is patched. They are
started when there is work for them and end after `IDLE_SECONDS` without any. Greenlets of all
threads share the pool of `execute`, which a forked child has afresh.

A function that runs here must leave the greenlets of other threads alone. If it calls something
cooperative it gets a hub of its own; `execute` in it makes the call directly, so that calls within
calls can't use up the pool and wait for one another.
"""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from collections import deque
from collections.abc import Callable
from concurrent import futures
from concurrent.futures.thread import BrokenThreadPool
from contextvars import copy_context
from functools import partial
from itertools import count
from threading import Condition, current_thread
from typing import Any, Final, TypeVar

from ._originals import RLock, allocate_lock, get_ident, start_new_thread, thread_local
from .hubs.deadlock import own_threads
from .hubs.native import run_native
from .hubs.waiting import NOTHING, Note, current_and_hub, park, serve

__all__ = [
    "DEFAULT_SIZE", "IDLE_SECONDS", "Future", "Proxy", "ThreadPoolExecutor", "execute", "killall", "set_num_threads",
]  # fmt: skip

T = TypeVar("T")

#: Seconds that a thread waits for work before it ends.
IDLE_SECONDS = 10.0

#: Threads that `execute` uses at most, if `GUV_THREADPOOL_SIZE` does not say otherwise.
DEFAULT_SIZE = 20


class Pool:
    """A bounded set of native threads and the calls that wait for one, in order of arrival."""

    def __init__(self, size: int, prefix: str = "") -> None:
        if size < 1:
            raise ValueError(f"a pool needs a thread at least, not {size!r}")
        self.size = size
        self.prefix = prefix  # of the names of threads; "": they have none
        self._lock = allocate_lock()  # for all below; never held for long
        self._calls: deque[Callable[[], object]] = deque()
        self._idle: list[Any] = []  # locks that waiting threads acquire
        self._threads = 0
        self._started = 0  # threads, in all
        self._generation = 0  # threads of an older one end instead of waiting for work

    def start(self, call: Callable[[], object]) -> None:
        """Have a thread make `call`, which must not raise. From any thread; never blocks."""
        with self._lock:
            self._calls.append(call)
            if self._idle:
                self._idle.pop().release()
                return
            if self._threads >= self.size:
                return
            self._threads += 1
        try:
            self._start_thread()
        except BaseException:
            with self._lock:
                self._threads -= 1
                stranded = not self._threads and call in self._calls
                if stranded:
                    self._calls.remove(call)
            if stranded:
                raise

    def _start_thread(self) -> None:
        self._started += 1
        start_new_thread(self._work, (self._generation, f"{self.prefix}_{self._started - 1}" if self.prefix else ""))

    def resize(self, size: int) -> None:
        """Use at most `size` threads from now on. Those above that end when they have made the call they are at."""
        if size < 1:
            raise ValueError(f"a pool needs a thread at least, not {size!r}")
        with self._lock:
            self.size = size
            more = max(0, min(len(self._calls), size - self._threads))
            self._threads += more
            surplus = max(0, self._threads - size)
            for bell in self._idle[:surplus]:
                bell.release()
            del self._idle[:surplus]
        for begun in range(more):
            try:
                self._start_thread()
            except BaseException:
                with self._lock:
                    self._threads -= more - begun
                raise

    def end_threads(self) -> None:
        """Have all threads end: those without work at once, the others when all calls have been made."""
        with self._lock:
            self._generation += 1
            idle, self._idle = self._idle, []
        for bell in idle:
            bell.release()

    def _work(self, generation: int, name: str) -> None:
        _here.in_pool = True
        if name:
            current_thread().name = name
        bell = allocate_lock()
        bell.acquire()
        try:
            self._make_calls(generation, bell)
        finally:
            _active.pop(get_ident(), None)  # threading's record of a thread that it has not started

    def _make_calls(self, generation: int, bell: Any) -> None:
        while True:
            with self._lock:
                surplus = self._threads > self.size
                call = self._calls.popleft() if self._calls and not surplus else None
                if call is None:
                    if surplus or generation != self._generation:
                        self._threads -= 1
                        return
                    self._idle.append(bell)
            if call is not None:
                call()
                del call
            elif not bell.acquire(True, IDLE_SECONDS):
                with self._lock:
                    if bell in self._idle:
                        self._idle.remove(bell)
                        self._threads -= 1
                        return
                bell.acquire()  # work came at the last moment

    @property
    def threads(self) -> int:
        """How many threads there are now."""
        return self._threads

    @property
    def idle(self) -> int:
        """How many of them wait for work."""
        return len(self._idle)

    def forget_threads(self) -> None:
        """In a forked child: they are the parent's, and so are the calls."""
        self.__init__(self.size, self.prefix)  # type: ignore[misc]


_here: Any = thread_local()  # attribute `in_pool` in threads of pools
_active: Final[dict[int, Any]] = sys.modules["threading"]._active
_pool: Pool | None = None
_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


def default_pool() -> Pool:
    """That of `execute`."""
    global _pool
    if _pool is None:
        given = os.environ.get("GUV_THREADPOOL_SIZE", str(DEFAULT_SIZE))
        if not given.isdecimal() or not int(given):
            raise ValueError(f"GUV_THREADPOOL_SIZE must be a number of threads from 1 on, not {given!r}")
        _pool = new_pool(int(given))
    return _pool


def new_pool(size: int, prefix: str = "") -> Pool:
    """A pool whose threads a forked child does not count on."""
    pool = Pool(size, prefix)
    _pools.add(pool)
    return pool


def set_num_threads(number: int) -> None:
    """Let `execute` use at most `number` threads, in place of `GUV_THREADPOOL_SIZE` or 20. Never yields.

    If there are more, the surplus ends when each has made the call that it is at.
    """
    default_pool().resize(number)


def killall() -> None:
    """End the threads of `execute`: those without work at once, the others when all calls have been made.

    Later calls start new ones. Never yields, and does not wait for them.
    """
    default_pool().end_threads()


def execute(func: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call `func(*args, **kwargs)` in a native thread; yields until it has ended.

    Returns its result or raises its exception. It sees a copy of the caller's `contextvars`. If
    the waiting greenlet is killed or times out, a call that has not begun is not made; one that
    has goes on to its end, and its result is dropped (`ThreadPoolExecutor.submit` gives a future that
    keeps it). When all threads are busy, calls wait in order of arrival.

    In a thread of a pool the call is made directly. Raises RuntimeError in a callback of the hub.
    """
    if hasattr(_here, "in_pool"):
        return func(*args, **kwargs)
    call = partial(copy_context().run, func, *args, **kwargs)
    return run_native(call, start=default_pool().start)


class Proxy:
    """An object whose methods are called in native threads; each call yields.

    Results whose type is in `autowrap`, and those of the methods named in `autowrap_names`, come
    back as proxies, with the same two settings. A call with the keyword ``nonblocking=True`` (which the method does
    not see) is made directly. Attributes that are not callable are read directly; so are `len`, `bool`, `==`,
    `hash`, `repr` and `str`, which must not block.
    """

    def __init__(self, obj: Any, autowrap: tuple[type, ...] = (), autowrap_names: tuple[str, ...] = ()) -> None:
        vars(self).update(_obj=obj, _autowrap=autowrap, _autowrap_names=autowrap_names)

    def _execute(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        nonblocking = kwargs.pop("nonblocking", False)
        result = function(*args, **kwargs) if nonblocking else execute(function, *args, **kwargs)
        name = getattr(function, "__name__", None)
        if isinstance(result, self._autowrap) or name in self._autowrap_names:
            return Proxy(result, self._autowrap, self._autowrap_names)
        return result

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._obj, name)
        return partial(self._execute, value) if callable(value) else value

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._obj, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._obj, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._execute(self._obj, *args, **kwargs)

    def __getitem__(self, key: Any) -> Any:
        return self._execute(lambda: self._obj[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        execute(lambda: self._obj.__setitem__(key, value))

    def __delitem__(self, key: Any) -> None:
        execute(lambda: self._obj.__delitem__(key))

    def __contains__(self, item: Any) -> bool:
        return bool(execute(lambda: item in self._obj))

    def __enter__(self) -> Any:
        entered = self._execute(self._obj.__enter__)
        return self if entered is self._obj else entered

    def __exit__(self, *exc_info: Any) -> Any:
        return execute(self._obj.__exit__, *exc_info)

    def __iter__(self) -> Any:
        iterator = execute(iter, self._obj)
        if iterator is self._obj:
            return self
        return Proxy(iterator, self._autowrap, self._autowrap_names)

    def __next__(self) -> Any:
        nothing = object()  # a StopIteration can't pass through a context's run
        item = execute(next, self._obj, nothing)
        if item is nothing:
            raise StopIteration
        return item

    def __len__(self) -> int:
        return len(self._obj)

    def __bool__(self) -> bool:
        return bool(self._obj)

    def __eq__(self, other: object) -> bool:
        return bool(self._obj == (other._obj if isinstance(other, Proxy) else other))

    def __hash__(self) -> int:
        return hash(self._obj)

    def __repr__(self) -> str:
        return f"<guv.tpool.Proxy of {self._obj!r}>"

    def __str__(self) -> str:
        return str(self._obj)


class Future(futures.Future[T]):
    """A future that a native thread completes; waiting for it yields, patched or not."""

    _done_callbacks: list[Callable[[futures.Future[T]], object]]  # of the base class

    def __init__(self) -> None:
        super().__init__()
        self._condition = Condition(RLock())  # real, and held for moments only

    def _join(self, timeout: float | None) -> None:
        if self.done() or (timeout is not None and timeout <= 0):
            return
        current, hub = current_and_hub()
        note: Note = [current, NOTHING]

        def completed(_: futures.Future[T]) -> None:
            serve(note, True)

        hub.jobs += 1
        self.add_done_callback(completed)
        try:
            park(hub, current, note, timeout, self)
        finally:
            hub.jobs -= 1
            with self._condition:
                if completed in self._done_callbacks:
                    self._done_callbacks.remove(completed)

    def result(self, timeout: float | None = None) -> T:
        """As `concurrent.futures.Future.result`; yields."""
        self._join(timeout)
        try:
            return super().result(0)
        finally:
            del self  # an exception's traceback has this frame

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """As `concurrent.futures.Future.exception`; yields."""
        self._join(timeout)
        return super().exception(0)


_numbers = count()  # of executors without a name

_BROKEN: Final = "the initializer failed in a thread, so the executor makes no more calls"


class ThreadPoolExecutor(futures.Executor):
    """`concurrent.futures.ThreadPoolExecutor` on native threads, whatever is patched.

    Waiting for its futures yields, and so does `shutdown(wait=True)` until all is done. `concurrent.futures.wait` and
    `as_completed` yield if `threading` is patched, and block the thread if not. What was submitted is done before the
    interpreter ends. In a forked child, futures of the parent never complete.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        if max_workers is None:
            max_workers = min(32, (os.cpu_count() or 1) + 4)
        if max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._pool = new_pool(max_workers, thread_name_prefix or f"ThreadPoolExecutor-{next(_numbers)}")
        self._open: set[Future[Any]] = set()
        self._shut = False
        self._prepare = None if initializer is None else partial(initializer, *initargs)
        self._prepared: Any = thread_local()  # attribute `done` in threads that are
        self._broken = False
        _executors.add(self)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        if self._broken:
            raise BrokenThreadPool(_BROKEN)
        if self._shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[T] = Future()
        self._open.add(future)
        future.add_done_callback(self._open.discard)
        try:
            self._pool.start(partial(self._run, future, partial(fn, *args, **kwargs)))
        except BaseException:
            self._open.discard(future)
            raise
        return future

    def _run(self, future: Future[Any], call: Callable[[], Any]) -> None:
        """In a native thread."""
        if not future.set_running_or_notify_cancel():
            return
        try:
            if self._prepare is not None:
                self._prepare_thread(self._prepare)
            result = call()
        except BaseException as error:
            future.set_exception(error)
            del future  # the traceback has this frame
        else:
            future.set_result(result)

    def _prepare_thread(self, prepare: Callable[[], object]) -> None:
        if hasattr(self._prepared, "done"):
            return
        if self._broken:
            raise BrokenThreadPool(_BROKEN)
        try:
            prepare()
        except BaseException as error:
            self._broken = True
            futures._base.LOGGER.critical("Exception in initializer:", exc_info=True)
            raise BrokenThreadPool(_BROKEN) from error
        self._prepared.done = True

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._shut = True
        if cancel_futures:
            for future in list(self._open):
                future.cancel()
        if wait:
            for future in list(self._open):
                try:
                    future.exception()
                except futures.CancelledError:
                    pass
        self._pool.end_threads()

    def forget_futures(self) -> None:
        """In a forked child: the threads that work on them are the parent's."""
        self._open.clear()
        self._prepared = thread_local()


_executors: weakref.WeakSet[ThreadPoolExecutor] = weakref.WeakSet()


@atexit.register
def _finish_executors() -> None:
    """What was submitted is done before the interpreter ends, as with the standard executor."""
    for executor in list(_executors):
        executor.shutdown()


def _forget_threads() -> None:
    for pool in list(_pools):
        pool.forget_threads()
    for executor in list(_executors):
        executor.forget_futures()


def _idle_threads() -> int:
    """Those that can't wake anybody. What the others do for greenlets stands in `AbstractHub.jobs`."""
    return sum(pool.idle for pool in list(_pools))


own_threads.append(_idle_threads)
os.register_at_fork(after_in_child=_forget_threads)
