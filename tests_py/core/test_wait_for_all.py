"""`guv.wait()` without objects: until nothing is left to do."""

from __future__ import annotations

import os

import pytest

import guv
from guv.hubs import get_hub
from guv.hubs.abc import AbstractHub
from guv.hubs.switch import trampoline
from guv.queue import Queue

pytestmark = pytest.mark.usefixtures("hub")


def test_wait_withoutObjects_returnsWhenTimersAndGreenletsHaveEnded() -> None:
    log: list[str] = []

    def work(name: str, seconds: float) -> None:
        guv.sleep(seconds)
        log.append(name)
        if name == "first":
            guv.spawn(work, "its child", 0.002)

    guv.spawn(work, "first", 0.001)
    guv.spawn_after(0.005, log.append, "late")
    assert guv.wait()
    assert sorted(log) == ["first", "its child", "late"]
    assert guv.wait()


def test_wait_withoutObjects_isNotKeptByTheLimitOfAWaitThatEndedInTime() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"x")
    trampoline(reader, guv.const.READ, timeout=600)
    assert guv.wait(timeout=60)
    os.close(reader)
    os.close(writer)


def test_wait_withoutObjects_isNotKeptByThoseWhomNothingCanWake() -> None:
    queue: Queue[int] = Queue()
    stuck = guv.spawn(queue.get)
    assert guv.wait(timeout=60)
    assert not stuck.ready()
    stuck.kill()


def test_wait_withoutObjects_waitsForDescriptors(hub: AbstractHub) -> None:
    read, write = os.pipe()
    try:
        reader = guv.spawn(trampoline, read, 1)
        assert not guv.wait(timeout=0.02)
        os.write(write, b"x")
        assert guv.wait()
        assert reader.ready()
    finally:
        guv.hubs.notify_opened(read)
        os.close(read)
        os.close(write)


def test_wait_withoutObjects_byManyAndOneKilled_leavesNothingBehind() -> None:
    alarm = guv.spawn_after(0.05, int)
    waiting = [guv.spawn(guv.wait) for _ in range(3)]
    guv.gyield()
    waiting[0].kill()
    with pytest.raises(guv.Timeout), guv.Timeout(0.01):
        guv.wait()
    assert [thread.wait() for thread in waiting[1:]] == [True, True]
    assert alarm.ready()
    assert not get_hub().last
