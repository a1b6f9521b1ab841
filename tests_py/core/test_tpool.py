"""Native threads for greenlets: `guv.tpool`, on both hubs."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import guv
from guv import tpool
from guv._originals import allocate_lock, get_ident, start_new_thread
from guv.greenthread import GreenletExit
from guv.hubs.abc import AbstractHub
from guv.hubs.current import drop_hub

Script = Callable[..., str]
pytestmark = pytest.mark.usefixtures("hub", "fresh_pool")


def fail(error: BaseException) -> None:
    raise error


# ---- execute


def test_execute_call_runsInAnotherThreadWhileOthersGoOn(gate: Any) -> None:
    caller = guv.spawn(tpool.execute, lambda *a, **k: (gate(), get_ident(), a, k), 1, b=2)
    gate.begun.wait()
    assert not caller.dead
    gate.open()
    _, ident, args, kwargs = caller.wait()
    assert ident != get_ident()
    assert (args, kwargs) == ((1,), {"b": 2})


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(3), StopIteration(5), GreenletExit("no")])
def test_execute_exception_isRaisedInTheCaller(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        tpool.execute(fail, error)
    assert caught.value is error
    assert any(entry.name == "fail" for entry in caught.traceback)


def test_execute_contextOfTheCaller_isSeenAndNotChanged() -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable")
    variable.set(1)
    assert tpool.execute(variable.get) == 1
    tpool.execute(variable.set, 2)
    assert variable.get() == 1


def test_execute_moreCallsThanThreads_areMadeInOrderByThatMany(gate: Any) -> None:
    tpool.set_num_threads(2)
    order: list[int] = []
    held = [guv.spawn(tpool.execute, gate) for _ in range(2)]
    rest = [guv.spawn(tpool.execute, order.append, n) for n in range(20)]
    gate.begun.wait()
    for _ in range(3):
        guv.gyield()
    assert tpool.default_pool().threads == 2
    assert order == []
    gate.open()
    for thread in held + rest:
        thread.wait()
    assert sorted(order) == list(range(20))
    assert tpool.default_pool().threads == 2


def test_execute_waiterKilledBeforeItsCallBegan_callIsNotMade(gate: Any) -> None:
    tpool.set_num_threads(1)
    made: list[int] = []
    held = guv.spawn(tpool.execute, gate)
    gate.begun.wait()
    waiters = [guv.spawn(tpool.execute, made.append, n) for n in range(3)]
    for _ in range(4):
        guv.gyield()
    waiters[1].kill()
    gate.open()
    for thread in (held, waiters[0], waiters[2]):
        thread.wait()
    assert made == [0, 2]


def test_execute_waiterKilledOrTimedOutDuringItsCall_goesOnAtOnceAndThePoolIsIntact(gate: Any) -> None:
    tpool.set_num_threads(2)
    first = guv.spawn(tpool.execute, gate)
    gate.begun.wait()
    first.kill()
    with pytest.raises(GreenletExit):
        first.wait()
    with guv.Timeout(0.001, False):
        tpool.execute(gate)
    gate.open()
    assert [tpool.execute(pow, 2, n) for n in range(9)] == [2**n for n in range(9)]


def test_execute_resultAndKillInOneTurn_deliverOne(gate: Any) -> None:
    for _ in range(50):
        caller = guv.spawn(tpool.execute, int)
        guv.gyield()
        caller.kill()
        try:
            assert caller.wait() == 0
        except GreenletExit:
            pass
    assert tpool.execute(int) == 0


def test_execute_withinAThreadOfThePool_isMadeThere() -> None:
    tpool.set_num_threads(1)
    here, inner = tpool.execute(lambda: (get_ident(), tpool.execute(lambda: tpool.execute(get_ident))))
    assert here == inner


def test_execute_inTheHub_isRefused(hub: AbstractHub) -> None:
    caught: list[BaseException] = []

    def callback() -> None:
        try:
            tpool.execute(int)
        except RuntimeError as error:
            caught.append(error)

    hub.schedule_call_now(callback)
    guv.gyield()
    guv.gyield()
    assert "callback in the hub" in str(caught[0])
    assert hub.jobs == 0


def test_execute_fromHubsOfSeveralThreads_eachGetsItsOwn(hub_kind: str) -> None:
    tpool.set_num_threads(3)
    got: dict[int, list[int]] = {}

    def other(n: int) -> None:
        threads = [guv.spawn(tpool.execute, pow, n, exponent) for exponent in range(20)]
        got[n] = [thread.wait() for thread in threads]
        drop_hub()

    threads = [threading.Thread(target=other, args=(n,)) for n in (2, 3, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        tpool.ThreadPoolExecutor(1).submit(thread.join).result()
    assert got == {n: [n**exponent for exponent in range(20)] for n in (2, 3, 5)}


def test_execute_hubIsGoneWhenTheCallEnds_disturbsNobody(gate: Any) -> None:
    ended = allocate_lock()
    ended.acquire()

    def other() -> None:
        guv.spawn(tpool.execute, gate)
        guv.gyield()
        guv.gyield()
        drop_hub()
        ended.release()

    start_new_thread(other, ())
    gate.begun.wait()
    ended.acquire()
    gate.open()
    assert tpool.execute(int) == 0


# ---- the pool's threads


def test_threads_idle_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tpool, "IDLE_SECONDS", 0.001)
    before = set(threading.enumerate())
    for _ in range(3):
        tpool.execute(threading.current_thread)
        with guv.Timeout(20):
            while tpool.default_pool().threads:
                guv.sleep(0.001)
    assert set(threading.enumerate()) == before


def test_killall_idleAndBusy_endWhenAllIsDone(gate: Any) -> None:
    tpool.set_num_threads(1)
    held, late = guv.spawn(tpool.execute, gate, 1), guv.spawn(tpool.execute, pow, 2, 3)
    gate.begun.wait()
    guv.gyield()
    tpool.killall()
    gate.open()
    assert (held.wait(), late.wait()) == (1, 8)
    with guv.Timeout(20):
        while tpool.default_pool().threads:
            guv.sleep(0.001)
    assert tpool.execute(int) == 0


def test_setNumThreads_moreWhileCallsWait_startsThreadsForThem(gate: Any, hub: AbstractHub) -> None:
    tpool.set_num_threads(1)
    held = guv.spawn(tpool.execute, gate)
    gate.begun.wait()
    waiting = guv.spawn(tpool.execute, pow, 2, 5)
    guv.gyield()
    guv.gyield()
    tpool.set_num_threads(2)
    assert waiting.wait() == 32
    gate.open()
    held.wait()
    tpool.set_num_threads(1)
    with guv.Timeout(20):
        while tpool.default_pool().threads > 1:
            guv.sleep(0.001)


def test_size_wrong_isRefused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="a thread at least, not 0"):
        tpool.set_num_threads(0)
    monkeypatch.setattr(tpool, "_pool", None)
    for wrong in ("0", "-1", "many"):
        monkeypatch.setenv("GUV_THREADPOOL_SIZE", wrong)
        with pytest.raises(ValueError, match="GUV_THREADPOOL_SIZE must be a number of threads from 1 on"):
            tpool.execute(int)
    monkeypatch.setenv("GUV_THREADPOOL_SIZE", "3")
    tpool.execute(int)
    assert tpool.default_pool().size == 3


def test_start_noThreadToBeHad_raisesAndLosesNothing(monkeypatch: pytest.MonkeyPatch, hub: AbstractHub) -> None:
    def none_left(*args: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(tpool, "start_new_thread", none_left)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            tpool.execute(int)
        assert hub.jobs == 0
        assert tpool.default_pool().threads == 0
    assert tpool.execute(int) == 0


# ---- Proxy


class Thing:
    """Something that blocks."""

    plain = 7

    def __init__(self) -> None:
        self.items = {1: "one"}
        self.entered = 0

    def where(self) -> int:
        return get_ident()

    def add(self, a: int, b: int = 0) -> int:
        return a + b

    def other(self) -> Thing:
        return Thing()

    def __getitem__(self, key: int) -> str:
        return self.items[key]

    def __setitem__(self, key: int, value: str) -> None:
        self.items[key] = value

    def __delitem__(self, key: int) -> None:
        del self.items[key]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[int]:
        return iter(self.items)

    def __contains__(self, key: object) -> bool:
        return key in self.items

    def __enter__(self) -> Thing:
        self.entered += 1
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.entered -= 1

    def __call__(self, n: int) -> int:
        return -n


def test_proxy_methods_runInThreadsAndAttributesDoNot() -> None:
    thing = Thing()
    proxy = tpool.Proxy(thing)
    assert proxy.where() != get_ident()
    assert proxy.where(nonblocking=True) == get_ident()
    assert proxy.add(1, b=2) == 3
    assert proxy(4) == -4
    assert proxy.plain == 7
    proxy.plain = 8
    assert thing.plain == 8
    del proxy.plain
    assert proxy.plain == 7
    with pytest.raises(AttributeError, match="nothing"):
        proxy.nothing  # noqa: B018
    with pytest.raises(TypeError):
        proxy.add()


def test_proxy_containerAndContextManager_behaveAsTheObject() -> None:
    thing = Thing()
    proxy = tpool.Proxy(thing)
    proxy[2] = "two"
    assert (proxy[1], proxy[2], len(proxy), list(proxy), 2 in proxy, 3 in proxy) == (
        "one",
        "two",
        2,
        [1, 2],
        True,
        False,
    )
    del proxy[2]
    with pytest.raises(KeyError):
        proxy[2]
    with proxy as entered:
        assert entered is proxy
        assert thing.entered == 1
    assert thing.entered == 0
    assert proxy == thing
    assert proxy == tpool.Proxy(thing)
    assert hash(proxy) == hash(thing)
    assert bool(proxy)
    assert repr(thing) in repr(proxy)
    assert str(proxy) == str(thing)


def test_proxy_autowrap_wrapsResultsByTypeAndByName() -> None:
    assert type(tpool.Proxy(Thing()).other()) is Thing
    by_type = tpool.Proxy(Thing(), autowrap=(Thing,)).other()
    assert isinstance(by_type, tpool.Proxy)
    assert isinstance(by_type.other(), tpool.Proxy)
    by_name = tpool.Proxy(Thing(), autowrap_names=("other",)).other()
    assert isinstance(by_name, tpool.Proxy)
    assert by_name.other().where() != get_ident()
    assert type(tpool.Proxy(Thing(), autowrap=(dict,)).other()) is Thing


def test_proxy_generator_isAdvancedInThreads() -> None:
    def idents() -> Iterator[int]:
        yield get_ident()
        yield get_ident()

    assert get_ident() not in list(tpool.Proxy(idents()))


# ---- processes


def test_tpool_patchedProgram_hasNativeThreads(script: Script) -> None:
    code = """
    import guv; guv.monkey_patch()
    import threading, time, concurrent.futures
    from guv import tpool
    ticks = []
    def tick():
        while True: ticks.append(1); time.sleep(0.001)
    threading.Thread(target=tick, daemon=True).start()
    from guv._originals import time_sleep
    assert tpool.execute(threading.get_native_id) != threading.get_native_id()
    tpool.execute(time_sleep, 0.05)
    assert len(ticks) > 3, ticks
    with tpool.ThreadPoolExecutor(3) as executor:
        made = [executor.submit(pow, 2, n) for n in range(9)]
        done, left = concurrent.futures.wait(made)
        assert not left and sorted(f.result() for f in concurrent.futures.as_completed(made)) == [2**n for n in range(9)]
    assert tpool.execute(lambda: (time.sleep(0.001), "a hub of its own")[1]) == "a hub of its own"
    """
    script(code)


def test_tpool_forkedChild_startsAfreshAndExits(script: Script) -> None:
    code = """
    import os, warnings
    import guv
    from guv import tpool
    warnings.simplefilter("ignore", DeprecationWarning)     # Python threads are there at the fork: that is the point
    executor = tpool.ThreadPoolExecutor(1)
    begun, end = os.pipe(), os.pipe()
    def held():
        os.write(begun[1], b"x"); os.read(end[0], 1)
    future = executor.submit(held)
    other = guv.spawn(tpool.execute, held)
    guv.trampoline(begun[0], 1)
    pid = os.fork()
    if not pid:
        assert tpool.default_pool().threads == 0
        assert tpool.execute(pow, 2, 3) == 8 and executor.submit(pow, 2, 4).result() == 16
        raise SystemExit(5)                                 # by way of atexit: nobody waits for the parent's futures
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    os.write(end[1], b"xx"); future.result(); other.wait()
    """
    script(code)
