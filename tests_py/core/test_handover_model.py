"""Queues and semaphores against a model: kills, timeouts and hand-overs at every step lose and duplicate nothing.

Each operation runs in a greenthread of its own, under a clock that the test moves. A kill is thrown in by the hub, so it can
meet a hand-over or an expiry in one and the same turn, which is where items and permits get lost.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

import guv
from guv.greenthread import GreenThread, throw
from guv.hubs import get_hub
from guv.hubs.abc import AbstractHub
from guv.queue import Channel, Empty, Full, LifoQueue, LightQueue, PriorityQueue, Queue, ShutDown, SimpleQueue
from guv.semaphore import BoundedSemaphore, CappedSemaphore, Semaphore
from guv.testing import MockClock

QUICK = settings(
    max_examples=40,
    stateful_step_count=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
THOROUGH = settings(QUICK, max_examples=1500, stateful_step_count=60)

TIMEOUTS = st.sampled_from([None, None, 1, 2])


class Machine(RuleBasedStateMachine):
    """Greenthreads that do one operation each."""

    clock: MockClock

    def __init__(self) -> None:
        super().__init__()
        self.workers: list[tuple[GreenThread[Any], str]] = []
        self.disturbed = False  # whether a kill or an expiry may have changed the order

    def teardown(self) -> None:
        self.settle()
        for worker, _ in self.workers:
            throw_soon(worker)
        self.run_all()
        assert not [w for w, _ in self.workers if not w.ready()], "killed greenlets must end"
        self.check()

    def start(self, what: str, func: Callable[..., Any], *args: Any) -> None:
        self.workers.append((guv.spawn(func, *args), what))

    def run_all(self) -> None:
        for _ in range(4):
            guv.gyield()

    @rule()
    def one_turn(self) -> None:
        guv.gyield()

    @rule()
    def settle(self) -> None:
        self.run_all()
        self.check()

    @rule(seconds=st.sampled_from([0.5, 1]))
    def time_passes(self, seconds: float) -> None:
        self.disturbed = True
        self.clock.jump(seconds)

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def kill(self, data: st.DataObject) -> None:
        living = [worker for worker, _ in self.workers if not worker.ready()]
        if living:
            self.disturbed = True
            throw_soon(data.draw(st.sampled_from(living)))

    def first_of(self, notes: deque[Any]) -> GreenThread[Any] | None:
        """Who will be served next."""
        return notes[0][0] if notes else None

    def kill_in_this_turn(self, worker: GreenThread[Any] | None) -> None:
        """Right after it was handed something, before it runs."""
        if worker is not None:
            self.disturbed = True
            throw_soon(worker)

    def check(self) -> None:
        raise AssertionError("a machine says what must hold")


def throw_soon(worker: GreenThread[Any]) -> None:
    get_hub().calls.append(partial(throw, worker))


QUEUES: list[tuple[Callable[..., Any], bool]] = [
    (LightQueue, True), (Queue, True), (PriorityQueue, True), (LifoQueue, True), (SimpleQueue, False), (Channel, False),
]  # fmt: skip


class QueueMachine(Machine):
    @initialize(queue=st.sampled_from(QUEUES), size=st.sampled_from([None, 0, 1, 2, 5, 6]))
    def make(self, queue: tuple[Callable[..., Any], bool], size: int | None) -> None:
        self.queue: LightQueue[int] = queue[0](size) if queue[1] else queue[0]()
        self.limit = self.queue.maxsize
        self.next = 0
        self.accepted: list[int] = []  # put() returned
        self.refused: set[int] = set()  # put() raised Full or ShutDown
        self.got: list[int] = []
        self.waited: list[tuple[int, int]] = []  # which get() took what after it had waited, numbered as they came
        self.at_once: list[int] = []  # what was taken by those who did not have to
        self.gets = 0
        self.dropped = False

    def put_one(self, block: bool, timeout: float | None) -> None:
        self.next += 1  # in the order in which they come to put(), not in which they were spawned
        item = self.next
        try:
            self.queue.put(item, block, timeout)
        except (Full, ShutDown):
            self.refused.add(item)
            raise
        self.accepted.append(item)

    def get_one(self, block: bool, timeout: float | None) -> None:
        self.gets += 1
        number = self.gets
        waits = not self.queue.items and not (self.queue._putters and self.queue._free <= 0)
        assert waits or not (self.queue._getters and self.queue._getters.idle), "somebody would be overtaken"
        item = self.queue.get(block, timeout)
        self.got.append(item)
        if waits:
            self.waited.append((number, item))
        else:
            self.at_once.append(item)

    def peek_one(self, timeout: float | None) -> None:
        assert self.queue.peek(True, timeout) >= 0

    @rule(timeout=TIMEOUTS)
    def put(self, timeout: float | None) -> None:
        self.start("put", ignoring, self.put_one, True, timeout)

    @rule(timeout=TIMEOUTS)
    def get(self, timeout: float | None) -> None:
        self.start("get", ignoring, self.get_one, True, timeout)

    @rule(timeout=TIMEOUTS)
    def peek(self, timeout: float | None) -> None:
        self.start("peek", ignoring, self.peek_one, timeout)

    @rule(kill=st.booleans())
    def put_now(self, kill: bool) -> None:
        first = self.first_of(self.queue._getters)
        ignoring(self.put_one, False, None)
        if kill:
            self.kill_in_this_turn(first)

    @rule(kill=st.booleans())
    def get_now(self, kill: bool) -> None:
        self.disturbed = True  # it may come between two that are waiting to run
        first = self.first_of(self.queue._putters)
        ignoring(self.get_one, False, None)
        if kill:
            self.kill_in_this_turn(first)

    @rule(size=st.sampled_from([None, 1, 2, 6]))
    def resize(self, size: int | None) -> None:
        if not isinstance(self.queue, Channel | SimpleQueue):
            self.limit = None if size is None or self.limit is None else max(self.limit, size)
            self.queue.resize(size)

    @precondition(lambda self: self.next > 8)
    @rule(immediate=st.booleans())
    def shutdown(self, immediate: bool) -> None:
        self.disturbed = True
        self.dropped = self.dropped or immediate
        self.queue.shutdown(immediate)

    def check(self) -> None:
        queue = self.queue
        items = sorted(queue.items)
        assert len(set(self.got)) == len(self.got), "an item was got twice"
        assert not set(self.got) & set(items), "an item was got and is still there"
        assert not self.refused & {*self.got, *items}, "an item was refused and put"
        if not self.dropped:
            assert set(self.accepted) <= {*self.got, *items}, "an item is lost"
            assert queue.unfinished_tasks == len(self.got) + len(items)
        if not queue.is_shutdown:
            assert queue._free == (math.inf if queue.maxsize is None else queue.maxsize - len(items))
        getting = [w for w, what in self.workers if what in ("get", "peek") and not w.ready()]
        putting = [w for w, what in self.workers if what == "put" and not w.ready()]
        assert queue.getting() == len(getting)
        assert queue.putting() == len(putting)
        for line in queue._getters, queue._putters:
            assert not line.coming, "somebody was served and does not run"
            assert line.idle or not line, "nobody will wake those who wait"
        assert not (getting and items), "somebody waits for an item that is there"
        assert not (getting and putting), "a put and a get wait for each other"
        assert not (putting and not queue.full()), "somebody waits for a place that is there"
        if not self.disturbed:
            numbers = [number for number, _ in self.waited]
            assert numbers == sorted(numbers), "a waiting get was overtaken by another one"
            if self.limit is not None:
                assert len(items) <= self.limit
            if not isinstance(queue, LifoQueue | PriorityQueue):
                # those who wait are handed theirs before they run, and others may take the following ones meanwhile
                for taken in self.at_once, [item for _, item in self.waited]:
                    assert taken == sorted(taken), "an item was overtaken"


def ignoring(func: Callable[..., object], *args: Any) -> None:
    try:
        func(*args)
    except (Full, Empty, ShutDown):
        pass


class SemaphoreMachine(Machine):
    @initialize(value=st.integers(0, 3), kind=st.sampled_from([Semaphore, BoundedSemaphore, CappedSemaphore]))
    def make(self, value: int, kind: type[Semaphore]) -> None:
        self.first = value
        self.semaphore = CappedSemaphore(value, value + 1) if kind is CappedSemaphore else kind(value)
        self.number = 0
        self.holders: list[int] = []
        self.waited: list[int] = []  # those of them who found no permit at first
        self.released = 0  # by those who do not hold one

    def acquire_one(self, timeout: float | None) -> None:
        self.number += 1
        number = self.number
        waits = self.semaphore.locked()
        if self.semaphore.acquire(timeout=timeout):
            self.holders.append(number)
            if waits:
                self.waited.append(number)

    def release_one(self) -> None:
        self.semaphore.release()
        self.released += 1

    @rule(timeout=TIMEOUTS)
    def acquire(self, timeout: float | None) -> None:
        self.start("acquire", self.acquire_one, timeout)

    @rule()
    def acquire_now(self) -> None:
        self.number += 1
        waiting = [w for w, what in self.workers if what == "acquire" and not w.ready() and w.started]
        if self.semaphore.acquire(blocking=False):
            self.holders.append(self.number)
            assert self.disturbed or not [w for w in waiting if w in self.parked()], "a waiter was overtaken"

    def parked(self) -> list[GreenThread[Any]]:
        return [note[0] for note in self.semaphore._waiters]

    @rule(kill=st.booleans())
    def release(self, kill: bool) -> None:
        first = self.first_of(self.semaphore._waiters)
        if isinstance(self.semaphore, CappedSemaphore):
            self.start("release", self.release_one)
        elif isinstance(self.semaphore, BoundedSemaphore) and len(self.holders) <= self.released:
            return
        else:
            self.release_one()
            if kill:
                self.kill_in_this_turn(first)

    def check(self) -> None:
        semaphore = self.semaphore
        acquiring = [w for w, what in self.workers if what == "acquire" and not w.ready()]
        releasing = [w for w, what in self.workers if what == "release" and not w.ready()]
        assert semaphore.counter >= 0
        assert not (acquiring and semaphore.counter), "somebody waits for a permit that is there"
        if isinstance(semaphore, CappedSemaphore):
            assert semaphore.counter <= semaphore.limit, "there is no room for that many permits"
            waiting_for_room = releasing or semaphore._aside
            assert not (waiting_for_room and semaphore.counter < semaphore.limit), "a permit waits though there is room"
            given = semaphore.counter + semaphore._aside + len(self.holders) - self.first
            # one that was killed in the turn in which its permit was taken has given it
            assert given == self.released or (self.disturbed and given > self.released), "a permit is lost or invented"
        else:
            assert semaphore.counter + len(self.holders) == self.first + self.released, "a permit is lost or invented"
        if not self.disturbed:
            assert self.waited == sorted(self.waited), "a waiter was overtaken"


MACHINES: list[type[Machine]] = [QueueMachine, SemaphoreMachine]


def run(machine: type[Machine], how: settings) -> None:
    with MockClock(autojump_threshold=math.inf, patch_time=False) as machine.clock:
        run_state_machine_as_test(machine, settings=how)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("machine", MACHINES)
def test_handOver_killsAndTimeoutsAtEveryStep_loseAndDuplicateNothing(machine: type[Machine], hub: AbstractHub) -> None:
    run(machine, QUICK)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.guv(deadline=600)
@pytest.mark.parametrize("machine", MACHINES)
def test_handOver_manyMoreSteps_loseAndDuplicateNothing(machine: type[Machine], hub: AbstractHub) -> None:
    run(machine, THOROUGH)
