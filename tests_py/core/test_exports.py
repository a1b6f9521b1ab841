"""The public names of the package, and that each can be had."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import guv

#: ``dir(guv)`` in a fresh interpreter. A name that is added or goes away is a decision, to be seen in this list.
PUBLIC = """
    AsyncResult Barrier BoundedSemaphore Cancelled CappedSemaphore Condition Event GreenMap GreenPile GreenPool GreenThread
    Greenlet GreenletExit Group GuvWSGIWorker GuvWorker Queue RLock Semaphore StopServe TEvent TaskGroup Timeout
    cancel connect get_hub getcurrent gyield idle import_patched is_monkey_patched iwait joinall kill killall listen
    monkey_patch reinit serve shield signal_handler sleep spawn spawn_after spawn_later spawn_n spawn_raw trampoline wait
    with_timeout wrap_ssl
    debug event greenio greenlet greenpool hub local lock pools queue semaphore server tpool wsgi
    const exceptions green greenthread hubs patcher support timeout
    __version__ version_info
"""


def test_dir_isTheListOfPublicNames() -> None:
    told = subprocess.check_output([sys.executable, "-c", "import guv; print(*dir(guv))"], text=True)
    assert sorted(told.split()) == sorted(PUBLIC.split())


@pytest.mark.parametrize(
    "name", [name for name in PUBLIC.split() if not name.startswith("Guv") and name != "GreenletExit"]
)
def test_publicName_isThereAndDocumented(name: str) -> None:
    value = getattr(guv, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__doc__, f"guv.{name} says nothing of itself"
        for attribute, member in vars(value).items():
            if not attribute.startswith("_") and inspect.isfunction(member):
                assert inspect.getdoc(member) or inspect.getdoc(getattr(value, attribute)), f"{name}.{attribute}"


def test_nameThatDoesNotExist_isRefused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = guv.nothing  # type: ignore[attr-defined]


@pytest.mark.parametrize("first", ["TaskGroup", "joinall", "GreenPool", "lock"])
def test_lazyName_canBeTheFirstThingThatIsUsed(first: str) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", f"import guv; guv.{first}"], check=True)
