"""Replacing objects wherever the program already holds them.

`from x import y`, a class attribute, an instance's attribute, a default argument, a closure, an element of a list: each
keeps the object that stood there when it was made. `rebind` finds these places through the garbage collector and puts
the new object there. What it can't write to (a local variable of a function that runs) it names.

Nothing here yields. One pass takes about a microsecond for each container object of the process.
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from types import (
    BuiltinMethodType,
    CellType,
    CodeType,
    FrameType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

#: Modules of this prefix are private copies (`guv.patcher.original`), which keep what they have.
PRIVATE = "_guv_private."

_CO_OPTIMIZED = 1
_STARTERS = frozenset({"start_new_thread", "start_new", "start_joinable_thread"})
_INERT = frozenset(
    {FunctionType, CodeType, WrapperDescriptorType, MethodDescriptorType, GetSetDescriptorType, MemberDescriptorType,
     BuiltinMethodType, MethodType, staticmethod, classmethod, property}
)  # fmt: skip


class Pair:
    """An object and what stands in for it. Not a tuple, so that `rebind` leaves it alone."""

    __slots__ = ("new", "old")

    def __init__(self, old: Any, new: Any) -> None:
        self.old = old
        self.new = new


class PerClass:
    """A replacement that is made for each class or module it is put into, since it needs what it replaces there."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self.make = make


def install(owner: Any, name: str, new: Any) -> None:
    """Let `new` stand as `owner`.`name`."""
    setattr(owner, name, new.make(vars(owner)[name]) if isinstance(new, PerClass) else new)


class Rebound:
    """What a `rebind` did: names like ``"module.attribute"``."""

    __slots__ = ("changed", "missed")

    def __init__(self) -> None:
        self.changed: list[str] = []
        self.missed: list[str] = []


Twins = dict[type, Callable[[Any], Any]]


def is_private(name: object) -> bool:
    """Whether a module of that name keeps the originals: guv's own, the private copies, and `posix` and `_io`, which no
    program imports for anything but the bare calls."""
    return isinstance(name, str) and (name in ("guv", "posix", "_io") or name.startswith(("guv.", PRIVATE)))


def rebind(pairs: Iterable[tuple[Any, Any]], twins: Twins | None = None) -> Rebound:
    """Put the new object of each pair (old, new) wherever the old one is held, except in guv.

    `twins` maps types to functions that make a replacement for an instance of just that type; every
    instance in the process is replaced, and so are its bound methods.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return _Walk(pairs, twins or {}).run()
    finally:
        if was_enabled:
            gc.enable()


class _Walk:
    """One pass over the objects of the process."""

    def __init__(self, pairs: Iterable[tuple[Any, Any]], twins: Twins) -> None:
        self.new: dict[int, Any] = {}
        self.old: list[Any] = []  # keeps them alive, so that no id changes its meaning
        for old, new in pairs:
            self.add(old, new)
        self.twins = twins
        self.result = Rebound()
        self.functions: list[FunctionType] = []
        self.kept: set[int] = set()  # ids of the cells of guv's functions
        self.ours: dict[int, bool] = {}  # by id (a metaclass may forbid hashing): what `is_ours` has found out
        self.owners: dict[int, Any] = {}  # id of a namespace dict -> its module or class

    def add(self, old: Any, new: Any) -> None:
        self.new[id(old)] = new
        self.old.append(old)

    def is_ours(self, kind: type) -> bool:
        """Whether instances of `kind` keep the originals. There are a hundred times as many objects as classes."""
        known = self.ours.get(id(kind))
        if known is None:
            known = self.ours[id(kind)] = is_private(_module_of(kind))
        return known

    def run(self) -> Rebound:
        objects = gc.get_objects()
        containers = self.collect(objects)
        new = self.new
        if not new:
            return self.result
        loose = []
        referents = gc.get_referents
        for container in containers:
            if new.keys().isdisjoint(map(id, referents(container))):
                continue
            kind = type(container)
            if kind is dict:
                owner = self.owners.get(id(container))
                if owner is not None:
                    self.in_namespace(owner, container)
                else:
                    loose.append(container)
            elif kind is list or kind is deque or kind is set:
                loose.append(container)
            elif kind is CellType:
                if id(container) not in self.kept:
                    self.in_cell(container)
            elif kind is partial:
                self.in_partial(container)
            elif kind is not tuple and kind is not frozenset and not self.is_ours(kind):
                self.in_instance(container)
        self.in_loose(loose, objects)
        self.in_defaults()
        self.in_frames()
        return self.result

    def collect(self, objects: list[Any]) -> list[Any]:
        """The containers to look into; makes the twins and finds bound methods on the way."""
        containers = []
        methods = []
        wrappers = []
        twins = self.twins
        for each in objects:
            kind = type(each)
            if kind in _INERT:
                if kind is FunctionType:
                    if each.__defaults__ or each.__kwdefaults__:
                        self.functions.append(each)
                    if each.__closure__ and is_private(each.__module__):
                        self.kept.update(map(id, each.__closure__))
                elif kind is BuiltinMethodType:
                    if type(each.__self__) in twins:
                        methods.append(each)
                elif kind is staticmethod and id(each.__func__) in self.new:
                    wrappers.append(each)
                continue
            if kind in twins:
                self.add(each, twins[kind](each))
            elif kind is dict or kind is list or kind is tuple:
                containers.append(each)
            elif issubclass(kind, ModuleType):
                self.owners[id(ModuleType.__getattribute__(each, "__dict__"))] = each
            elif issubclass(kind, type):
                self.owners[id(gc.get_referents(type.__dict__["__dict__"].__get__(each))[0])] = each
            else:
                containers.append(each)
        new = self.new
        for method in methods:
            twin = new.get(id(method.__self__))
            if twin is not None:
                self.add(method, getattr(twin, method.__name__))
        for wrapper in wrappers:
            self.add(wrapper, staticmethod(new[id(wrapper.__func__)]))
        self.owners.pop(id(globals()), None)
        return containers

    # ---- kinds of places ----

    def in_namespace(self, owner: Any, namespace: dict[str, Any]) -> None:
        """The globals of a module or the attributes of a class."""
        is_module = issubclass(type(owner), ModuleType)
        where = owner.__name__ if is_module else f"{_module_of(owner)}.{owner.__qualname__}"
        if is_private(owner.__name__ if is_module else _module_of(owner)):
            return
        for key, value in list(namespace.items()):
            if id(value) not in self.new:
                continue
            try:
                setattr(owner, key, self.new[id(value)])
            except (AttributeError, TypeError):
                self.result.missed.append(f"{where}.{key}")
            else:
                self.result.changed.append(f"{where}.{key}")

    def in_cell(self, cell: CellType) -> None:
        cell.cell_contents = self.new[id(cell.cell_contents)]

    def in_partial(self, call: partial[Any]) -> None:
        new = self.new
        function = new.get(id(call.func), call.func)
        args = tuple(new.get(id(arg), arg) for arg in call.args)
        keywords = {key: new.get(id(arg), arg) for key, arg in call.keywords.items()}
        call.__setstate__((function, args, keywords, call.__dict__))  # type: ignore[attr-defined]

    def in_instance(self, instance: Any) -> None:
        """Attributes that stand in the object itself: slots, and since 3.11 those of most objects."""
        new = self.new
        kind = type(instance)
        for base in kind.__mro__:
            for name, member in vars(base).items():
                if type(member) is MemberDescriptorType:
                    try:
                        value = member.__get__(instance)
                        if id(value) in new:
                            member.__set__(instance, new[id(value)])
                    except (AttributeError, TypeError):
                        continue  # empty, or a read-only one of C
                elif name == "__dict__" and type(member) is GetSetDescriptorType:
                    try:
                        attributes = member.__get__(instance)
                    except AttributeError:
                        continue  # a proxy (of wrapt): its object has none
                    for key, value in list(attributes.items()):
                        if id(value) in new:
                            attributes[key] = new[id(value)]

    def in_loose(self, found: list[Any], objects: list[Any]) -> None:
        """Dicts, lists, deques and sets, unless they belong to guv.

        Functions that start threads stay: who keeps them in a table wants threads of the operating system.
        """
        if not found:
            return
        wanted = {id(each) for each in found}
        kept = set()
        for each in objects:
            kind = type(each)
            if kind not in _INERT and self.is_ours(kind):
                kept.update(wanted.intersection(map(id, gc.get_referents(each))))
        keyword_defaults = {id(f.__kwdefaults__) for f in self.functions}
        starters = {id(old) for old in self.old if type(old) is BuiltinMethodType and old.__name__ in _STARTERS}
        everything, new = self.new, {key: stand_in for key, stand_in in self.new.items() if key not in starters}
        for each in found:
            if id(each) in kept or each is everything or each is self.old or id(each) in keyword_defaults:
                continue
            if type(each) is dict:
                for key, value in list(each.items()):
                    if id(value) in new:
                        each[key] = new[id(value)]
                    if id(key) in new:
                        each[new[id(key)]] = each.pop(key)
            elif type(each) is set:
                for member in [member for member in each if id(member) in new]:
                    each.remove(member)
                    each.add(new[id(member)])
            else:
                for i, value in enumerate(list(each)):
                    if id(value) in new:
                        each[i] = new[id(value)]

    def in_defaults(self) -> None:
        """Default arguments of functions."""
        new = self.new
        for function in self.functions:
            positional = function.__defaults__ or ()
            keywords = function.__kwdefaults__ or {}
            if new.keys().isdisjoint(map(id, (*positional, *keywords.values()))) or is_private(function.__module__):
                continue
            function.__defaults__ = tuple(new.get(id(value), value) for value in positional) or None
            keywords.update({key: new[id(value)] for key, value in keywords.items() if id(value) in new})

    def in_frames(self) -> None:
        """Local variables of functions that run now can't be changed. Other threads may go on blocking."""
        frame: FrameType | None = sys._getframe()
        while frame is not None:
            code = frame.f_code
            module = frame.f_globals.get("__name__")
            if code.co_flags & _CO_OPTIMIZED and not is_private(module):
                for name, value in list(frame.f_locals.items()):
                    if id(value) in self.new:
                        self.result.missed.append(f"{module}.{code.co_name} (local variable {name!r})")
            frame = frame.f_back


def _module_of(kind: type) -> object:
    return type.__dict__["__dict__"].__get__(kind).get("__module__")
