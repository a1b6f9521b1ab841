"""Task groups and shields, by a clock that jumps when everybody waits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from greenlet import GreenletExit

import guv
from guv import Cancelled, TaskGroup, Timeout, shield
from guv.exceptions import WrongThreadError
from guv.hubs.abc import AbstractHub
from guv.testing import MockClock

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup, ExceptionGroup


@pytest.fixture(autouse=True)
def clock(hub: AbstractHub) -> Iterator[MockClock]:
    with MockClock(patch_time=False) as made:
        yield made


class Log(list[Any]):
    """Greenthreads that say what became of them."""

    def nap(self, seconds: float, name: str) -> str:
        try:
            guv.sleep(seconds)
        except BaseException as error:
            self.append((name, type(error).__name__))
            raise
        self.append(name)
        return name

    def fail(self, seconds: float, error: BaseException) -> None:
        guv.sleep(seconds)
        raise error


@pytest.fixture
def log() -> Log:
    return Log()


def test_block_ends_after_all_children_and_gives_their_results(log: Log, clock: MockClock) -> None:
    with TaskGroup() as group:
        a = group.spawn(log.nap, 2, "a")
        b = group.spawn(log.nap, 1, "b")
        log.append(len(group))
    assert log == [2, "b", "a"]
    assert (a.value, b.value, clock.time()) == ("a", "b", 2)


def test_group_without_children_ends_at_once() -> None:
    with TaskGroup() as group:
        pass
    assert not len(group)
    assert not group.cancelled


def test_child_spawns_into_the_group_that_the_block_waits_for(log: Log) -> None:
    def parent(group: TaskGroup) -> None:
        guv.sleep(1)
        group.spawn(log.nap, 5, "grandchild")
        log.append("child")

    with TaskGroup() as group:
        group.spawn(parent, group)
    assert log == ["child", "grandchild"]


def test_first_error_cancels_siblings_and_block_and_is_raised_as_it_is(log: Log, clock: MockClock) -> None:
    error = KeyError("first")
    with pytest.raises(KeyError) as caught, TaskGroup() as group:
        group.spawn(log.nap, 60, "sibling")
        group.spawn(log.fail, 1, error)
        log.nap(60, "block")
    assert caught.value is error
    assert error.__context__ is None
    assert log == [("sibling", "Cancelled"), ("block", "Cancelled")]
    assert clock.time() == 1


def test_error_of_the_block_cancels_the_children_and_is_raised(log: Log) -> None:
    with pytest.raises(ZeroDivisionError), TaskGroup() as group:
        group.spawn(log.nap, 60, "child")
        guv.sleep(1)
        raise ZeroDivisionError
    assert log == [("child", "Cancelled")]


def test_several_errors_are_raised_as_one_group(log: Log) -> None:
    with pytest.raises(ExceptionGroup) as caught, TaskGroup() as group:
        group.spawn(log.fail, 1, KeyError(1))
        group.spawn(log.fail, 1, ValueError(2))
    assert [type(error) for error in caught.value.exceptions] == [KeyError, ValueError]


def test_error_while_cancelled_joins_the_group(log: Log) -> None:
    def clean_up_badly() -> None:
        try:
            guv.sleep(60)
        finally:
            raise OSError("while cleaning up")

    with pytest.raises(ExceptionGroup) as caught, TaskGroup() as group:
        group.spawn(clean_up_badly)
        guv.sleep(1)
        raise KeyError("block")
    assert [type(error) for error in caught.value.exceptions] == [KeyError, OSError]


def test_timeout_that_a_child_lets_out_is_an_error_in_a_base_group(log: Log) -> None:
    with pytest.raises(BaseExceptionGroup) as caught, TaskGroup() as group:
        group.spawn(log.fail, 1, Timeout())
        group.spawn(log.fail, 1, KeyError(2))
    assert [type(error) for error in caught.value.exceptions] == [Timeout, KeyError]


def test_block_that_waits_for_the_failing_child_raises_the_error_once(log: Log) -> None:
    error = KeyError("once")
    with pytest.raises(KeyError) as caught, TaskGroup() as group:
        group.spawn(log.fail, 1, error).wait()
    assert caught.value is error


def test_block_that_waits_for_a_cancelled_child_raises_the_error_that_cancelled_it(log: Log) -> None:
    with pytest.raises(KeyError), TaskGroup() as group:
        slow = group.spawn(log.nap, 60, "slow")
        group.spawn(log.fail, 1, KeyError())
        slow.wait()


def test_killed_child_is_no_error(log: Log) -> None:
    with TaskGroup() as group:
        child = group.spawn(log.nap, 60, "killed")
        group.spawn(log.nap, 2, "other")
        guv.sleep(1)
        child.kill()
    assert log == [("killed", "GreenletExit"), "other"]
    assert not group.cancelled


def test_cancel_ends_children_and_block_without_an_error(log: Log, clock: MockClock) -> None:
    with TaskGroup() as group:
        started = group.spawn(log.nap, 60, "started")
        guv.sleep(1)
        unstarted = group.spawn(log.nap, 60, "unstarted")
        group.cancel()
        log.nap(60, "block")
    assert log == [("started", "Cancelled"), ("block", "Cancelled")]
    assert isinstance(started.exception, Cancelled)
    assert isinstance(unstarted.exception, Cancelled)
    assert group.cancelled
    assert clock.time() == 1


def test_cancel_by_a_child_ends_that_child_at_its_next_wait(log: Log) -> None:
    def child(group: TaskGroup) -> None:
        group.cancel()
        log.append("goes on")
        log.nap(60, "child")

    with TaskGroup() as group:
        group.spawn(child, group)
    assert log == ["goes on", ("child", "Cancelled")]


def test_child_that_ignores_the_cancellation_is_waited_for(log: Log, clock: MockClock) -> None:
    def stubborn() -> None:
        try:
            guv.sleep(60)
        except GreenletExit:
            guv.sleep(3)
            log.append("ended after all")

    with TaskGroup() as group:
        group.spawn(stubborn)
        guv.sleep(1)
        group.cancel()
    assert log == ["ended after all"]
    assert clock.time() == 4


def test_spawn_into_a_cancelled_group_runs_nothing(log: Log) -> None:
    with TaskGroup() as group:
        group.cancel()
        child = group.spawn(log.nap, 1, "never")
    assert log == []
    assert isinstance(child.exception, Cancelled)


def test_spawn_outside_of_the_block_is_refused(log: Log) -> None:
    group = TaskGroup()
    with pytest.raises(RuntimeError, match="has not begun"):
        group.spawn(log.nap, 1, "early")
    with group:
        pass
    with pytest.raises(RuntimeError, match="is over"):
        group.spawn(log.nap, 1, "late")
    with pytest.raises(RuntimeError, match="make a new one"):
        group.__enter__()


def test_spawn_from_another_thread_is_refused() -> None:
    from guv import tpool

    with TaskGroup() as group, pytest.raises(WrongThreadError):
        tpool.execute(group.spawn, print)


def test_timeout_around_the_block_cancels_and_goes_on_as_the_same_object(log: Log, clock: MockClock) -> None:
    with pytest.raises(Timeout) as caught, Timeout(2) as timeout, TaskGroup() as group:
        group.spawn(log.nap, 60, "a")
        group.spawn(log.nap, 1, "b")
    assert caught.value is timeout
    assert log == ["b", ("a", "Cancelled")]
    assert clock.time() == 2


def test_silent_timeout_around_the_block_ends_it_silently(log: Log) -> None:
    with Timeout(2, False), TaskGroup() as group:
        group.spawn(log.nap, 60, "a")
        log.nap(60, "block")
    assert log == [("block", "Timeout"), ("a", "Cancelled")]


def test_timeout_within_the_block_does_not_touch_the_children(log: Log) -> None:
    with TaskGroup() as group:
        group.spawn(log.nap, 3, "child")
        with Timeout(1, False):
            log.nap(60, "block")
    assert log == [("block", "Timeout"), "child"]


def test_timeouts_on_several_levels_end_their_own_level(log: Log, clock: MockClock) -> None:
    with TaskGroup() as outer:
        outer.spawn(log.nap, 5, "outer child")
        with Timeout(2, False), TaskGroup() as inner:
            inner.spawn(log.nap, 60, "inner child")
        log.append(clock.time())
    assert log == [("inner child", "Cancelled"), 2, "outer child"]


def test_outer_timeout_that_expires_during_the_clean_up_after_an_inner_one_wins(log: Log) -> None:
    def slow_to_end() -> None:
        try:
            guv.sleep(60)
        finally:
            with shield():
                guv.sleep(3)

    with pytest.raises(Timeout) as caught, Timeout(2) as outer, Timeout(1, False), TaskGroup() as group:
        group.spawn(slow_to_end)
    assert caught.value is outer


def test_kill_of_the_greenlet_that_runs_the_block_ends_the_children_first(log: Log) -> None:
    def parent() -> None:
        with TaskGroup() as group:
            group.spawn(log.nap, 60, "a")
            group.spawn(log.nap, 60, "b")

    running = guv.spawn(parent)
    guv.sleep(1)
    running.kill()
    running.join()
    assert log == [("a", "Cancelled"), ("b", "Cancelled")]
    assert type(running.exception) is GreenletExit


def test_kill_in_the_turn_of_a_childs_error_goes_before_it_and_the_error_is_reported(
    log: Log, capfd: pytest.CaptureFixture[str]
) -> None:
    def parent() -> None:
        with TaskGroup() as group:
            group.spawn(log.fail, 1, KeyError("lost"))
            guv.sleep(60)

    running = guv.spawn(parent)
    guv.spawn_after(1, running.kill)
    running.join()
    assert type(running.exception) is GreenletExit
    assert "KeyError: 'lost'" in capfd.readouterr().err


def test_inner_group_is_cancelled_with_the_outer_one(log: Log) -> None:
    with TaskGroup() as outer:
        outer.spawn(log.nap, 60, "outer child")
        with TaskGroup() as inner:
            inner.spawn(log.nap, 60, "inner child")
            guv.sleep(1)
            outer.cancel()
    assert sorted(log) == [("inner child", "Cancelled"), ("outer child", "Cancelled")]


def test_error_of_an_inner_group_can_be_handled_in_the_outer_one(log: Log) -> None:
    with TaskGroup() as outer:
        outer.spawn(log.nap, 2, "outer child")
        with pytest.raises(KeyError), TaskGroup() as inner:
            inner.spawn(log.fail, 1, KeyError())
    assert log == ["outer child"]


def test_sys_exit_in_a_child_goes_before_other_errors(log: Log, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), TaskGroup() as group:
        group.spawn(log.fail, 1, KeyError())
        group.spawn(log.fail, 1, SystemExit(3))


def test_block_must_end_where_it_began() -> None:
    group = TaskGroup().__enter__()
    with pytest.raises(RuntimeError, match="must end in the greenlet"):
        guv.spawn(group.__exit__, None, None, None).wait()
    group.__exit__(None, None, None)


def test_cancelled_can_be_pickled() -> None:
    import pickle

    copy = pickle.loads(pickle.dumps(Cancelled(TaskGroup())))
    assert type(copy) is Cancelled
    assert copy.group is None


# ---- shields


def test_shielded_block_is_killed_at_its_end(log: Log) -> None:
    def work() -> None:
        with shield():
            log.nap(2, "shielded")
        log.append("never")

    worker = guv.spawn(work)
    guv.sleep(1)
    worker.kill()
    assert not worker.ready()
    worker.join()
    assert log == ["shielded"]
    assert type(worker.exception) is GreenletExit


def test_shield_holds_back_the_timeout_around_it_only(log: Log, clock: MockClock) -> None:
    with pytest.raises(Timeout) as caught, Timeout(2) as outer, shield():
        with Timeout(1, False):
            log.nap(60, "inside")
        log.nap(4, "outside")
    assert caught.value is outer
    assert log == [("inside", "Timeout"), "outside"]
    assert clock.time() == 5


def test_timeout_with_an_exception_class_is_held_back_too(log: Log) -> None:
    with pytest.raises(KeyError), Timeout(1, KeyError), shield():
        log.nap(2, "shielded")
    assert log == ["shielded"]


def test_shield_protects_children_of_a_group_inside_from_the_cancellation_outside(log: Log) -> None:
    with TaskGroup() as outer:
        outer.spawn(log.nap, 60, "sibling")
        with shield(), TaskGroup() as inner:
            inner.spawn(log.nap, 3, "protected")
            guv.spawn_after(1, outer.cancel)
        log.append("never")
    assert log == [("sibling", "Cancelled"), "protected"]


def test_group_inside_a_shield_can_be_cancelled(log: Log) -> None:
    with shield(), TaskGroup() as group:
        group.spawn(log.nap, 60, "child")
        guv.spawn_after(1, group.cancel)
        log.nap(60, "block")
    assert log == [("child", "Cancelled"), ("block", "Cancelled")]


def test_shields_nest_and_what_is_held_back_passes_outward(log: Log) -> None:
    def work() -> None:
        with shield():
            with shield():
                log.nap(2, "inner")
            log.nap(2, "outer")
        log.append("never")

    worker = guv.spawn(work)
    guv.sleep(1)
    worker.kill()
    worker.join()
    assert log == ["inner", "outer"]
    assert not worker.successful()


def test_kill_goes_before_a_timeout_that_was_held_back_as_well(log: Log) -> None:
    def work() -> None:
        with Timeout(1, False), shield():
            log.nap(3, "shielded")
        log.append("never")

    worker = guv.spawn(work)
    guv.sleep(2)
    worker.kill()
    worker.join()
    assert log == ["shielded"]
    assert type(worker.exception) is GreenletExit
