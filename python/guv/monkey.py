"""`guv.monkey_patch` by gevent's names: `patch_all` and its parts, and what was there before the patch.

What one of these patches in part, guv patches as a whole, and it reaches what was imported before.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from . import patcher
from .exceptions import MonkeyPatchWarning as MonkeyPatchWarning
from .patcher._plan import EXPLAINED, GROUPS

__all__ = [
    "MonkeyPatchWarning", "get_original", "is_module_patched", "is_object_patched", "patch_all", "patch_builtins",
    "patch_dns", "patch_os", "patch_queue", "patch_select", "patch_signal", "patch_socket", "patch_ssl",
    "patch_subprocess", "patch_sys", "patch_thread", "patch_time",
]  # fmt: skip

_MEANINGLESS = frozenset({*EXPLAINED, "builtins", "dns"})  # parts of what is patched anyway


def patch_all(**modules: bool) -> bool:
    """Patch everything but the groups given as False: ``patch_all(thread=False)``. True.

    `dns`, `sys`, `aggressive`, `Event`, `builtins` and `contextvars` mean nothing here. Raises TypeError for a keyword
    that is no group.
    """
    patcher.monkey_patch(
        all=True, **{name: bool(wanted) for name, wanted in modules.items() if name not in _MEANINGLESS}
    )
    return True


def patch_socket(dns: bool = True, aggressive: bool = True) -> None:
    """Patch sockets, TLS and name lookups."""
    patcher.monkey_patch(socket=True)


def patch_dns() -> None:
    """As `patch_socket`."""
    patcher.monkey_patch(socket=True)


def patch_ssl() -> None:
    """Patch TLS, and the sockets below it."""
    patcher.monkey_patch(ssl=True)


def patch_thread(
    threading: bool = True,
    _threading_local: bool = True,
    Event: bool = True,
    logging: bool = True,
    existing_locks: bool = True,
) -> None:
    """Patch threads, locks and thread-local data, those that exist already among them."""
    patcher.monkey_patch(threading=True)


def patch_time() -> None:
    """Patch `time.sleep`."""
    patcher.monkey_patch(time=True)


def patch_select(aggressive: bool = True) -> None:
    """Patch `select` and `selectors`."""
    patcher.monkey_patch(select=True)


def patch_os() -> None:
    """Patch `os` and the opening of pipes and terminals."""
    patcher.monkey_patch(os=True)


def patch_builtins() -> None:
    """Does nothing: there is nothing to patch in Python 3."""


def patch_sys(stdin: bool = True, stdout: bool = True, stderr: bool = True) -> None:
    """As `patch_os`, of which reading from a terminal is a part."""
    patcher.monkey_patch(os=True)


def patch_subprocess() -> None:
    """Patch `subprocess`."""
    patcher.monkey_patch(subprocess=True)


def patch_signal() -> None:
    """Patch `signal`."""
    patcher.monkey_patch(signal=True)


def patch_queue() -> None:
    """Patch `queue`."""
    patcher.monkey_patch(queue=True)


def is_module_patched(mod_name: str | ModuleType) -> bool:
    """Whether something in a module was replaced; see `guv.is_monkey_patched`."""
    return patcher.is_monkey_patched(mod_name)


def is_object_patched(mod_name: str, item_name: str) -> bool:
    """Whether an attribute of a module was replaced, or something in it: ``("socket", "socket")``."""
    places = [place for group in GROUPS for place in patcher.report().groups.get(group, ())]
    name = f"{mod_name}.{item_name}"
    return any(place == name or place.startswith(f"{name}.") for place in places)


def get_original(mod_name: str, item_name: str | Sequence[str]) -> Any:
    """What an attribute of a module of the standard library is without the patch; a list for several names.

    It comes from a private copy of the module: see `guv.patcher.original`.
    """
    module = patcher.original(mod_name)
    if isinstance(item_name, str):
        return getattr(module, item_name)
    return [getattr(module, name) for name in item_name]
