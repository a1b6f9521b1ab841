"""Pools, piles, groups, and pools of things."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from greenlet import GreenletExit

import guv
from guv import GreenMap, GreenPile, GreenPool, Group
from guv.hubs.abc import AbstractHub
from guv.pools import Pool, TokenPool
from guv.queue import Empty
from guv.testing import MockClock


@pytest.fixture(autouse=True)
def clock(hub: AbstractHub) -> Iterator[MockClock]:
    with MockClock(patch_time=False) as made:
        yield made


class Workers:
    """Counts how many run at once."""

    def __init__(self) -> None:
        self.now = self.most = 0

    def work(self, value: int, seconds: float = 1) -> int:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            guv.sleep(seconds)
        finally:
            self.now -= 1
        return value


def test_greenPool_runsAtMostItsSize() -> None:
    workers, pool = Workers(), GreenPool(3)
    threads = [pool.spawn(workers.work, i) for i in range(10)]
    assert pool.running() == 1  # the last call had to wait for all but one
    pool.waitall()
    assert [thread.value for thread in threads] == list(range(10))
    assert (workers.most, pool.running(), pool.free(), pool.waiting()) == (3, 0, 3, 0)


def test_greenPool_servesCallersInOrder_andCountsThem() -> None:
    pool, order = GreenPool(1), list[int]()
    pool.spawn(guv.sleep, 1)
    callers = [guv.spawn(pool.spawn, order.append, i) for i in range(4)]
    guv.gyield()
    assert (pool.waiting(), pool.free(), pool.full()) == (4, 0, True)
    guv.joinall(callers)
    pool.waitall()
    assert order == [0, 1, 2, 3]


def test_greenPool_callerKilledWhileItWaitsOrHasBeenServed_losesNoPlace() -> None:
    pool = GreenPool(1)
    first = pool.spawn(guv.sleep, 1)
    waiting, served = guv.spawn(pool.spawn, int), guv.spawn(pool.spawn, int)
    guv.gyield()
    waiting.kill()
    first.link(lambda ended: guv.hubs.get_hub().calls.append(served.kill))  # in the turn in which it is given the place
    pool.waitall()
    guv.sleep(1)
    assert (pool.free(), pool.waiting(), pool.running()) == (1, 0, 0)
    assert pool.apply(max, (1, 2)) == 2


def test_greenPool_shrunk_givesFreedPlacesToNobody() -> None:
    workers, pool = Workers(), GreenPool(4)
    for _ in range(4):
        pool.spawn(workers.work, 0)
    callers = [guv.spawn(pool.spawn, workers.work, 0, 1) for _ in range(3)]
    guv.gyield()
    pool.resize(1)
    assert (pool.free(), pool.waiting(), pool.running()) == (0, 3, 4)
    guv.sleep(1.5)
    assert (workers.now, pool.running(), pool.waiting()) == (1, 1, 2)
    workers.most = 0
    guv.joinall(callers)
    pool.waitall()
    assert workers.most == 1
    assert pool.free() == 1


def test_greenPool_grown_letsWaitingCallersGoOn() -> None:
    pool = GreenPool(0)
    callers = [guv.spawn(pool.spawn, guv.sleep, 1) for _ in range(3)]
    guv.gyield()
    assert (pool.running(), pool.waiting()) == (0, 3)
    pool.resize(2)
    guv.sleep(0.5)
    assert (pool.running(), pool.waiting()) == (2, 1)
    guv.joinall(callers)
    pool.waitall()


def test_greenPool_spawnFromWithinAFullPool_isCalledInLine() -> None:
    pool, log = GreenPool(1), list[Any]()

    def inner() -> int:
        log.append("inner")
        return 5

    def outer() -> int:
        thread = pool.spawn(inner)
        log.append(("over", thread.ready()))
        return thread.wait()

    assert pool.spawn(outer).wait() == 5
    assert log == ["inner", ("over", True)]


def test_greenPool_killWhileACallIsMadeInLine_endsTheCaller() -> None:
    pool = GreenPool(1)
    outer = pool.spawn(lambda: pool.spawn(guv.sleep, 60))
    guv.sleep(1)
    outer.kill()
    assert isinstance(outer.exception, GreenletExit)
    assert pool.free() == 1


def test_waitall_fromWithin_isRefused() -> None:
    pool = GreenPool(2)
    with pytest.raises(AssertionError, match="for itself"):
        pool.spawn(pool.waitall).wait()


def test_greenPool_errors_areReportedUnlessSomebodyWaits(capfd: pytest.CaptureFixture[str]) -> None:
    pool = GreenPool(2)
    pool.spawn_n(int, "nobody waits")
    pool.waitall()
    assert "nobody waits" in capfd.readouterr().err
    with pytest.raises(ValueError):
        pool.spawn(int, "somebody waits").wait()
    assert capfd.readouterr().err == ""
    assert pool.free() == 2


@pytest.mark.parametrize("size", [-1, 1.5, "3"])
def test_greenPool_ofNoSize_isRefused(size: Any) -> None:
    with pytest.raises(ValueError, match="number of greenthreads"):
        GreenPool(size)
    with pytest.raises(ValueError, match="number of greenthreads"):
        GreenPool(1).resize(size)


# ---- many calls


@pytest.mark.parametrize("make", [lambda: GreenPool(2), lambda: GreenPool(100), Group])
def test_imapStarmapAndMap_giveResultsInOrder_imapUnorderedAsTheyCome(make: Any) -> None:
    pool = make()
    seconds = [0.3, 0.1, 0.2]

    def nap(time: float, factor: int = 1) -> float:
        guv.sleep(time)
        return time * factor

    assert list(pool.imap(nap, seconds)) == seconds
    assert list(pool.imap(nap, seconds, [1, 1, 1])) == seconds
    assert list(pool.starmap(nap, [(s, 1) for s in seconds])) == seconds
    assert pool.map(nap, seconds) == seconds
    assert pool.map_async(nap, seconds).wait() == seconds
    assert sorted(pool.imap_unordered(nap, seconds)) == sorted(seconds)
    assert next(iter(pool.imap_unordered(nap, [0.3, 0.1]))) == 0.1
    assert list(pool.imap(nap, [])) == []


def test_imap_readsNoFurtherAheadThanThePoolIsLarge() -> None:
    pool, read = GreenPool(2), list[int]()

    def source() -> Iterator[int]:
        for i in range(100):
            read.append(i)
            yield i

    results = pool.imap(int, source())
    guv.sleep(1)
    assert len(read) == 3
    assert next(results) == 0
    guv.sleep(1)
    assert len(read) == 4


def test_imap_errorOfOneCall_isRaisedInItsPlace_andTheNextOneGoesOn(capfd: pytest.CaptureFixture[str]) -> None:
    results = GreenPool(2).imap(lambda x: 6 // x, [1, 0, 2])
    assert next(results) == 6
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(results) == [3]
    assert capfd.readouterr().err == ""


def test_imap_errorOfTheIterable_isRaisedAfterTheResultsBeforeIt() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise OSError("source")

    results = GreenPool(2).imap(int, source())
    assert next(results) == 1
    with pytest.raises(OSError, match="source"):
        next(results)
    with pytest.raises(StopIteration):
        next(results)


def test_imap_thatIsForgotten_makesNoMoreCalls() -> None:
    made = list[int]()
    results = GreenPool(2).imap(made.append, range(100))
    next(results)
    del results
    gc.collect()
    guv.sleep(1)
    before = len(made)
    guv.sleep(1)
    assert len(made) == before < 10


def test_applyAsync_callsBackWithTheResult() -> None:
    seen = list[int]()
    GreenPool(1).apply_async(max, (1, 2), callback=seen.append).wait()
    assert seen == [2]
    assert Group().apply(int, ("7",), {"base": 8}) == 7


def test_greenPile_givesResultsInTheOrderOfTheCalls() -> None:
    workers = Workers()
    pile = GreenPile(2)
    for i in range(5):
        pile.spawn(workers.work, i, 1 / (i + 1))
    assert list(pile) == list(range(5))
    assert workers.most == 2


def test_greenMap_endsAfterDoneSpawning() -> None:
    pool = GreenPool(2)
    results: GreenMap = GreenMap(pool)

    def feed() -> None:
        for i in range(5):
            results.spawn(int, i)
        results.done_spawning()

    guv.spawn(feed)
    assert list(results) == list(range(5))


# ---- groups


def test_group_joinAndKill_concernWhoIsInIt() -> None:
    group = Group()
    threads = [group.spawn(guv.sleep, seconds) for seconds in (1, 2, 60)]
    outside = guv.spawn(guv.sleep, 60)
    group.discard(threads[2])
    group.add(outside)
    assert (len(group), outside in group, threads[2] in group) == (3, True, False)
    assert not group.join(timeout=3)
    assert list(group) == [outside]
    assert group.kill()
    assert group.join()
    assert isinstance(outside.exception, GreenletExit)
    assert not threads[2].ready()
    threads[2].kill()


def test_group_joinWithRaiseError_raisesAFailure() -> None:
    group = Group()
    group.spawn(int, "no number")
    with pytest.raises(ValueError):
        group.join(raise_error=True)


def test_greenPool_killAndJoin_workAsAGroups() -> None:
    pool = GreenPool(2)
    thread = pool.spawn(guv.sleep, 60)
    assert not pool.join(timeout=1)
    assert pool.kill()
    assert pool.join()
    assert thread.ready()
    assert pool.free() == 2


# ---- pools of things


class Things(Pool[int]):
    made = 0

    def create(self) -> int:
        self.made += 1
        return self.made


def test_pool_makesThingsWhenTheyAreNeeded_andLendsThemAgain() -> None:
    pool = Things(max_size=2)
    a, b = pool.get(), pool.get()
    assert (a, b, pool.free(), pool.waiting()) == (1, 2, 0, 0)
    pool.put(a)
    assert pool.free() == 1
    with pool.item() as again:
        assert again == a
    assert pool.made == 2


@pytest.mark.parametrize(("stack", "expected"), [(False, 1), (True, 2)])
def test_pool_lendsTheOneThatRestedLongest_orTheLastUsedAsAStack(stack: bool, expected: int) -> None:
    pool = Things(min_size=2, order_as_stack=stack)
    a, b = pool.get(), pool.get()
    for item in sorted((a, b)):
        pool.put(item)
    assert pool.get() == expected


def test_pool_givesToWaitersInOrder_andAKilledOneLosesNothing(clock: MockClock) -> None:
    pool = Things(max_size=1)
    item = pool.get()
    with pytest.raises(Empty):
        pool.get(timeout=1)
    waiters = [guv.spawn(pool.get) for _ in range(3)]
    guv.gyield()
    assert pool.waiting() == 3
    pool.put(item)
    waiters[0].kill()  # after it was handed the item
    assert waiters[1].wait() == item
    assert not waiters[2].ready()
    waiters[2].kill()
    pool.put(item)
    assert pool.free() == 1


def test_pool_whoseCreateFails_letsAnotherTry() -> None:
    def create() -> str:
        guv.sleep(1)
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("refused")
        return "made"

    attempts = list[int]()
    pool: Pool[str] = Pool(max_size=1, create=create)
    first, second = guv.spawn(pool.get), guv.spawn(pool.get)
    with pytest.raises(OSError, match="refused"):
        first.wait()
    assert second.wait() == "made"
    assert pool.current_size == 1


def test_pool_discardAndResize_makeRoomForAWaiter() -> None:
    pool = Things(max_size=1)
    pool.get()
    waiters = [guv.spawn(pool.get) for _ in range(2)]
    guv.gyield()
    pool.discard()
    assert waiters[0].wait() == 2
    pool.resize(2)
    assert waiters[1].wait() == 3
    pool.resize(1)
    pool.put(3)
    assert (pool.current_size, pool.free()) == (1, 0)


def test_pool_placeOfADiscardedItem_isForWhoHasWaitedLongest() -> None:
    pool = Pool(max_size=1, create=object)
    first = pool.get()
    waiting = guv.spawn(pool.get)
    guv.gyield()
    pool.discard()
    with pytest.raises(Empty):
        pool.get(timeout=0.001)  # it comes last, though it asks before the other one runs
    assert waiting.wait() is not first
    assert (pool.current_size, pool.free()) == (1, 0)


def test_pool_placeOfAWaiterThatIsKilledWithIt_isNotLost() -> None:
    pool = Pool(max_size=1, create=object)
    pool.get()
    waiting = guv.spawn(pool.get)
    guv.gyield()
    pool.discard()
    waiting.kill()
    assert (pool.current_size, pool.free(), pool.free_items) == (1, 1, [])
    pool.get()
    assert (pool.current_size, pool.free()) == (1, 0)


def test_pool_withoutCreate_saysWhatIsMissing() -> None:
    with pytest.raises(TypeError, match="create="):
        Pool[int]().get()
    with pytest.raises(ValueError, match="min_size"):
        Pool[int](3, 2)
    assert TokenPool(max_size=1).get() is not None
