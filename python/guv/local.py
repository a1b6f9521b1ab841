"""`local`: an object whose attributes each greenlet sees its own of, as `threading.local` for threads.

The values belong to the object, in a dict for each greenlet, so that cycles through them can be
collected. Each greenlet has a `_Trail` of the objects it has used, which removes its values when it ends.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NoReturn
from weakref import ref

from greenlet import getcurrent

from .hubs.ident import get_ident
from .hubs.signals import acts_for


class _Trail:
    """The locals in which one greenlet has values. Dies with the greenlet, or with its thread."""

    __slots__ = ("ident", "locals")

    def __init__(self, ident: int) -> None:
        self.ident = ident
        self.locals: dict[int, ref[local]] = {}  # by id

    def __del__(self) -> None:
        while self.locals:
            used = self.locals.popitem()[1]()
            if used is not None:
                _values_of(used).pop(self.ident, None)


class local:
    """Thread-local data: each greenlet has attributes of its own.

    A subclass's `__init__` runs once in each greenlet, with the arguments given when the object
    was made.
    """

    __slots__ = ("__weakref__", "_guv_arguments", "_guv_values")

    def __new__(cls, /, *args: Any, **kwargs: Any) -> local:
        if (args or kwargs) and cls.__init__ is object.__init__:
            raise TypeError("Initialization arguments are not supported")
        made = object.__new__(cls)
        _set_arguments(made, (args, kwargs))
        _set_values(made, {})
        _new_values(made)  # whoever makes it initialises it right away
        return made

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__getattribute__" not in vars(cls) and any(_describes(cls, name, *_OF_DATA) for name in vars(cls)):
            cls.__getattribute__ = _look_for_descriptors  # type: ignore[method-assign]

    def __getattribute__(self, name: str) -> Any:
        try:
            return _values_of(self)[getcurrent().thread_ident][name]  # type: ignore[attr-defined]
        except (KeyError, AttributeError):
            pass
        values = _current_values(self)
        if name == "__dict__":
            return values
        if name in values:
            return values[name]
        try:
            return _plain_getattribute(self, name)
        except AttributeError:
            if type(self) is local:
                raise AttributeError(_MISSING.format(_named(local), name), name=name, obj=self) from None
            raise

    def __setattr__(self, name: str, value: Any) -> None:
        kind = type(self)
        if _describes(kind, name, "__set__"):
            _plain_setattr(self, name, value)
        elif name == "__dict__":
            raise AttributeError(_READ_ONLY.format(_named(kind)))
        elif name == "__class__":
            _plain_setattr(self, name, value)
        else:
            _current_values(self)[name] = value

    def __delattr__(self, name: str) -> None:
        kind = type(self)
        if _describes(kind, name, "__delete__"):
            _plain_delattr(self, name)
        elif name == "__dict__":
            raise AttributeError(_READ_ONLY.format(_named(kind)))
        else:
            try:
                del _current_values(self)[name]
            except KeyError:
                raise AttributeError(_MISSING.format(_named(kind), name), name=name, obj=self) from None

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("cannot pickle '_thread._local' object")


_OF_DATA = "__set__", "__delete__"
_MISSING = "{!r} object has no attribute {!r}"
_READ_ONLY = "{!r} object attribute '__dict__' is read-only"


def _named(kind: type) -> str:
    """What the native messages call it: types made in C give their full name."""
    return "_thread._local" if kind is local else kind.__name__


_values_of = local._guv_values.__get__  # type: ignore[attr-defined]
_set_values = local._guv_values.__set__  # type: ignore[attr-defined]
_arguments_of = local._guv_arguments.__get__  # type: ignore[attr-defined]
_set_arguments = local._guv_arguments.__set__  # type: ignore[attr-defined]
_plain_getattribute = object.__getattribute__
_plain_setattr = object.__setattr__
_plain_delattr = object.__delattr__


def _describes(kind: type, name: str, *methods: str) -> bool:
    """Whether a subclass has a descriptor of that name with one of `methods`, which goes before the values."""
    for base in kind.__mro__:
        if base is local or name == "__dict__":  # of which we have our own
            return False
        if name in base.__dict__:
            descriptor = type(base.__dict__[name])
            return any(hasattr(descriptor, method) for method in methods)
    return False


def _look_for_descriptors(self: local, name: str) -> Any:
    """`__getattribute__` of subclasses that have data descriptors."""
    if _describes(type(self), name, *_OF_DATA):
        _current_values(self)  # initialised here, too
        return _plain_getattribute(self, name)
    return local.__getattribute__(self, name)


def _current_values(of: local) -> dict[str, Any]:
    """The attributes of `of` in the current greenlet, initialised at its first use there."""
    values = _values_of(of).get(get_ident())
    if values is None:
        values = _new_values(of)
        kind = type(of)
        if kind.__init__ is not object.__init__:
            args, kwargs = _arguments_of(of)
            try:
                kind.__init__(of, *args, **kwargs)
            except BaseException:
                _values_of(of).pop(get_ident(), None)
                raise
    return values  # type: ignore[no-any-return]


def _new_values(of: local) -> dict[str, Any]:
    """Make room for the attributes of `of` in the current greenlet."""
    ident = get_ident()
    values = _values_of(of)[ident] = dict[str, Any]()
    own = acts_for(getcurrent()).__dict__
    trail = own.get("thread_locals")
    if trail is None:
        trail = own["thread_locals"] = _Trail(ident)
    used, key = trail.locals, id(of)
    used[key] = ref(of, partial(_forget, used, key))
    return values


def _forget(used: dict[int, ref[local]], key: int, dead: ref[local]) -> None:
    """An object of a trail has died."""
    used.pop(key, None)


local.__module__ = "_thread"
local.__name__ = local.__qualname__ = "_local"
