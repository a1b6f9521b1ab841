"""A hub in the process of the tests, which is not patched. Programs that patch are run by the fixture `script`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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
