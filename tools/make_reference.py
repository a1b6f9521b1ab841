"""Write docs/reference.md from the docstrings: ``make reference``.

Each public name of each public module, with its signature and its docstring up to the first list or table. What is said
there is said once, in the code.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import guv

ROOT = Path(__file__).resolve().parent.parent
HEAD = """# Reference

Made from the docstrings by `make reference`. Seconds are floats unless a name says
`ns`; what is said to yield lets other greenlets run. Modules and names with a leading underscore are not public.
"""

#: In this order; what else there is comes behind.
FIRST = (
    "guv", "guv.patcher", "guv.greenthread", "guv.greenpool", "guv.timeout", "guv.event", "guv.semaphore", "guv.queue",
    "guv.local", "guv.tpool", "guv.server", "guv.wsgi", "guv.hubs", "guv.hubs.abc", "guv.hubs.switch",
    "guv.hubs.wire", "guv.const", "guv.exceptions",
)  # fmt: skip

#: Inner parts of the hub that are documented where they stand, and green modules: their reference is the stdlib's.
INNER = ("guv.green.", "guv.hubs.", "guv.resolver", "guv.support.", "guv.__main__")


def modules() -> Iterator[ModuleType]:
    """The public modules that can be imported here."""
    found = ["guv"]
    for info in pkgutil.walk_packages(guv.__path__, "guv.", onerror=lambda name: None):
        if not any(part.startswith("_") for part in info.name.split(".")) and not info.name.startswith(INNER):
            found.append(info.name)
    for name in dict.fromkeys((*FIRST, *sorted({*found} - {"guv.green"}))):
        try:
            yield importlib.import_module(name)
        except ImportError as error:
            print(f"left out {name}: {error}", file=sys.stderr)


def prose(thing: object) -> str:
    """The docstring as one line, up to the first list, table or listing in it."""
    paragraphs = []
    for paragraph in (inspect.getdoc(thing) or "").split("\n\n"):
        if paragraph.startswith(("- ", "=", " ", "*", ">>>")):
            break
        paragraphs.append(" ".join(paragraph.split()))
        if paragraph.endswith(":"):
            break
    return " ".join(paragraphs).rstrip(":").replace("|", "\\|").replace("``", "`")


class Shown:
    """A default value as one would write it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def default(value: object) -> object:
    """`value`, or what stands for it where its own repr says nothing to a reader."""
    if isinstance(value, enum.Enum):
        return Shown(value.name)
    if inspect.isclass(value) or inspect.isfunction(value):
        return Shown(value.__name__)
    return Shown("...") if " object at 0x" in repr(value) else value


def signature(thing: object) -> str:
    """The arguments, without the types, which mypy shows better."""
    try:
        found = inspect.signature(thing)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""
    bare = []
    for parameter in found.parameters.values():
        if parameter.default is not parameter.empty:
            parameter = parameter.replace(default=default(parameter.default))
        if parameter.name not in ("self", "cls"):
            bare.append(parameter.replace(annotation=inspect.Parameter.empty))
    return str(found.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def public_names(module: ModuleType) -> Iterator[tuple[str, object]]:
    """What is defined in the module, or in a private part of it, in order of appearance."""
    lazy = getattr(module, "_LAZY", {})
    listed = getattr(module, "__all__", None)
    for name in [*vars(module), *lazy]:
        if name.startswith("_") or (listed is not None and name not in listed):
            continue
        try:
            thing = getattr(module, name)
        except ImportError as error:
            print(f"left out {module.__name__}.{name}: {error}", file=sys.stderr)
            continue
        home = getattr(thing, "__module__", None)
        ours = home is not None and (home == module.__name__ or home.startswith(f"{module.__name__}."))
        if (inspect.isclass(thing) or inspect.isroutine(thing)) and (ours or module is guv):
            yield name, thing


def methods(cls: type) -> Iterator[tuple[str, object]]:
    """Public methods and properties that the class itself defines."""
    for name, thing in vars(cls).items():
        if not name.startswith("_") and (inspect.isfunction(thing) or isinstance(thing, property)) and thing.__doc__:
            yield name, thing


def write(module: ModuleType) -> Iterator[str]:
    """The section of a module; nothing if there is nothing to say."""
    rows = []
    for name, thing in public_names(module):
        full = f"{module.__name__}.{name}"
        if module is guv and thing.__module__ != "guv":
            told = f"{prose(thing)} (`{thing.__module__.partition('._')[0]}`)"
        else:
            told = prose(thing)
        rows.append(f"| `{full}{signature(thing)}` | {told} |")
        if inspect.isclass(thing) and module is not guv:
            rows += [
                f"| `.{inner}{'' if isinstance(method, property) else signature(method)}` | {prose(method)} |"
                for inner, method in methods(thing)
            ]
    if not rows and not module.__doc__:
        return
    yield f"\n## {module.__name__}\n\n{prose(module)}\n"
    if rows:
        yield "\n" + "\n".join(["| | |", "|---|---|", *rows]) + "\n"


def main() -> None:
    """Write the page."""
    parts = [part for module in modules() for part in write(module)]
    (ROOT / "docs" / "reference.md").write_text(HEAD + "".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
