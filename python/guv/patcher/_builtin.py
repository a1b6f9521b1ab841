"""Replacements that say of themselves what the things they replace would say.

Programs pickle functions by module and name, document and compare them, ask for their signatures, and keep them in
classes: a function in C does not become a method there, one in Python does.
"""

from __future__ import annotations

from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

_PACKAGE = __name__.partition(".")[0] + "."

_made: dict[tuple[FunctionType, str], Builtin] = {}


class Builtin(staticmethod):  # type: ignore[type-arg]
    """A function that, like one written in C, does not bind as a class attribute and is pickled by its name.

    It takes itself for one written in C, which is what `inspect.isbuiltin` and `inspect.isroutine` ask. The base class
    is there for its call, which is C; a `functools.partial` is called faster by 30 ns, but programs ask for those.
    """

    wrapped: Any

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # type: ignore[override]
        return BuiltinFunctionType

    @property
    def __wrapped__(self) -> Any:  # type: ignore[override]
        return self.wrapped

    def __get__(self, instance: object, owner: type | None = None) -> Builtin:  # type: ignore[override]
        return self

    def __reduce__(self) -> str:  # type: ignore[override]
        return str(self.__name__)  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"<cooperative function {self.__module__}.{self.__name__}>"  # type: ignore[attr-defined]


def like(old: Any, new: Any, module: str, name: str) -> Any:
    """`new` in the manner of `old`, which it replaces as `module`.`name`; the same object each time, in any module."""
    resemble(new, old, module)
    if not (isinstance(old, BuiltinFunctionType) and isinstance(new, FunctionType)):
        return new
    made = _made.get((new, name))
    if made is None:
        made = _made[new, name] = Builtin(new)
        # where `inspect` looks for the signature
        made.wrapped = old if getattr(old, "__text_signature__", None) else new
        vars(made).update(
            __name__=name, __qualname__=name, __module__=module, __doc__=old.__doc__, __self__=old.__self__
        )
    return made


def resemble(new: Any, old: Any, module: str) -> None:
    """Give `new`, a function or a class, the names and the text of `old`, if it has one, unless it has them already; of
    our annotations nothing is left."""
    if isinstance(new, (MethodType, classmethod, staticmethod)):
        new = new.__func__
    if isinstance(new, FunctionType):
        new.__annotations__ = dict(getattr(old, "__annotations__", ()))
        if new.__module__.startswith(_PACKAGE):
            new.__module__ = getattr(old, "__module__", None) or module
            new.__name__ = getattr(old, "__name__", new.__name__)
            new.__qualname__ = getattr(old, "__qualname__", new.__name__)
            new.__doc__ = getattr(old, "__doc__", None) or new.__doc__
    elif isinstance(new, type) and isinstance(old, type) and not issubclass(new, old):
        new.__module__ = old.__module__
        new.__doc__ = old.__doc__ or new.__doc__  # `RLock` says nothing of itself before 3.13
        for name, method in list(vars(new).items()):
            original = getattr(old, name, None)
            if original is not None and not isinstance(method, type):
                resemble(method, original, module)
