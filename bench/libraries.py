"""The same few verbs in each library's own words. Making a `Green` patches the process.

Blocking-style libraries are `Green`, and so are plain threads; asyncio and uvloop are `Coroutines`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


class Missing(Exception):
    """The library can't do this workload; the text says why."""


class Green:
    """What the workloads ask of a library of green threads."""

    name: str
    version: str
    #: Part of the usual number of operations that is enough: threads are slow.
    share = 1.0

    spawn: Callable[..., Any]
    sleep: Callable[[float], Any]
    #: Let the others run.
    give_way: Callable[[], Any]
    #: A context manager that ends its block by an exception of its own class.
    timeout: Callable[[float], Any]
    #: Wait until a descriptor is readable, without reading.
    wait_readable: Callable[[int], Any]
    #: Call a function in the hub after so many seconds.
    call_later: Callable[[float, Callable[[], Any]], Any]
    #: The library's own classes, not those of the patched standard library.
    queue: Callable[[int], Any]
    event: Callable[[], Any]
    semaphore: Callable[[int], Any]

    def join(self, handles: Iterable[Any]) -> None:
        """Wait for what `spawn` returned."""
        for handle in handles:
            handle.wait()


class Guv(Green):
    name = "guv"

    def __init__(self) -> None:
        import guv

        guv.monkey_patch()
        from guv.const import READ
        from guv.event import TEvent
        from guv.hubs import get_hub
        from guv.queue import Queue
        from guv.semaphore import Semaphore

        self.version = guv.__version__
        self.spawn = guv.spawn
        self.sleep = guv.sleep
        self.give_way = guv.gyield
        self.timeout = guv.Timeout
        trampoline = guv.trampoline
        self.wait_readable = lambda fd: trampoline(fd, READ)
        self.call_later = get_hub().schedule_call_global
        self.queue = Queue
        self.event = TEvent
        self.semaphore = Semaphore


class Gevent(Green):
    name = "gevent"

    def __init__(self) -> None:
        from gevent import monkey

        monkey.patch_all()
        import gevent
        import gevent.event
        import gevent.lock
        import gevent.queue
        import gevent.socket

        self.version = gevent.__version__
        self.spawn = gevent.spawn
        self.join = gevent.joinall  # type: ignore[method-assign]
        self.sleep = gevent.sleep
        self.give_way = gevent.sleep
        self.timeout = gevent.Timeout
        self.wait_readable = gevent.socket.wait_read
        self.queue = gevent.queue.Queue
        self.event = gevent.event.Event
        self.semaphore = gevent.lock.Semaphore
        loop = gevent.get_hub().loop

        def call_later(seconds: float, function: Callable[[], Any]) -> Any:
            timer = loop.timer(seconds)
            timer.start(function)
            return timer

        self.call_later = call_later


class Eventlet(Green):
    name = "eventlet"

    def __init__(self) -> None:
        import warnings

        warnings.simplefilter("ignore")  # that it is no longer developed
        import eventlet

        eventlet.monkey_patch()
        import eventlet.hubs
        import eventlet.queue
        import eventlet.semaphore

        self.version = eventlet.__version__
        self.spawn = eventlet.spawn
        self.sleep = eventlet.sleep
        self.give_way = eventlet.sleep
        self.timeout = eventlet.Timeout
        trampoline = eventlet.hubs.trampoline
        self.wait_readable = lambda fd: trampoline(fd, read=True)
        self.call_later = eventlet.hubs.get_hub().schedule_call_global
        self.queue = eventlet.queue.Queue
        self.semaphore = eventlet.semaphore.Semaphore

    def event(self) -> Any:  # type: ignore[override]
        raise Missing("its events serve once")


class Threads(Green):
    name = "threads"
    share = 0.1

    def __init__(self) -> None:
        import platform
        import queue
        import select
        import threading
        import time

        self.version = platform.python_version()
        threading.stack_size(256 * 1024)
        self.sleep = time.sleep
        self.queue = queue.Queue
        self.event = threading.Event
        self.semaphore = threading.Semaphore

        def spawn(function: Callable[..., Any], *args: Any) -> threading.Thread:
            thread = threading.Thread(target=function, args=args, daemon=True)
            thread.start()
            return thread

        def wait_readable(fd: int) -> None:
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            poll.poll()

        self.spawn = spawn
        self.wait_readable = wait_readable

    def join(self, handles: Iterable[Any]) -> None:
        for handle in handles:
            handle.join()

    def give_way(self) -> None:  # type: ignore[override]
        raise Missing("a thread can't be told to let another one run")

    def timeout(self, seconds: float) -> Any:  # type: ignore[override]
        raise Missing("a block of a thread can't be interrupted")

    def call_later(self, seconds: float, function: Callable[[], Any]) -> Any:  # type: ignore[override]
        raise Missing("each timer would be a thread")


class Coroutines:
    """asyncio, with its own loop or another one."""

    name: str
    version: str

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        raise Missing("no loop")


class Asyncio(Coroutines):
    name = "asyncio"

    def __init__(self) -> None:
        import asyncio
        import platform

        self.version = platform.python_version()
        self._run = asyncio.run

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._run(coroutine)


class Uvloop(Coroutines):
    name = "uvloop"

    def __init__(self) -> None:
        import uvloop

        self.version = uvloop.__version__
        self._loop = uvloop.new_event_loop

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        import asyncio

        loop = self._loop()
        asyncio.set_event_loop(loop)
        try:
            result: T = loop.run_until_complete(coroutine)
            return result
        finally:
            loop.close()


LIBRARIES: dict[str, type[Green] | type[Coroutines]] = {
    library.name: library for library in (Guv, Gevent, Eventlet, Asyncio, Uvloop, Threads)
}

#: The program that does the same in C, without any library.
C = "c"
ALL = (*LIBRARIES, C)


def load(name: str) -> Green | Coroutines:
    """The library, set up in this process. Raises `Missing` if it is not installed."""
    try:
        return LIBRARIES[name]()
    except ImportError as error:
        raise Missing(f"not installed ({error})") from error


def leave(text: str) -> None:
    """Print the result and end at once: taking 100,000 greenlets apart is not measured."""
    import os

    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    os._exit(0)
