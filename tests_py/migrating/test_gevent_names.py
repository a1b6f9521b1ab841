"""Names of gevent that programs use, with gevent's arguments: what only changes the package's name goes on working."""

from __future__ import annotations

import contextvars
import os
import signal
import threading
from typing import Any

import pytest

import guv
import guv.hub
from guv import monkey
from guv._originals import get_ident, start_new_thread, time_sleep
from guv.event import AsyncResult, Event
from guv.greenlet import Greenlet
from guv.hubs.abc import AbstractHub
from guv.lock import Semaphore
from guv.pool import Group, Pool
from guv.testing import MockClock
from guv.threadpool import ThreadPool, ThreadPoolExecutor
from guv.timeout import Timeout

pytestmark = pytest.mark.usefixtures("hub")


@pytest.fixture
def clock(hub: AbstractHub) -> Any:
    with MockClock(patch_time=False) as clock:
        yield clock


# ---- Greenlet


class Sleeper(Greenlet):
    def __init__(self, seconds: float) -> None:
        Greenlet.__init__(self)
        self.seconds = seconds

    def _run(self) -> str:
        guv.sleep(self.seconds)
        return "done"


def test_greenlet_subclassWithRun_startsLaterThanItIsMade() -> None:
    made = Sleeper(0)
    assert (made.started, made.ready(), bool(made)) == (False, False, False)
    made.start()
    made.start()
    assert made.started
    assert made.get(timeout=1) == "done"
    assert made.successful()


def test_greenlet_subclassThatOverridesRunItself_isJoined() -> None:
    class Own(Greenlet):
        def run(self, *args: int) -> int:
            return sum(args)

    class Below(Own):
        pass

    assert Own.spawn(None, 1, 2).get() == 3
    assert Below.spawn(None, 3).get() == 3


def test_greenlet_ofAFunction_hasItsArguments() -> None:
    made = Greenlet(lambda a, b: (a, b), 1, b=2)
    assert (made.args, made.kwargs) == ((1,), {"b": 2})
    made.start()
    assert made.get() == (1, 2)
    assert Greenlet.spawn(int, "3").get() == 3


def test_greenlet_later_runsThen(clock: MockClock) -> None:
    later = Greenlet.spawn_later(5, int, "3")
    other = Greenlet(int, "4")
    other.start_later(2)
    assert (later.started, other.get(), clock.time()) == (True, 4, 2)
    assert (later.get(), clock.time()) == (3, 5)


@pytest.mark.parametrize("start", [lambda g: None, Greenlet.start, lambda g: g.start_later(9)])
def test_greenlet_killedBeforeItRan_isDeadAndNeverRuns(start: Any) -> None:
    ran: list[int] = []
    made = Greenlet(ran.append, 1)
    told: list[Any] = []
    made.link(told.append)
    start(made)
    made.kill()
    made.start()
    guv.sleep(0)
    assert (ran, made.ready(), made.dead, told) == ([], True, True, [made])


def test_spawnLater_killed_isDead() -> None:
    thread = guv.spawn_later(100, int)
    thread.kill()
    assert thread.dead


def test_greenlet_isinstance_knowsWhatSpawnMakes() -> None:
    spawned = guv.spawn(int)
    assert isinstance(spawned, Greenlet)
    assert isinstance(Sleeper(0), Sleeper)
    assert not isinstance(spawned, Sleeper)
    assert not isinstance(guv.getcurrent(), Greenlet)


def test_greenlet_withoutAnythingToRun_isRefused() -> None:
    with pytest.raises(TypeError, match="something to run"):
        Greenlet()
    with pytest.raises(TypeError, match="can't be called"):
        Greenlet(3)  # type: ignore[arg-type]


def test_greenlet_startedInAnotherThread_runsWhereItWasMade() -> None:
    made = Greenlet(get_ident)
    start_new_thread(made.start, ())
    assert made.get(timeout=5) == get_ident()


def test_greenlet_seesTheContextOfItsStarter() -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)
    made = Greenlet(variable.get)
    variable.set(1)
    made.start()
    variable.set(2)
    assert made.get() == 1


# ---- kill


def stubborn(steps: list[str]) -> str:
    try:
        guv.sleep(100)
    except KeyError:
        steps.append("told")
        guv.sleep(0)
        guv.sleep(0)
        return "ended"
    return "slept"


def test_kill_withBlockFalse_doesNotYield() -> None:
    steps: list[str] = []
    thread = guv.spawn(stubborn, steps)
    guv.sleep(0)
    thread.kill(KeyError, block=False)
    assert steps == []
    guv.sleep(0)
    assert steps == ["told"]


@pytest.mark.parametrize("waits", [{"block": True}, {"timeout": 10}, {"block": True, "timeout": 10}])
def test_kill_withBlockOrTimeout_waitsForTheEnd(waits: dict[str, Any]) -> None:
    thread = guv.spawn(stubborn, [])
    guv.sleep(0)
    thread.kill(exception=KeyError, **waits)
    assert thread.value == "ended"


def test_kill_withoutThem_yieldsOnce() -> None:
    thread = guv.spawn(stubborn, [])
    guv.sleep(0)
    thread.kill(KeyError)
    assert not thread.ready()
    assert thread.get() == "ended"


def test_kill_ofItself_isRaisedAtOnce() -> None:
    def suicide() -> None:
        guv.getcurrent().kill(block=False)  # type: ignore[attr-defined]
        raise AssertionError

    thread = guv.spawn(suicide)
    thread.join()
    assert isinstance(thread.exception, guv.GreenletExit)


# ---- Timeout


def test_timeout_startedAfterItWasMade_countsFromThen(clock: MockClock) -> None:
    timeout = Timeout(2)
    guv.sleep(1)
    timeout.start()
    with pytest.raises(Timeout) as caught:
        guv.sleep(10)
    timeout.close()
    assert caught.value is timeout
    assert clock.time() == 3


# ---- events


def test_event_hasTheInterfaceOfThreading(clock: MockClock) -> None:
    event = Event[Any]()
    assert (event.is_set(), event.wait(1)) == (False, None)
    threads = [guv.spawn(event.wait) for _ in range(2)]
    guv.sleep(0)
    event.set()
    event.set()
    assert [thread.get() for thread in threads] == [True, True]
    assert (event.is_set(), event.isSet(), event.wait()) == (True, True, True)
    event.clear()
    event.clear()
    assert not event.is_set()


def test_event_setAfterSend_keepsWhatWasSent() -> None:
    event = Event[int]()
    event.send(5)
    event.set()
    assert event.wait() == 5


def test_asyncResult_hasTheNamesOfFutures() -> None:
    result = AsyncResult[str]()
    assert (result.done(), result.cancelled(), result.cancel()) == (False, False, False)
    guv.spawn(result.set_result, "x")
    assert (result.result(timeout=1), result.done()) == ("x", True)
    with pytest.raises(Timeout):
        AsyncResult[int]().result(timeout=0.001)


def test_semaphore_wait_takesNoPermit() -> None:
    semaphore = Semaphore(0)
    assert semaphore.wait(timeout=0.001) == 0
    waiting = guv.spawn(semaphore.wait)
    guv.sleep(0)
    semaphore.release()
    assert (waiting.get(), semaphore.counter, semaphore.wait()) == (1, 1, 1)
    assert semaphore._links == []


# ---- pools


def test_pool_withoutASize_isUnbounded() -> None:
    pool = Pool()
    for _ in range(1500):
        pool.spawn(guv.sleep, 0)
    assert (len(pool), pool.full()) == (1500, False)
    pool.join()
    assert len(pool) == 0


def test_pool_startsGreenletsThatWereMade() -> None:
    pool = Pool(1)
    first, second = Greenlet(guv.sleep, 0), Greenlet(int, "5")
    pool.start(first)
    pool.start(second)  # waits for the first
    assert first.ready()
    assert second.get() == 5


def test_pool_ofAClass_makesThose() -> None:
    class Named(Greenlet):
        pass

    pool = Pool(2, greenlet_class=Named)
    made = pool.spawn(int, "3")
    assert isinstance(made, Named)
    assert made.get() == 3
    assert pool.map(abs, [-1, -2, -3]) == [1, 2, 3]


def test_group_killone_killsThatOne() -> None:
    group = Group()
    one, two = group.spawn(guv.sleep, 100), group.spawn(guv.sleep, 100)
    assert group.killone(one)
    assert (one.ready(), two.ready(), len(group)) == (True, False, 1)
    assert group.killone(one)
    assert group.kill(block=True, timeout=1)


def test_pool_mapAsync_callsBack() -> None:
    got: list[Any] = []
    Pool(2).map_async(abs, [-1, -2], callback=got.append).get()
    guv.sleep(0)
    assert got == [[1, 2]]


# ---- threads and signals


def test_threadPool_makesCallsInNativeThreads(hub: AbstractHub) -> None:
    pool = ThreadPool(2)
    assert pool.maxsize == 2
    idents = pool.map(lambda _: get_ident(), range(4))
    assert get_ident() not in idents
    thread = pool.spawn(divmod, 7, 2)
    assert (thread.get(timeout=5), pool.apply(len, ("abc",)), sorted(pool.imap_unordered(abs, [-1, 2]))) == (
        (3, 1),
        3,
        [1, 2],
    )
    with pytest.raises(ZeroDivisionError):
        pool.apply(divmod, (1, 0))
    for _ in range(3):
        pool.spawn(time_sleep, 0.001)
    pool.join()
    assert len(pool) == 0
    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(abs, -3).result() == 3


def test_hub_hasAThreadpool() -> None:
    pool = guv.get_hub().threadpool  # type: ignore[attr-defined]
    assert pool is guv.hub.get_hub().threadpool  # type: ignore[attr-defined]
    assert pool.apply(abs, (-5,)) == 5
    assert pool.spawn(get_ident).get() != get_ident()


def test_signalHandler_runsInAGreenthreadAndMayYield() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    told = AsyncResult[Any]()

    def handler(*args: int, **kwargs: int) -> None:
        guv.sleep(0)
        told.set((args, kwargs))

    watcher = guv.signal_handler(signal.SIGUSR1, handler, 1, two=2)
    os.kill(os.getpid(), signal.SIGUSR1)
    assert told.get(timeout=5) == ((1,), {"two": 2})
    watcher.cancel()
    assert signal.getsignal(signal.SIGUSR1) is before
    watcher.cancel()
    with pytest.raises(TypeError, match="callable"):
        guv.signal_handler(signal.SIGUSR1, 3)  # type: ignore[arg-type]


def test_signalHandler_cancelledAfterAnotherWasInstalled_leavesThat() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    first = guv.signal_handler(signal.SIGUSR1, int)
    second = guv.signal_handler(signal.SIGUSR1, int)
    first.cancel()
    assert signal.getsignal(signal.SIGUSR1) == second._arrived
    second.cancel()
    signal.signal(signal.SIGUSR1, before)


def test_hub_hasTheSmallNames() -> None:
    order: list[int] = []
    guv.spawn_raw(order.append, 1)
    guv.idle()
    guv.reinit()
    assert order == [1]
    assert guv.hub.LoopExit is guv.exceptions.DeadlockError
    assert guv.getcurrent() is guv.hub.getcurrent()


# ---- monkey


def test_monkey_getOriginal_givesNativeThings() -> None:
    allocate, ident = monkey.get_original("_thread", ["allocate_lock", "get_ident"])
    assert ident() == get_ident()
    assert allocate().acquire(False)
    assert monkey.get_original("threading", "Thread") is not threading.Thread
    assert not monkey.is_module_patched("json")
    assert not monkey.is_object_patched("socket", "nothing")
