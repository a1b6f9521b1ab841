"""`assert_switches`, `assert_no_switches`, `leak_check`, on both hubs."""

from __future__ import annotations

import os

import greenlet
import pytest

import guv
from guv import debug
from guv.testing import assert_no_switches, assert_switches, leak_check

pytestmark = pytest.mark.usefixtures("hub")


def test_assertSwitches_blockThatYields_passes() -> None:
    with assert_switches():
        guv.gyield()
    guv.spawn(int)
    with assert_switches():
        guv.sleep(0.001)


def test_assertSwitches_blockThatDoesNot_raises() -> None:
    with pytest.raises(AssertionError, match="never yielded"), assert_switches():
        guv.spawn(int)


def test_assertNoSwitches_blockThatYields_saysWhere() -> None:
    for others in 0, 1:
        with pytest.raises(AssertionError, match="it yielded here:") as caught, assert_no_switches():
            if others:
                guv.spawn(int)
            guv.gyield()
        assert "in test_assertNoSwitches" in str(caught.value)
        assert "guv.gyield()" in str(caught.value)


def test_assertNoSwitches_othersSwitch_isNoConcernOfTheBlock() -> None:
    with assert_no_switches():
        guv.spawn(guv.sleep)
    guv.gyield()
    assert greenlet.gettrace() is None


def test_assertions_blockThatRaises_letItThrough() -> None:
    for check in assert_switches(), assert_no_switches(), leak_check():
        with pytest.raises(KeyError), check:
            raise KeyError(1)


def test_leakCheck_everythingEnded_passes() -> None:
    with leak_check():
        guv.spawn(guv.sleep, 0.001).wait()
        guv.spawn(int)  # ends in its own time
        with open(os.devnull, "rb"), guv.Timeout(10):
            guv.gyield()
    assert debug.spawn_tree() == []


def test_leakCheck_greenletLeft_saysWhereItWasSpawnedAndWhatItWaitsFor() -> None:
    def waits() -> None:
        guv.sleep(50)

    with pytest.raises(AssertionError) as caught, leak_check():
        guv.spawn(waits)
    text = str(caught.value)
    assert "greenlet spawned at" in text
    assert "test_assertions.py" in text
    assert "in test_leakCheck_greenletLeft" in text
    assert "sleep at" in text
    assert "timer for" in text


def test_leakCheck_descriptorOrTimeoutLeft_isNamed() -> None:
    left = []
    with pytest.raises(AssertionError, match=r"descriptor \d+: pipe:"), leak_check():
        left += os.pipe()
    timeouts = []
    with pytest.raises(AssertionError, match="timer for <Timeout"), leak_check():
        timeouts.append(guv.Timeout(50))
    with leak_check(descriptors=False):
        left += os.pipe()
    timeouts[0].cancel()
    for fd in left:
        os.close(fd)


def test_leakCheck_waitThatEndedInTime_leavesNothing() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"x")
    with leak_check():
        guv.hubs.switch.trampoline(reader, guv.const.READ, timeout=50)
    os.close(reader)
    os.close(writer)
