"""Refuse to be imported in a subinterpreter.

The Go runtime, the signal handlers and the fork handlers belong to the process; a subinterpreter would share them with
the main one. greenlet refuses some kinds of subinterpreter too, but not those that mod_wsgi and its like make.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def _module() -> Any:
    for name in "_interpreters", "_xxsubinterpreters":  # since 3.13, before
        try:
            return import_module(name)
        except ImportError:
            pass
    return None


def check() -> None:
    """Raise ImportError in any interpreter but the main one. Where the standard library was built without the
    module that knows, nothing is checked."""
    interpreters = _module()
    if interpreters is None:
        return
    if interpreters.get_current() != interpreters.get_main():
        raise ImportError(
            "guv can't be used in a subinterpreter: its event loop belongs to the whole process. Import it in the main "
            "interpreter (with mod_wsgi: WSGIApplicationGroup %{GLOBAL})"
        )


check()
