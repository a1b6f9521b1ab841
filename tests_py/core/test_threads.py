"""guv's own primitives between greenlets of several threads of the operating system, each with a hub of its own."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable
from typing import Any

import pytest

import guv
from guv import Event, Semaphore, TEvent
from guv._originals import allocate_lock, start_new_thread
from guv.event import AsyncResult
from guv.hubs.abc import AbstractHub
from guv.queue import Channel, Empty, Queue

pytestmark = pytest.mark.usefixtures("hub")


def in_threads(*bodies: Callable[[], object]) -> Callable[[], None]:
    """Run each in a native thread; returns what waits for their ends, and raises the first error."""
    ends: list[Any] = []
    errors: list[BaseException] = []

    def run(body: Callable[[], object], end: Any) -> None:
        try:
            body()
        except BaseException as error:
            errors.append(error)
        finally:
            end.release()

    for body in bodies:
        end = allocate_lock()
        end.acquire()
        ends.append(end)
        start_new_thread(run, (body, end))

    def join() -> None:
        for end in ends:
            while not end.acquire(False):
                guv.sleep(0.001)
        if errors:
            raise errors[0]

    return join


@pytest.mark.parametrize("make", [lambda: Queue(3), Queue, Channel])
def test_queue_betweenThreads_withKillsAndTimeouts_losesAndDoublesNothing(make: Callable[[], Any]) -> None:
    there, back = make(), Queue[int]()
    count = 150

    def produce(base: int) -> None:
        def put() -> None:
            for i in range(count):
                there.put(base + i)

        guv.joinall([guv.spawn(put), guv.spawn(guv.sleep, 0)])

    def consume() -> None:
        def get() -> None:
            while True:
                try:
                    item = there.get(timeout=0.0005)
                except Empty:
                    continue
                if item is None:
                    return
                back.put(item)

        def killed() -> None:
            while True:
                there.peek(timeout=5)
                guv.gyield()

        workers = [guv.spawn(get) for _ in range(3)]
        victim = guv.spawn(killed)
        guv.sleep(0.002)
        victim.kill()
        guv.joinall(workers)

    join = in_threads(lambda: produce(0), lambda: produce(1000), consume)
    got = [back.get(timeout=20) for _ in range(2 * count)]
    for _ in range(3):
        there.put(None)
    join()
    assert sorted(got) == [*range(count), *range(1000, 1000 + count)]
    assert not there.items
    assert not back.items


def test_semaphore_betweenThreads_keepsItsPermits() -> None:
    semaphore = Semaphore(2)
    inside = [0]
    most = [0]

    def work() -> None:
        def once() -> None:
            for _ in range(50):
                if not semaphore.acquire(timeout=0.001):
                    continue
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                guv.gyield()
                inside[0] -= 1
                semaphore.release()

        guv.joinall([guv.spawn(once) for _ in range(4)])

    in_threads(work, work, work)()
    assert semaphore.counter == 2
    assert semaphore.balance == 2
    assert most[0] <= 2


@pytest.mark.parametrize(
    ("make", "happen"),
    [(Event, lambda e: e.send(7)), (TEvent, TEvent.set), (AsyncResult, lambda e: e.set(7))],
)
def test_event_setInAnotherThread_wakesAllWaitersOfAllThreads(
    make: Callable[[], Any], happen: Callable[[Any], object]
) -> None:
    event = make()
    waiting = Queue[int]()

    def wait() -> None:
        def one() -> None:
            waiting.put(1)
            assert event.wait(20) is not None

        guv.joinall([guv.spawn(one) for _ in range(5)], raise_error=True)

    join = in_threads(wait, wait)
    for _ in range(10):
        waiting.get(timeout=20)
    in_threads(lambda: happen(event))()
    join()


def test_greenThread_isWaitedForAndKilledFromAnotherThread() -> None:
    thread = guv.spawn(guv.sleep, 60)
    seen: list[Any] = []

    def other() -> None:
        seen.append(thread.join(0.001))
        thread.kill()
        seen.append(thread.join(20))

    in_threads(other)()
    assert seen == [False, True]
    assert not thread.successful()


def test_kill_ofAGreenletOfAThreadThatHasEnded_doesNothingAndTheOthersAreKilled() -> None:
    left: list[guv.GreenThread[None]] = []

    def leave() -> None:
        left.append(guv.spawn(guv.sleep, 60))
        guv.gyield()

    in_threads(leave)()
    while not left[0].hub.closed:
        guv.sleep(0.001)
    guv.kill(left[0])
    ours = guv.spawn(guv.sleep, 60)
    assert not guv.killall([left[0], ours])
    assert ours.ready()


def test_item_forAGreenletOfAThreadThatHasEnded_goesToTheNext() -> None:
    queue = Queue[int]()

    def leave_a_getter_behind() -> None:
        guv.spawn(queue.get)
        guv.gyield()

    in_threads(leave_a_getter_behind)()
    gc.collect()
    queue.put(7)
    assert queue.get(timeout=20) == 7


def test_putInASignalHandlerAndAFinalizer_wakesAGetter() -> None:
    queue = Queue[str]()

    class Dying:
        def __del__(self) -> None:
            queue.put("finalizer")

    before = signal.signal(signal.SIGUSR1, lambda number, frame: queue.put("signal"))
    try:
        getters = [guv.spawn(queue.get), guv.spawn(queue.get)]
        guv.gyield()
        signal.raise_signal(signal.SIGUSR1)
        Dying()
        assert {getter.wait() for getter in getters} == {"signal", "finalizer"}
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_hubsOfOtherThreads_areGoneAfterwards(hub: AbstractHub) -> None:
    from guv.hubs.current import all_hubs

    in_threads(lambda: guv.sleep(0), lambda: guv.sleep(0))()
    for _ in range(5000):  # the threads are still ending
        gc.collect()
        if not [other for other in all_hubs() if other is not hub]:
            break
        guv.sleep(0.001)
    assert [other for other in all_hubs() if not other.closed] == [hub]
