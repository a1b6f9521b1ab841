"""A hub in the process of the tests, which is not patched. Programs that patch are run by the fixture `script`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guv import tpool
from guv._originals import allocate_lock
from guv.event import Event
from guv.hubs import get_hub, use_hub
from guv.hubs.abc import AbstractHub
from guv.hubs.current import drop_hub

ROOT = Path(__file__).resolve().parents[2]

#: The loop of `examples/custom_hub.py`, which everything has to work on as well.
CUSTOM = "examples.custom_hub"


@pytest.fixture
def hub(hub_kind: str) -> Iterator[AbstractHub]:
    """The hub of this thread, of each kind that guv has."""
    use_hub(hub_kind)
    yield get_hub()
    drop_hub()


@pytest.fixture(params=["hub", "epoll", CUSTOM])
def any_hub(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[AbstractHub]:
    """As `hub`, and the custom one of the examples."""
    monkeypatch.syspath_prepend(str(ROOT))
    if request.param == "hub":
        from guv import _border

        try:
            _border.extension()
        except _border.ExtensionError as error:
            pytest.skip(str(error))
    use_hub(request.param)
    yield get_hub()
    drop_hub()
    sys.modules.pop("examples", None)
    sys.modules.pop(CUSTOM, None)


@pytest.fixture
def fresh_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`guv.tpool` without any thread yet."""
    monkeypatch.setattr(tpool, "_pool", None)
    yield
    tpool.killall()


class Gate:
    """A function that stays in its thread until it is let go, and tells when it has begun."""

    def __init__(self, hub: AbstractHub) -> None:
        self.hub = hub
        self.begun = Event()
        self.lock = allocate_lock()
        self.lock.acquire()

    def __call__(self, result: object = None) -> object:
        self.hub.call_soon_threadsafe(lambda: self.begun.ready() or self.begun.send())
        self.lock.acquire()
        self.lock.release()
        return result

    def open(self) -> None:
        self.lock.release()


@pytest.fixture
def gate(hub: AbstractHub) -> Gate:
    return Gate(hub)
