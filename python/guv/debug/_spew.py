"""`spew`: print each line that the calling thread executes."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Collection
from types import FrameType
from typing import Any

from greenlet import getcurrent

from ._stacks import name_of


class _Spewer:
    """A trace function for `sys.settrace`."""

    def __init__(self, trace_names: Collection[str] | None, show_values: bool) -> None:
        self.trace_names = trace_names
        self.show_values = show_values

    def __call__(self, frame: FrameType, event: str, arg: Any) -> _Spewer:
        if event == "line":
            module = str(frame.f_globals.get("__name__", "[unknown]"))
            if self.trace_names is None or module in self.trace_names:
                self._print(module, frame)
        return self

    def _print(self, module: str, frame: FrameType) -> None:
        code = frame.f_code
        line = linecache.getline(code.co_filename, frame.f_lineno, frame.f_globals).rstrip()
        text = f"[{name_of(getcurrent())}] {module}:{frame.f_lineno}: {line}"
        if self.show_values:
            used = {*code.co_names, *code.co_varnames, *code.co_freevars, *code.co_cellvars}
            shown = [f"{name}={value!r}" for name, value in frame.f_locals.items() if name in used and name in line]
            text += f"\n\t{' '.join(shown)}" if shown else ""
        print(text, file=sys.stderr)


def spew(trace_names: Collection[str] | None = None, show_values: bool = False) -> None:
    """Print each line that the calling thread executes from now on to `sys.stderr`, with the greenlet's name.

    `trace_names` are the modules to do so in (as `__name__` has them), None for all; `show_values` adds the local
    variables that the line names. Functions that are running already go on unseen. A debugger's or a coverage tool's
    trace function is replaced.
    """
    sys.settrace(_Spewer(trace_names, show_values))


def unspew() -> None:
    """Undo `spew`."""
    sys.settrace(None)
