"""Imports point down only, and importing guv brings in nothing that a program did not ask for."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import guv

Script = Callable[..., str]

PACKAGE = Path(guv.__file__).parent

#: From the top down. A module may import from its own layer and from those below it. A name stands for the module or
#: the package and all that is in it; the longest name that fits counts.
LAYERS = (
    ("guv", "guv.__main__"),
    ("guv.debug", "guv.testing"),  # look into everything
    ("guv.wsgi", "guv.websocket", "guv.server", "guv.support", "guv.patcher", "guv.backdoor", "guv.lock",
     "guv.monkey", "guv.pywsgi", "guv.socket", "guv.ssl", "guv.select", "guv.subprocess"),
    ("guv.green", "guv.resolver", "guv.fileobject", "guv.greenio"),
    (
        "guv.event", "guv.semaphore", "guv.queue", "guv.timeout", "guv.greenpool", "guv.greenthread", "guv.tpool",
        "guv.local", "guv.taskgroup", "guv.group", "guv.joining", "guv.pools", "guv.asyncio", "guv.greenlet", "guv.pool",
        "guv.corolocal", "guv.threadpool", "guv.hub",
    ),
    ("guv.hubs",),
    ("guv._border",),
    ("guv._ext",),
    ("guv.const", "guv.exceptions", "guv._interpreter", "guv._originals", "guv._version", "guv._rebind", "guv._surface"),
)  # fmt: skip

RANKS = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def layer(module: str) -> int:
    """The rank of a module, 0 at the top."""
    name = "guv.__main__" if module.endswith(".__main__") else module  # a program: nothing imports it
    while name not in RANKS:
        name = name.rpartition(".")[0]
        assert name, f"{module} is in no layer"
    assert name != "guv" or module == "guv", f"{module} is in no layer: say in LAYERS where it belongs"
    return RANKS[name]


def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if "_ext" not in parts:
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def statements(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Import statements, those within functions too, but not those for the type checker."""
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        for field in ("body", "orelse", "finalbody"):
            yield from statements(getattr(node, field, []))
        for handler in getattr(node, "handlers", []):
            yield from statements(handler.body)


def imports(module: str) -> Iterator[str]:
    """The modules of guv that `module` imports."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in statements(ast.parse(path.read_text(encoding="utf-8")).body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] == "guv")
            continue
        source = node.module or ""
        if node.level:
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            source = ".".join([*above, source] if source else above)
        if source.partition(".")[0] != "guv":
            continue
        for alias in node.names:
            inner = f"{source}.{alias.name}"
            yield inner if inner in MODULES else source


@pytest.mark.parametrize("module", sorted(MODULES))
def test_module_imports_point_down(module: str) -> None:
    upward = [name for name in imports(module) if layer(name) < layer(module)]
    assert upward == []


def test_only_the_border_loads_the_extension() -> None:
    assert [name for name in MODULES if "guv._ext" in imports(name)] == []
    loaders = [name for name, path in MODULES.items() if '"_pyext"' in path.read_text(encoding="utf-8")]
    assert loaders == ["guv._border"]


def test_version_of_python_is_asked_for_in_seam_files_only() -> None:
    """Elsewhere code asks for the feature."""
    asking = {name for name, path in MODULES.items() if "sys.version_info" in path.read_text(encoding="utf-8")}
    asking.discard("guv.hubs.fork")  # from 3.12 on a fork warns of threads: nothing that hasattr() could find
    assert {name for name in asking if "_py3" not in name} == set()


def loaded_by(code: str) -> set[str]:
    """Names of the modules that a fresh interpreter has after `code`, beyond a bare one's."""
    show = "import sys; print(*sys.modules)"
    run = [subprocess.check_output([sys.executable, "-c", f"{before}{show}"], text=True) for before in ("", code)]
    return set(run[1].split()) - set(run[0].split())


def test_import_brings_in_no_library_but_greenlet() -> None:
    top = {name.partition(".")[0] for name in loaded_by("import guv\n")}
    assert top - set(sys.stdlib_module_names) - {"_xxsubinterpreters"} == {"guv", "greenlet"}  # stdlib, not listed


def test_import_brings_in_no_servers_and_no_support_modules() -> None:
    loaded = loaded_by("import guv\n") - {"guv.support", "guv.support._imports"}  # the table, and who waits for imports
    assert {
        name for name in loaded if name.startswith(("guv.support", "guv.wsgi", "guv.server", "guv.green."))
    } == set()


@pytest.mark.parametrize("code", ["import guv", "import guv; guv.monkey_patch()", "import guv; guv.GuvWorker"])
def test_extension_is_loaded_by_the_first_hub_only(code: str, script: Script, hub_kind: str) -> None:
    if "GuvWorker" in code:
        pytest.importorskip("gunicorn")
    tail = """
    def loaded():
        with open("/proc/self/maps") as maps:
            return "_pyext" in maps.read()
    print(loaded(), end=" ")
    from guv.hubs import get_hub
    get_hub()
    print(loaded())
    """
    assert script(f"{code}\n{textwrap.dedent(tail)}") == f"False {hub_kind == 'hub'}\n"


def test_worked_example_of_a_loop_stays_short() -> None:
    assert len((PACKAGE / "hubs" / "epoll.py").read_text(encoding="utf-8").splitlines()) <= 200
