"""Private copies of standard library modules: *original* ones, whatever is patched, and *green* ones, whatever is not.

A copy is a module object of its own. Of C modules, and of the few whose state must stay one for the process (`os`,
`signal`), the namespace is copied and functions are exchanged. All others run their source again under a private name;
what they import from their world they get from there, also later and from within functions: they have an `__import__`
of their own. Nothing in `sys.modules` is touched but the private names.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping
from types import CodeType, ModuleType
from typing import Any, Final

from .. import green as greens
from .._rebind import PRIVATE, Pair, install
from ..hubs.current import current_hub
from ._builtin import like
from ._plan import GROUPS

#: Copied, not run again.
COPIED: Final = frozenset(
    {"_multiprocessing", "_queue", "_signal", "_socket", "_thread", "fcntl", "os", "posix", "select", "signal", "sys",
     "time", "concurrent", "http", "urllib", "xmlrpc"}
)  # fmt: skip

#: Run again when another module of the world imports them; with their submodules.
RUN_AGAIN: Final = (
    "_threading_local", "asyncio", "concurrent.futures", "ftplib", "http.client", "http.server", "imaplib",
    "multiprocessing", "poplib", "queue", "sched", "selectors", "smtplib", "socket", "socketserver", "ssl",
    "subprocess", "threading", "urllib.request", "xmlrpc.client", "xmlrpc.server",
)  # fmt: skip

#: What `monkey_patch` has replaced, by (module, path).
saved: dict[tuple[str, str], Pair] = {}


class World:
    """One set of private copies."""

    def __init__(self, name: str, own: Iterable[str] = (), given: Mapping[str, ModuleType] | None = None) -> None:
        self.name = name
        self.own = tuple(own)  # modules that are run again here beside those of the standard library
        self.modules: dict[str, ModuleType] = dict(given or {})

    def changes(self) -> list[tuple[str, str, Pair]]:
        """What is exchanged in the copies: (module, path, pair of what stands there now and what shall)."""
        raise AssertionError("a subclass says what its copies have")

    def module(self, name: str) -> ModuleType:
        """The copy of the module `name`, made if there is none. Raises ImportError if there is no such module."""
        found = self.modules.get(name)
        if found is None:
            parent, _, last = name.rpartition(".")
            above = self._parent(parent) if parent else None
            found = self.modules.get(name)  # the parent may have imported it
            if found is None:
                found = self._copy(name) if name in COPIED else self._run_again(name)
            if above is not None:
                setattr(above, last, found)
        return found

    def __contains__(self, name: str) -> bool:
        return name in self.modules or name in COPIED or _within(name, RUN_AGAIN) or _within(name, self.own)

    def _parent(self, name: str) -> ModuleType:
        """A package around copies: copied if it would not be run again for its own sake."""
        if name in self:
            return self.module(name)
        above, _, last = name.rpartition(".")
        made = self._copy(name)
        if above:
            setattr(self._parent(above), last, made)
        return made

    def _copy(self, name: str) -> ModuleType:
        shared = importlib.import_module(name)
        made = ModuleType(name, shared.__doc__)
        exchanged = {id(pair.old): pair.new for _, path, pair in self.changes() if "." not in path}
        for key, value in vars(shared).items():
            if f"{name}.{key}" not in self:
                vars(made)[key] = exchanged.get(id(value), value)
        for module, path, pair in self.changes():
            if module == name and "." not in path and pair.new is not None:
                setattr(made, path, pair.new)
        made.__name__ = f"{PRIVATE}{self.name}.{name}"
        if hasattr(shared, "__path__"):
            vars(made)["__getattr__"] = self._submodule_getter(name)
        self.modules[name] = made
        return made

    def _submodule_getter(self, package: str) -> Callable[[str], ModuleType]:
        def get(name: str) -> ModuleType:
            if f"{package}.{name}" in self:
                return self.module(f"{package}.{name}")
            raise AttributeError(f"module {package!r} has no attribute {name!r}")

        return get

    def _run_again(self, name: str) -> ModuleType:
        spec = importlib.util.find_spec(name)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        get_code = getattr(spec.loader, "get_code", None)
        code: CodeType | None = get_code(name) if get_code is not None else None
        if code is None:
            return self._copy(name)
        made = ModuleType(f"{PRIVATE}{self.name}.{name}")
        made.__spec__ = spec
        made.__loader__ = spec.loader
        made.__package__ = spec.parent
        if spec.origin is not None:
            made.__file__ = spec.origin
        if spec.submodule_search_locations is not None:
            made.__path__ = list(spec.submodule_search_locations)
        vars(made)["__builtins__"] = {**vars(builtins), "__import__": self.import_}
        self.modules[name] = sys.modules[made.__name__] = made
        try:
            with _Sentinels(name, self):
                exec(code, vars(made))
        except BaseException:
            del self.modules[name], sys.modules[made.__name__]
            raise
        self._finish(name, made)
        return made

    def _finish(self, name: str, made: ModuleType) -> None:
        """Exchange what the patch would replace in this module's classes."""

    def import_(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Any = (),
        level: int = 0,
    ) -> ModuleType:
        """`__import__` for the modules of this world."""
        absolute = name
        if level:
            absolute = importlib.util.resolve_name("." * level + name, (globals or {}).get("__package__") or "")
        if not fromlist:
            if absolute in self:
                self.module(absolute)
                return self.module(absolute.partition(".")[0])
            return builtins.__import__(name, globals, locals, fromlist, level)
        if absolute in self:
            module = self.module(absolute)
            for each in fromlist:
                if each != "*" and not hasattr(module, each):
                    self._import_submodule(module, absolute, each)
            return module
        return builtins.__import__(name, globals, locals, fromlist, level)

    def _import_submodule(self, module: ModuleType, package: str, name: str) -> None:
        """For ``from package import name`` where that is a module, perhaps."""
        full = f"{package}.{name}"
        try:
            if full in self:
                self.module(full)
            else:
                setattr(module, name, importlib.import_module(full))
        except ModuleNotFoundError as error:
            if error.name != full:
                raise


class _Sentinels:
    """Keeps a copy of `threading` from taking the sentinel of the thread that imports it (before 3.13)."""

    def __init__(self, name: str, world: World) -> None:
        self.thread = world.module("_thread") if name == "threading" else None
        self.world = world
        self.before: Any = None

    def __enter__(self) -> None:
        if hasattr(self.thread, "_set_sentinel"):
            self.before = self.thread._set_sentinel  # type: ignore[union-attr]
            self.thread._set_sentinel = self.thread.allocate_lock  # type: ignore[union-attr]

    def __exit__(self, *error: object) -> None:
        if self.before is not None:
            self.thread._set_sentinel = self.before  # type: ignore[union-attr]
            self.world.modules["threading"]._set_sentinel = self.before  # type: ignore[attr-defined]


class Original(World):
    """The standard library as it was before any patch."""

    def changes(self) -> list[tuple[str, str, Pair]]:
        return [(module, path, Pair(pair.new, pair.old)) for (module, path), pair in saved.items()]

    def __init__(self) -> None:
        super().__init__("original")

    def _finish(self, name: str, made: ModuleType) -> None:
        if name == "threading":
            _end_with(made)


class Green(World):
    """The standard library as `monkey_patch` makes it."""

    def __init__(
        self, name: str = "green", own: Iterable[str] = (), given: Mapping[str, ModuleType] | None = None
    ) -> None:
        super().__init__(name, own, given)

    def module(self, name: str) -> ModuleType:
        is_mine = name in self.modules or any(_within(name, (own,)) or _within(own, (name,)) for own in self.own)
        return super().module(name) if is_mine or not self.own else green.module(name)

    def changes(self) -> list[tuple[str, str, Pair]]:
        found = []
        for green in green_modules():
            for module, path, new in green.PATCHES:
                pair = saved.get((module, path))
                if pair is None:
                    owner: Any = importlib.import_module(module)
                    for part in path.split("."):
                        owner = getattr(owner, part, None)
                    pair = Pair(owner, new if "." in path else like(owner, new, module, path))
                found.append((module, path, pair))
        return found

    def _finish(self, name: str, made: ModuleType) -> None:
        for module, path, pair in self.changes():
            if module == name:
                *outer, last = path.split(".")
                owner: Any = made
                for part in outer:
                    owner = getattr(owner, part)
                install(owner, last, pair.new)


def green_modules() -> list[Any]:
    """All modules of `guv.green` that replace something."""
    return [
        importlib.import_module(name) for name in dict.fromkeys(name for group in GROUPS.values() for name in group)
    ]


def _end_with(threading: Any) -> None:
    """Have the interpreter wait for the non-daemon threads of a private copy, as it does for those of the real one."""
    import threading as real

    from ..green._handles import await_threads

    main = threading._main_thread
    ident = real.main_thread().ident
    if main._ident != ident:  # this thread is not the main one
        threading._active[ident] = threading._active.pop(main._ident)
        main._ident = ident

    def running() -> bool:
        # idle threads of executors end when told so by what `_shutdown` calls first
        executors = getattr(original.modules.get("concurrent.futures.thread"), "_threads_queues", ())
        return any(
            t.is_alive() and not t.daemon and t is not main and t not in executors for t in threading.enumerate()
        )

    def shutdown() -> None:
        if current_hub() is not None:  # greenlets go on meanwhile
            await_threads(running)
        threading._shutdown()

    try:
        real._register_atexit(shutdown)  # type: ignore[attr-defined]
    except RuntimeError:
        return  # the interpreter is about to end


def _within(name: str, packages: Iterable[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


original: Final = Original()
green: Final = Green()
greens.world = green.module


def patched_copy(name: str, given: Mapping[str, ModuleType]) -> ModuleType:
    """`name` and its submodules, run again over the green world and the modules of `given`."""
    world = Green(f"green{len(_copies)}", (name,), given)
    _copies.append(world)
    return world.module(name)


def green_by_name() -> dict[str, ModuleType]:
    """The green copies of all modules in which `monkey_patch` replaces something."""
    return {module: green.module(module) for module in dict.fromkeys(module for module, _, _ in green.changes())}


_copies: list[Green] = []
