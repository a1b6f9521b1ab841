"""What nobody refers to any more is gone at once, without a collection: exceptions, greenthreads, primitives.

A cycle of references would keep the frames of whoever has waited, and all that these refer to, until the collector
comes; in a server that lives on reference counts, and in programs that turn the collector off.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import guv
from guv import group, lock, pools, queue, semaphore, tpool
from guv.event import AsyncResult, Event, TEvent
from guv.resolver import getaddrinfo

pytestmark = pytest.mark.usefixtures("hub", "no_collection")


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Failed(Exception):
    pass


def fail(*args: object) -> None:
    raise Failed


def in_task_group(errors: int) -> None:
    with guv.TaskGroup() as tasks:
        for _ in range(errors):
            tasks.spawn(fail)


def failed_result() -> AsyncResult[None]:
    result: AsyncResult[None] = AsyncResult()
    result.set_exception(Failed())
    return result


def failed_event() -> Event[None]:
    event: Event[None] = Event()
    event.send_exception(Failed)
    return event


def in_executor() -> None:
    with tpool.ThreadPoolExecutor(1) as executor:
        executor.submit(fail).result()


FAILURES: dict[str, Callable[[], object]] = {
    "GreenThread.wait": lambda: guv.spawn(fail).wait(),
    "GreenThread.get": lambda: guv.spawn(fail).get(),
    "joinall": lambda: guv.joinall([guv.spawn(fail), guv.spawn(fail)], raise_error=True),
    "joinall of results": lambda: guv.joinall([failed_result()], raise_error=True),
    "Group.map": lambda: group.Group().map(fail, range(3)),
    "GreenPool.starmap": lambda: list(guv.GreenPool(2).starmap(fail, [(1,)])),
    "GreenPile": lambda: list(pile_of(fail)),
    "imap over a generator that fails": lambda: list(guv.GreenPool(2).imap(abs, (fail(i) for i in range(2)))),
    "TaskGroup, one error": lambda: in_task_group(1),
    "TaskGroup, two errors": lambda: in_task_group(2),
    "AsyncResult.get": lambda: failed_result().get(),
    "Event.wait": lambda: failed_event().wait(),
    "tpool.execute": lambda: tpool.execute(fail),
    "ThreadPoolExecutor": in_executor,
    "getaddrinfo": lambda: getaddrinfo((b"127.0.0.1", b"no-such-service", 0, 0, 0, 0)),
}


def pile_of(function: Callable[[], None]) -> guv.GreenPile:
    pile = guv.GreenPile(2)
    pile.spawn(function)
    return pile


@pytest.mark.parametrize("call", FAILURES.values(), ids=FAILURES)
def test_exception_that_was_waited_for_goes_with_the_handler(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception as error:
        left = weakref.ref(error)
    for _ in range(1000):
        if left() is not None:  # a native thread may be about to let go
            guv.sleep(0.001)
    assert left() is None


@pytest.mark.parametrize("make", [lambda: guv.spawn(fail), failed_result, failed_event])
def test_exception_waited_for_again_has_the_same_traceback(make: Callable[[], Any]) -> None:
    waited_for, depths = make(), set()
    for _ in range(3):
        with pytest.raises(Failed) as caught:
            waited_for.wait() if not isinstance(waited_for, AsyncResult) else waited_for.get()
        depths.add(len(caught.traceback))
    assert len(depths) == 1


@pytest.mark.parametrize("wait", [lambda: guv.sleep(10), lambda: Event().wait(), lambda: queue.Queue[int]().get()])
def test_killed_greenthread_goes_with_its_last_reference(wait: Callable[[], object]) -> None:
    thread = guv.spawn(wait)
    guv.gyield()
    thread.kill()
    left = weakref.ref(thread)
    del thread
    assert left() is None


def test_failed_greenthread_goes_with_its_last_reference_and_its_arguments_too() -> None:
    argument = Failed()
    thread = guv.spawn(fail, argument)
    thread.link(lambda thread: None)
    guv.gyield()
    left = weakref.ref(thread), weakref.ref(argument)
    del thread, argument
    guv.gyield()
    assert [reference() for reference in left] == [None, None]


MAKERS: list[Callable[[], object]] = [
    queue.LightQueue, queue.Queue, queue.PriorityQueue, queue.LifoQueue, queue.Channel, queue.SimpleQueue,
    lock.Condition, lock.RLock, lambda: lock.Barrier(2), Event, TEvent, AsyncResult,
    semaphore.Semaphore, lambda: semaphore.CappedSemaphore(1, 2), lambda: pools.Pool(create=list),
    guv.GreenPool, guv.GreenPile, guv.TaskGroup, group.Group, lambda: guv.GreenPool().imap(abs, [1, 2]),
]  # fmt: skip


@pytest.mark.parametrize("make", MAKERS)
def test_primitive_goes_with_its_last_reference(make: Callable[[], object]) -> None:
    made = make()
    guv.gyield()
    left = weakref.ref(made)
    del made
    assert left() is None
