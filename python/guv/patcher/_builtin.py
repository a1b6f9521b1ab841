"""Python functions that stand in for ones written in C."""

from __future__ import annotations

from functools import partial
from types import BuiltinFunctionType, FunctionType
from typing import Any

_made: dict[tuple[str, str], tuple[Any, Any]] = {}


class Builtin(partial[Any]):
    """A function that, like one written in C, does not bind as a class attribute and is pickled by its name."""

    def __get__(self, instance: object, owner: type | None = None) -> Builtin:
        return self

    def __reduce__(self) -> str:  # type: ignore[override]
        return str(self.__name__)  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return f"<cooperative function {self.__module__}.{self.__name__}>"  # type: ignore[attr-defined]


def like(old: Any, new: Any, module: str, name: str) -> Any:
    """`new` in the manner of `old`, which it replaces as `module`.`name`; the same object each time."""
    if not (isinstance(old, BuiltinFunctionType) and isinstance(new, FunctionType)):
        return new
    known = _made.get((module, name))
    if known is None or known[0] is not new:
        made = Builtin(new)
        vars(made).update(__name__=name, __qualname__=name, __module__=module, __doc__=new.__doc__, __wrapped__=new)
        known = _made[module, name] = new, made
    return known[1]
