"""Events, locks, semaphores and queues: what each of them promises by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import guv
from guv import BoundedSemaphore, CappedSemaphore, Event, RLock, Semaphore, TEvent, Timeout
from guv.event import AsyncResult
from guv.hubs.abc import AbstractHub
from guv.queue import (
    Channel,
    Empty,
    Full,
    JoinableQueue,
    LifoQueue,
    LightQueue,
    PriorityQueue,
    Queue,
    ShutDown,
    SimpleQueue,
)  # fmt: skip
from guv.testing import MockClock, assert_no_switches


@pytest.fixture(autouse=True)
def clock(hub: AbstractHub) -> Iterator[MockClock]:
    with MockClock(patch_time=False) as made:
        yield made


def caught(func: Callable[..., Any], *args: Any) -> Any:
    try:
        return func(*args)
    except BaseException as error:
        return type(error).__name__


# ---- Event


def test_event_sendGivesItsResultToAllWaiters_beforeAndAfter() -> None:
    event: Event[int] = Event()
    threads = [guv.spawn(event.wait) for _ in range(3)]
    assert (event.ready(), event.poll("not yet"), event.has_result()) == (False, "not yet", False)
    guv.spawn_after(1, event.send, 7)
    assert [thread.wait() for thread in threads] == [7, 7, 7]
    assert (event.wait(), event.poll(), event.has_result(), event.has_exception()) == (7, 7, True, False)
    with pytest.raises(AssertionError, match="sent already"):
        event.send(8)


@pytest.mark.parametrize("args", [(KeyError("x"),), (KeyError, "x"), (KeyError,), (KeyError, KeyError("x"), None)])
def test_event_sendException_isRaisedInWaiters(args: tuple[Any, ...]) -> None:
    event: Event[None] = Event()
    thread = guv.spawn(caught, event.wait)
    guv.gyield()
    event.send_exception(*args)
    assert thread.wait() == "KeyError"
    assert (event.has_exception(), event.has_result(), event.poll_result("none")) == (True, False, "none")
    with pytest.raises(KeyError):
        event.poll_exception()


def test_event_resetBeforeTheWaiterRuns_doesNotTakeTheResultBack() -> None:
    event: Event[int] = Event()
    with pytest.raises(AssertionError, match="not sent"):
        event.reset()
    thread = guv.spawn(event.wait)
    guv.gyield()
    event.send(1)
    event.reset()
    assert not event.ready()
    assert thread.wait() == 1
    event.send(2)
    assert event.wait() == 2


def test_event_waitWithATimeout_returnsNone(clock: MockClock) -> None:
    event: Event[int] = Event()
    assert event.wait(1) is None
    assert clock.time() == 1
    guv.spawn_after(1, event.send, 7)
    assert event.wait(5) == 7
    assert clock.time() == 2


# ---- TEvent, AsyncResult


def test_tEvent_canBeSetAndClearedAgainAndAgain() -> None:
    event = TEvent()
    for _ in range(3):
        thread = guv.spawn(event.wait, 5)
        assert not event.wait(0)
        event.set()
        event.clear()
        assert thread.wait()
        assert not event.is_set()
        event.set()
        assert event.wait()
        event.clear()


def test_asyncResult_givesItsValueOrRaises() -> None:
    result: AsyncResult[int] = AsyncResult()
    assert (result.value, result.exception, result.ready(), result.successful()) == (None, None, False, False)
    with pytest.raises(Timeout):
        result.get_nowait()
    with pytest.raises(Timeout, match="1 second"):
        result.get(timeout=1)
    assert result.wait(1) is None
    guv.spawn_after(1, result.set, 7)
    assert (result.get(), result.value, result.wait(), result.successful(), result.exc_info) == (7, 7, 7, True, ())
    error = KeyError()
    result.set_exception(error)
    assert (result.value, result.wait(), result.exception, result.successful()) == (None, None, error, False)
    assert result.exc_info[:2] == (KeyError, error)
    with pytest.raises(KeyError):
        result.get()


def test_asyncResult_asALink_takesOverTheOutcome(capfd: pytest.CaptureFixture[str]) -> None:
    good: AsyncResult[int] = AsyncResult()
    bad: AsyncResult[int] = AsyncResult()
    guv.spawn(int, "7").link(good)
    guv.spawn(int, "x").link(bad)
    assert good.get() == 7
    assert isinstance(caught(bad.get), str)
    assert isinstance(bad.exception, ValueError)


@pytest.mark.parametrize("make", [Event, TEvent, AsyncResult])
def test_rawlink_isCalledOnce_andNotAfterUnlink(make: Callable[[], Any]) -> None:
    log: list[str] = []

    def first(event: object) -> None:
        log.append("first")

    def broken(event: object) -> None:
        log.append("broken")
        raise OSError("link")

    def last(event: object) -> None:
        log.append("last")

    event = make()
    for link in first, broken, last:
        event.rawlink(link)
    event.unlink(first)
    with pytest.raises(OSError, match="link"):
        event.send() if make is Event else event.set()
    event.rawlink(first)
    assert log == ["broken", "last", "first"]


# ---- locks


def test_semaphore_counts_andSaysSo() -> None:
    semaphore = Semaphore(2)
    with semaphore, semaphore:
        assert (semaphore.locked(), semaphore.ready(), semaphore.balance) == (True, False, 0)
        assert not semaphore.acquire(blocking=False)
        assert not semaphore.acquire(timeout=1)
        thread = guv.spawn(semaphore.acquire)
        guv.gyield()
        assert semaphore.balance == -1
    assert thread.wait()
    assert semaphore.counter == 1
    with pytest.raises(ValueError, match="without blocking"):
        semaphore.acquire(False, 1)
    with pytest.raises(ValueError, match="negative"):
        Semaphore(-1)


def test_boundedSemaphore_releasedTooOften_raises() -> None:
    semaphore = BoundedSemaphore(1)
    with pytest.raises(ValueError, match="more often"):
        semaphore.release()
    with semaphore:
        assert semaphore.bounded()
    assert semaphore.counter == 1


def test_cappedSemaphore_releaseWaitsAtTheLimit() -> None:
    semaphore = CappedSemaphore(1, 2)
    assert semaphore.release()
    assert semaphore.bounded()
    assert not semaphore.release(blocking=False)
    thread = guv.spawn(semaphore.release)
    guv.gyield()
    assert (semaphore.balance, thread.ready()) == (3, False)
    assert semaphore.acquire()
    assert thread.wait()
    assert (semaphore.counter, semaphore.balance) == (2, 2)


def test_cappedSemaphore_waiterServedByARelease_makesNoRoomForAnotherOne() -> None:
    semaphore = CappedSemaphore(0, 1)
    taker = guv.spawn(semaphore.acquire)
    givers = [guv.spawn(semaphore.release) for _ in range(3)]
    guv.gyield()
    guv.gyield()
    assert [thread.ready() for thread in (taker, *givers)] == [True, True, True, False]
    assert semaphore.counter == 1
    assert semaphore.acquire()
    assert givers[2].wait()
    assert semaphore.counter == 1


def test_cappedSemaphore_permitOfAKilledWaiter_waitsForRoom() -> None:
    semaphore = CappedSemaphore(0, 1)
    waiter = guv.spawn(semaphore.acquire)
    guv.gyield()
    assert semaphore.release()  # for the waiter
    assert semaphore.release()
    waiter.kill()
    assert (semaphore.counter, semaphore.balance) == (1, 2)
    assert not semaphore.release(blocking=False)
    assert semaphore.acquire(blocking=False)
    assert semaphore.acquire(blocking=False)
    assert not semaphore.acquire(blocking=False)


def test_cappedSemaphore_withoutALimit_isRefused() -> None:
    with pytest.raises(ValueError, match="nobody could ever release"):
        CappedSemaphore(0, 0)


def test_rLock_mayBeTakenAgainByItsOwnerOnly() -> None:
    lock = RLock()
    with lock, lock:
        assert not guv.spawn(lock.acquire, False).wait()
        assert not guv.spawn(lock.acquire, True, 1).wait()
        thread = guv.spawn(lock.acquire)
    assert thread.wait()


# ---- queues

KINDS = [LightQueue, Queue, PriorityQueue, LifoQueue, SimpleQueue]


@pytest.mark.parametrize("kind", KINDS)
def test_queue_givesItsItemsInItsOrder_withoutYielding(kind: type[LightQueue[int]]) -> None:
    queue = kind(items=[2, 3, 1])
    expected = {PriorityQueue: [1, 2, 3], LifoQueue: [1, 3, 2]}.get(kind, [2, 3, 1])
    with assert_no_switches():
        assert queue.peek() == expected[0]
        assert (len(queue), queue.qsize(), queue.empty(), queue.full(), bool(queue)) == (3, 3, False, False, True)
        assert [queue.get() for _ in range(3)] == expected
        assert queue.empty()
        with pytest.raises(Empty):
            queue.get_nowait()
        with pytest.raises(Empty):
            queue.peek(block=False)


def test_queue_fullAndEmpty_waitForAsLongAsTheyAreTold(clock: MockClock) -> None:
    queue: Queue[int] = Queue(1)
    with pytest.raises(Empty):
        queue.get(timeout=1)
    queue.put(1)
    with pytest.raises(Full):
        queue.put(2, timeout=1)
    with pytest.raises(Full):
        queue.put_nowait(2)
    assert clock.time() == 2
    assert list(queue.items) == [1]


def test_queue_itemsAtItsMaking_beyondItsSize_areRefused() -> None:
    with pytest.raises(Full):
        Queue(1, [1, 2])


def test_priorityQueue_givesAWaitingGetterTheItemThatComes() -> None:
    queue: PriorityQueue[int] = PriorityQueue()
    thread = guv.spawn(queue.get)
    guv.gyield()
    queue.put(5)
    queue.put(1)
    assert (thread.wait(), queue.get()) == (5, 1)


def test_channel_putWaitsUntilTheItemIsTaken() -> None:
    channel: Channel[int] = Channel()
    thread = guv.spawn(channel.put, 7)
    guv.gyield()
    assert (channel.putting(), channel.qsize(), channel.peek(), thread.ready()) == (1, 0, 7, False)
    assert channel.get() == 7
    thread.wait()
    with pytest.raises(Full):
        channel.put_nowait(8)
    getter = guv.spawn(channel.get)
    guv.gyield()
    assert channel.getting() == 1
    channel.put_nowait(9)
    assert getter.wait() == 9


def test_getter_killedAfterItWasHandedAnItem_putsItBackAtTheFront() -> None:
    queue: Queue[int] = Queue()
    thread = guv.spawn(queue.get)
    guv.gyield()
    queue.put(1)
    queue.put(2)
    thread.kill()
    assert [queue.get(), queue.get()] == [1, 2]
    assert queue.unfinished_tasks == 2


def test_getters_areWokenOneByOne_andRunInOneTurn() -> None:
    queue: Queue[int] = Queue()
    got: list[tuple[str, int]] = []

    def take(name: str) -> None:
        got.append((name, queue.get()))

    threads = [guv.spawn(take, name) for name in "abc"]
    guv.gyield()
    for item in range(4):
        queue.put(item)
    assert queue.qsize() == 3  # only the first was handed its item
    guv.gyield()
    assert got == [("a", 0), ("b", 1), ("c", 2)]
    assert [thread.ready() for thread in threads] == [True] * 3
    assert queue.get() == 3


def test_getter_thatComesBack_takesWhatIsThere_beforeOthersAreWokenForIt() -> None:
    queue: Queue[int] = Queue()
    got: list[tuple[str, int]] = []

    def take(name: str) -> None:
        while True:
            got.append((name, queue.get()))

    threads = [guv.spawn(take, name) for name in "abc"]
    guv.gyield()
    for item in range(6):
        queue.put(item)
    guv.gyield()
    assert got == [("a", 0), ("a", 2), ("a", 3), ("a", 4), ("a", 5), ("b", 1)]
    queue.put(6)  # c has waited longest
    guv.gyield()
    assert got[-1] == ("c", 6)
    guv.killall(threads)


def test_putter_thatComesBack_fillsTheQueue_beforeOthersAreWokenForIt() -> None:
    queue: Queue[str] = Queue(8, "x" * 8)

    def fill(name: str) -> None:
        while True:
            queue.put(name)

    threads = [guv.spawn(fill, name) for name in "abc"]
    guv.gyield()
    for _ in range(8):
        queue.get()
    assert list(queue.items) == ["a"]
    with assert_no_switches():
        assert queue.get_nowait() == "a"
        assert queue.get_nowait() == "b"  # nobody has to wait for it to be put
    guv.gyield()
    assert "".join(queue.items) == "c" + "a" * 7
    guv.killall(threads)


def test_getter_killedInTheTurnInWhichItWasWoken_leavesItsDutyToTheNext() -> None:
    queue: Queue[int] = Queue()
    threads = [guv.spawn(queue.get) for _ in range(3)]
    guv.gyield()
    queue.put(1)
    queue.put(2)
    threads[0].kill()
    assert [thread.wait() for thread in threads[1:]] == [1, 2]


@pytest.mark.parametrize("size", [None, 8])
def test_resize_toFewPlaces_wakesEachWhoWaits(size: int | None) -> None:
    queue: Queue[int] = Queue(size)
    threads = [guv.spawn(queue.get) for _ in range(3)]
    guv.gyield()
    queue.put(1)
    queue.put(2)
    queue.resize(1)
    queue.put(3)
    assert [thread.wait() for thread in threads] == [1, 2, 3]


def test_peek_thatWaits_isShownTheItemThatTheNextGetterGets() -> None:
    queue: Queue[int] = Queue()
    threads = [guv.spawn(queue.peek), guv.spawn(queue.get), guv.spawn(queue.peek)]
    guv.gyield()
    queue.put(1)
    guv.gyield()
    assert [thread.value for thread in threads] == [1, 1, None]
    queue.put(2)
    assert (threads[2].wait(), queue.qsize()) == (2, 1)


def test_join_waitsUntilAllIsDone_alsoOfAPutThatHadToWait() -> None:
    queue: Queue[int] = JoinableQueue(1)
    done: list[int] = []

    def work() -> None:
        for item in queue:
            queue.task_done()
            done.append(item)

    worker = guv.spawn(work)
    for i in range(5):
        queue.put(i)
    assert queue.join(5)
    assert done == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="more often"):
        queue.task_done()
    queue.put(5)
    guv.gyield()
    queue.put(StopIteration)  # type: ignore[arg-type]
    worker.wait()
    assert not queue.join(1)


def test_resize_letsWaitingPuttersGoOn() -> None:
    queue: Queue[int] = Queue(1, [0])
    threads = [guv.spawn(queue.put, i) for i in (1, 2, 3)]
    guv.gyield()
    queue.resize(3)
    guv.gyield()
    assert ([thread.ready() for thread in threads], list(queue.items)) == ([True, True, False], [0, 1, 2])
    queue.resize(None)
    assert threads[2].wait() is None
    queue.resize(1)
    assert (queue.qsize(), queue.full()) == (4, True)


def test_shutdown_wakesAllWithShutDown_andLetsTheItemsBeGot() -> None:
    queue: Queue[int] = Queue(1, [1])
    putter = guv.spawn(caught, queue.put, 2)
    empty: Queue[int] = Queue()
    getters = [guv.spawn(caught, empty.get), guv.spawn(caught, empty.peek)]
    guv.gyield()
    queue.shutdown()
    empty.shutdown()
    assert [thread.wait() for thread in (putter, *getters)] == ["ShutDown"] * 3
    assert (queue.get(), caught(queue.get), caught(queue.peek), caught(queue.put, 3)) == (
        1,
        "ShutDown",
        "ShutDown",
        "ShutDown",
    )
    assert list(queue) == []
    with pytest.raises(ShutDown):
        queue.get_nowait()


def test_shutdown_immediately_dropsTheItemsAndReleasesJoin() -> None:
    queue: Queue[int] = Queue(items=[1, 2])
    joiner = guv.spawn(queue.join)
    guv.gyield()
    queue.shutdown(immediate=True)
    assert joiner.wait()
    assert (queue.qsize(), caught(queue.get)) == (0, "ShutDown")


# ---- from the hub, and from code that must not yield


@pytest.mark.parametrize(
    "wait", [lambda: Event().wait(), lambda: Semaphore(0).acquire(), lambda: Queue().get(), lambda: Channel().put(1)]
)
def test_waitInACallbackOfTheHub_isRefused(
    wait: Callable[[], Any], hub: AbstractHub, capfd: pytest.CaptureFixture[str]
) -> None:
    hub.schedule_call_now(wait)
    guv.gyield()
    guv.gyield()
    assert "RuntimeError: a callback in the hub can't wait for" in capfd.readouterr().err


def test_wakingWithoutWaiting_neverYields() -> None:
    event, semaphore, queue = TEvent(), Semaphore(0), Queue[int]()
    threads: list[guv.GreenThread[Any]] = [
        guv.spawn(event.wait), guv.spawn(semaphore.acquire), guv.spawn(queue.get),
    ]  # fmt: skip
    guv.gyield()
    with assert_no_switches():
        event.set()
        semaphore.release()
        queue.put(1)
        assert not semaphore.acquire(blocking=False)
    assert [thread.wait() for thread in threads] == [True, True, 1]
