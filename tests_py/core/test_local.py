"""`guv.local.local`: attributes of each greenlet's own."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

import guv
from guv.hubs.abc import AbstractHub
from guv.local import local

pytestmark = pytest.mark.usefixtures("hub")


def test_local_attributesOfEachGreenlet_areItsOwn() -> None:
    data = local()
    data.value = "main"

    def work(name: str) -> tuple[bool, str]:
        before = hasattr(data, "value")
        data.value = name
        guv.gyield()
        return before, data.value

    assert [thread.wait() for thread in [guv.spawn(work, "a"), guv.spawn(work, "b")]] == [(False, "a"), (False, "b")]
    assert data.value == "main"
    assert data.__dict__ == {"value": "main"}


def test_local_attributeThatIsNotThere_raises() -> None:
    data = local()
    data.gone = 1
    del data.gone
    with pytest.raises(AttributeError, match="_local' object has no attribute 'gone'"):
        del data.gone
    with pytest.raises(AttributeError, match=r"'_thread\._local' object has no attribute 'gone'") as caught:
        _ = data.gone
    assert (caught.value.name, caught.value.obj) == ("gone", data)
    with pytest.raises(AttributeError, match="read-only"):
        data.__dict__ = {}


def test_local_subclass_isInitialisedOnceInEachGreenletWithTheSameArguments() -> None:
    class Data(local):
        made = 0

        def __init__(self, first: int, *, second: int) -> None:
            type(self).made += 1
            self.pair = [first, second]

        @property
        def total(self) -> int:
            return sum(self.pair)

    data = Data(1, second=2)

    def work() -> tuple[int, list[int]]:
        data.pair.append(3)
        return data.total, data.pair

    assert [guv.spawn(work).wait() for _ in range(2)] == [(6, [1, 2, 3])] * 2
    assert (data.pair, Data.made) == ([1, 2], 3)


def test_local_subclassWithSlots_sharesThem() -> None:
    class Data(local):
        __slots__ = ("shared",)

    data = Data()
    data.shared = 1
    data.own = 2
    assert guv.spawn(lambda: (data.shared, hasattr(data, "own"))).wait() == (1, False)


def test_local_subclassWithDataDescriptors_asksThemFirst() -> None:
    class Doubled:
        def __get__(self, instance: Any, owner: object = None) -> int:
            if instance is None:
                raise RuntimeError("asked of the class")
            return int(instance.__dict__["doubled"])

        def __set__(self, instance: Any, value: int) -> None:
            instance.__dict__["doubled"] = 2 * value

        def __delete__(self, instance: Any) -> None:
            instance.__dict__["doubled"] = 0

    class Data(local):
        doubled = Doubled()

        @property
        def text(self) -> str:
            return f"<{self.__dict__['text']}>"

        @text.setter
        def text(self, value: str) -> None:
            self.__dict__["text"] = value

    data: Any = Data()
    data.doubled, data.text = 2, "a"
    assert (data.doubled, data.text, data.__dict__) == (4, "<a>", {"doubled": 4, "text": "a"})
    del data.doubled
    assert data.doubled == 0
    assert guv.spawn(lambda: data.__dict__).wait() == {}


def test_local_initThatFails_isTriedAgain() -> None:
    class Data(local):
        tries = 0

        def __init__(self) -> None:
            type(self).tries += 1
            if type(self).tries == 2:
                raise KeyError("second")
            self.value = type(self).tries

    data = Data()

    def work() -> int:
        with pytest.raises(KeyError):
            _ = data.value
        return int(data.value)

    assert guv.spawn(work).wait() == 3


def test_local_argumentsWithoutAnInit_areRefused() -> None:
    with pytest.raises(TypeError, match="Initialization arguments"):
        local(1)


class Thing:
    pass


def test_local_values_dieWithTheirGreenlet() -> None:
    data, seen = local(), list[Any]()

    def work() -> None:
        data.thing = Thing()
        seen.append(weakref.ref(data.thing))

    thread = guv.spawn(work)
    thread.wait()
    del thread
    gc.collect()
    assert seen[0]() is None


def test_local_values_dieWithTheLocal_whileGreenletsLive() -> None:
    held, seen = [local()], list[Any]()

    def work() -> None:
        thing = Thing()
        held[0].thing = thing
        seen.append(weakref.ref(thing))
        del thing
        guv.sleep(60)

    thread = guv.spawn(work)
    guv.gyield()
    seen.append(weakref.ref(held.pop()))
    gc.collect()
    assert [reference() for reference in seen] == [None, None]
    thread.kill()


def test_local_cycleThroughItself_isCollected() -> None:
    data = local()
    data.cycle = data
    reference = weakref.ref(data)
    del data
    gc.collect()
    assert reference() is None


def test_local_finalizerOfAValue_mayUseTheLocalAndSpawn() -> None:
    data, log = local(), list[Any]()

    class Last:
        def __del__(self) -> None:
            data.other = 1
            log.append(data.other)
            guv.spawn(log.append, "spawned")

    def work() -> None:
        data.last = Last()

    thread = guv.spawn(work)
    thread.wait()
    del thread
    gc.collect()
    guv.gyield()
    guv.gyield()
    assert log == [1, "spawned"]


def test_local_inNativeThreads_isSeparateToo(hub: AbstractHub) -> None:
    from guv import tpool

    data = local()
    data.value = "main"

    def work() -> bool:
        before = hasattr(data, "value")
        data.value = "native"
        return before

    assert tpool.execute(work) is False
    assert data.value == "main"


def test_local_cannotBePickled() -> None:
    import pickle

    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(local())
