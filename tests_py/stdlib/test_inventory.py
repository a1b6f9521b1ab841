"""Every public callable of the covered modules is patched, or known not to block: a new Python can't slip one in."""

from __future__ import annotations

import json
from collections.abc import Callable
from fnmatch import fnmatchcase

import pytest

from .inventory import UNPATCHED

Script = Callable[..., str]

#: Lists, in a patched process, each public callable by module: true if `monkey_patch` has replaced it.
WALK = """
import guv; guv.monkey_patch()
import enum, importlib, json, sys, types, warnings
from guv.patcher import _worlds

warnings.simplefilter("ignore")
FUNCTIONS = (
    types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.MethodDescriptorType,
    types.ClassMethodDescriptorType, staticmethod, classmethod,
)
replaced = {id(pair.new) for pair in _worlds.saved.values()}

def is_ours(value, home):
    return id(value) in replaced or str(getattr(value, "__module__", "")).startswith("guv")

def members(kind):
    for base in kind.__mro__:
        for name, value in vars(base).items():
            if base is not object and not name.startswith("_") and isinstance(value, FUNCTIONS):
                yield name, id(value) in replaced or id(base) in replaced

found = {}
for name in sys.argv[1:]:
    module, seen = importlib.import_module(name), {}
    homes = {None, name, "_" + name, "posix", "_signal", "_queue", "_thread"}
    for key in dir(module):
        value = getattr(module, key)
        if key.startswith("_") or not callable(value):
            continue
        home = getattr(value, "__module__", None)
        if isinstance(value, type):
            if issubclass(value, (BaseException, enum.Enum, tuple)) or not (home in homes or str(home).startswith(name)):
                continue
            seen[key] = id(value) in replaced
            for method, done in members(value):
                seen.setdefault(f"{key}.{method}", seen[key] or done)
        elif home in homes or str(home).startswith(("guv", name)):
            seen[key] = id(value) in replaced
    found[name] = seen
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def patterns() -> dict[str, list[str]]:
    return {module: " ".join(names.values()).split() for module, names in UNPATCHED.items()}


def _is_listed(name: str, listed: list[str]) -> bool:
    return any(fnmatchcase(name, each) or name == each.removesuffix(".*") for each in listed)


def test_each_public_callable_is_patched_or_known_not_to_block(script: Script, patterns: dict[str, list[str]]) -> None:
    found = json.loads(script(WALK, *patterns))
    unknown = [
        f"{module}.{name}"
        for module, names in found.items()
        for name, patched in names.items()
        if not patched and not _is_listed(name, patterns[module])
    ]
    assert not unknown, f"patch these in guv.green, or say in inventory.py why they do not block: {' '.join(unknown)}"


def test_no_patched_callable_is_listed_as_unpatched(script: Script, patterns: dict[str, list[str]]) -> None:
    found = json.loads(script(WALK, *patterns))
    stale = [
        f"{module}.{name}"
        for module, names in found.items()
        for name, patched in names.items()
        if patched and name in patterns[module]
    ]
    assert not stale
