"""`monkey_patch`: make the standard library cooperative, whenever it is called."""

from __future__ import annotations

import difflib
import importlib
import warnings
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from .. import support
from .._rebind import Pair, PerClass, Rebound, install, rebind
from ..exceptions import MonkeyPatchWarning
from ..hubs.current import get_default_hub
from . import _futures, _renewal, _worlds
from ._builtin import like, resemble
from ._modules import SysModulesSaver, copy_attributes
from ._plan import ALIASES, EXPLAINED, FOLLOW, GROUPS, OFF_BY_DEFAULT
from ._report import Report

__all__ = [
    "Report",
    "SysModulesSaver",
    "copy_attributes",
    "import_patched",
    "inject",
    "is_monkey_patched",
    "monkey_patch",
    "original",
    "patch_function",
    "report",
]

_report = Report()


def monkey_patch(**modules: bool) -> None:
    """Make the blocking calls of the standard library yield to other greenlets.

    Without arguments everything is patched. Keywords pick groups: ``socket=True`` patches that one alone,
    ``socket=False`` all others; ``all=`` sets the default. May be called at any time and again: what was imported,
    subclassed, instantiated or copied by ``from x import y`` before becomes cooperative, too. The places that can't be
    mended are named in one `MonkeyPatchWarning`. `report` tells what was done.

    The groups are `os`, `select`, `signal`, `socket`, `ssl`, `subprocess`, `threading`, `queue`, `time` and
    `multiprocessing`; `thread`, `dns`, `builtins` and others are understood as the group that covers them. The
    libraries of `guv.support` are keywords, too: their support is applied when they are imported.

    Never yields. Raises TypeError for a keyword that is no group.
    """
    wanted = _wanted(modules)
    everything = wanted.pop("all")
    pairs: list[tuple[Any, Any]] = []
    twins: dict[type, Callable[[Any], Any]] = {}
    greens = []
    for group in GROUPS:
        if wanted.get(group, everything and group not in OFF_BY_DEFAULT) and group not in _report.groups:
            _report.groups[group] = []
            greens += [(group, importlib.import_module(name)) for name in GROUPS[group]]
    for _, green in greens:
        _own(green, "before_patch", _nothing)()
    for group, green in greens:
        pairs += _replace(group, green)
        twins.update(_own(green, "TWINS", {}))
    if greens:
        _mend(rebind(pairs, twins))
        _renewal.keep(_worlds.saved)
    for _, green in greens:
        _own(green, "after_patch", _nothing)()
    if "threading" in {group for group, _ in greens}:
        _futures.watch(_report)
    for library in support.SUPPORTED:
        if wanted.get(library, everything):
            support.activate(library)
    if everything:
        support.activate_plugins()
    try:
        get_default_hub()  # imports its module: several threads that did so by their first waits would need hubs for it
    except (ImportError, TypeError, ValueError):
        pass  # GUV_HUB is wrong, which the first wait says


def is_monkey_patched(module: str | ModuleType) -> bool:
    """Whether something in `module` (its name or the module itself; or a keyword of `monkey_patch`) was replaced.

    True, too, for modules that became cooperative through others, like `queue` and `concurrent.futures`.
    """
    if isinstance(module, ModuleType):
        name = module.__name__
    elif isinstance(module, str):
        name = module
    else:
        raise TypeError(f"is_monkey_patched() takes a module or its name, not {module!r}")
    group = FOLLOW.get(name, ALIASES.get(name, name))
    return group in _report.groups or name in _report.touched()


def report() -> Report:
    """What `monkey_patch` has replaced so far, and where; ``print(report())`` is for people."""
    return _report


def original(modname: str) -> ModuleType:
    """The unpatched twin of a module of the standard library, whatever is or will be patched.

    It is a private copy: ``original("threading")`` has its own `Thread` class and starts threads of the operating
    system, and what it needs (`_thread`, say) it has in private copies, too. Each call returns the same module.
    Never yields, nor does what the twin does. Raises ImportError if there is no such module.
    """
    return _worlds.original.module(modname)


def import_patched(
    module_name: str, *additional_modules: tuple[str, ModuleType], **kw_additional_modules: ModuleType
) -> ModuleType:
    """A private copy of a module that sees the green modules, in a program that is not patched.

    The module's code runs anew, as does that of its submodules; whatever they import of the standard library is
    cooperative. `additional_modules`, pairs (name, module) or keywords, are seen in place of the modules of these
    names.
    """
    return inject(module_name, None, *additional_modules, *kw_additional_modules.items())


def inject(
    module_name: str, new_globals: dict[str, Any] | None, *additional_modules: tuple[str, ModuleType]
) -> ModuleType:
    """`import_patched`; `new_globals` is updated with the public names of the copy."""
    made = _worlds.patched_copy(module_name, dict(additional_modules))
    if new_globals is not None:
        copy_attributes(made, new_globals)
    return made


def patch_function(func: Callable[..., Any], *additional_modules: tuple[str, ModuleType]) -> Callable[..., Any]:
    """`func`, whose imports while it runs give green modules: the pairs (name, module), by default all of them.

    `sys.modules` is changed during each call, for everyone; so a call had better not yield.
    """

    @wraps(func)
    def patched(*args: Any, **kwargs: Any) -> Any:
        modules = dict(additional_modules) or _worlds.green_by_name()
        with SysModulesSaver(modules) as saver:
            saver.put(modules)
            return func(*args, **kwargs)

    return patched


def _wanted(modules: dict[str, bool]) -> dict[str, bool]:
    """The keywords of `monkey_patch` by the names of our groups, and "all"."""
    wanted: dict[str, bool] = {}
    known = {*GROUPS, *support.SUPPORTED, *ALIASES}
    for key, value in modules.items():
        if key == "psycopg":  # eventlet's means psycopg2
            wanted["psycopg"] = wanted["psycopg2"] = bool(value)
        elif key in known or key == "all":
            wanted[ALIASES.get(key, key)] = bool(value)
        elif key not in EXPLAINED:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            names = ", ".join(sorted({*GROUPS, *support.SUPPORTED, "all"}))
            raise TypeError(f"monkey_patch() got an unexpected keyword {key!r}{hint}; it knows {names}")
    wanted.setdefault("all", True not in wanted.values())
    return wanted


def _replace(group: str, green: Any) -> list[tuple[Any, Any]]:
    """Put the replacements of a green module in their places; returns the pairs (old, new) of module attributes."""
    pairs = []
    for module, path, new in green.PATCHES:
        owner: Any = importlib.import_module(module)
        *outer, last = path.split(".")
        for part in outer:
            owner = getattr(owner, part)
        old = vars(owner).get(last, getattr(owner, last, None))
        if outer:
            resemble(new, old, module)
        else:
            new = like(old, new, module, path)
        _worlds.saved[module, path] = Pair(old, new)
        if old is new:
            continue
        install(owner, last, new)
        _report.groups[group].append(f"{module}.{path}")
        if not outer and old is not None and not isinstance(new, PerClass):  # what is made of the old one holds it
            pairs.append((old, new))
    return pairs


def _mend(rebound: Rebound) -> None:
    _report.rebound += rebound.changed
    _report.missed += rebound.missed
    if rebound.missed:
        warnings.warn(
            f"these hold what blocks, and monkey_patch() can't replace it there: {', '.join(rebound.missed)}. "
            f"Call monkey_patch() before they are made.",
            MonkeyPatchWarning,
            stacklevel=3,
        )


def _own(green: ModuleType, name: str, default: Any) -> Any:
    """An attribute of a green module that it may lack. `getattr` would build a private copy to look there."""
    return vars(green).get(name, default)


def _nothing() -> None:
    """For green modules without a hook."""
