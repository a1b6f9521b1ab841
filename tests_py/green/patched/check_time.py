"""`time.sleep`: it waits, and refuses what it always refused."""

from __future__ import annotations

import inspect
import pickle
import time
from decimal import Decimal
from fractions import Fraction

import pytest


def outcome(value):
    try:
        return time.sleep(value)
    except Exception as error:
        return type(error), str(error)


def test_sleep_lets_others_run(blocked, task):
    order = []

    def sleep(seconds):
        time.sleep(seconds)
        order.append(seconds)

    sleeping = task(sleep, 0.06), task(sleep, 0.0), task(sleep, 0.03)
    for each in sleeping:
        each.result()
    assert order == [0.0, 0.03, 0.06]


@pytest.mark.parametrize("value", [0, 0.0, False, True - 1, 1e-9, Fraction(1, 1000) * 0 + 0.0])
def test_sleep_takes_numbers(value):
    assert time.sleep(value) is None


def test_sleep_refuses_wrong_numbers_and_types():
    assert outcome(-1) == outcome(-0.001) == outcome(-1e-9) == (ValueError, "sleep length must be non-negative")
    assert outcome(float("nan")) == (ValueError, "Invalid value NaN (not a number)")
    for value in 1e300, float("inf"), 1 << 70:
        assert outcome(value)[0] is OverflowError, value
    for value in "1", None, [], Decimal("0.1"), 1j:
        assert outcome(value)[0] is TypeError, value
    with pytest.raises(TypeError):
        time.sleep()
    with pytest.raises(TypeError):
        time.sleep(seconds=1)


def test_sleep_takes_what_has_an_index():
    class Zero:
        def __index__(self):
            return 0

    class Wrong:
        def __index__(self):
            raise ZeroDivisionError

    assert time.sleep(Zero()) is None
    with pytest.raises(ZeroDivisionError):
        time.sleep(Wrong())


def test_sleep_is_what_it_was():
    assert time.sleep.__name__ == "sleep" and time.sleep.__module__ == "time"
    assert pickle.loads(pickle.dumps(time.sleep)) is time.sleep
    assert inspect.isroutine(time.sleep)
