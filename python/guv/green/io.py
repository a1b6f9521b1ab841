"""Cooperative :mod:`io`: file objects on pipes, terminals and sockets yield.

`io.open` and `os.fdopen` of such a descriptor give buffers over a raw file that waits by parking; all
other files are those of the standard library. `sys.stdin` is replaced if it is no regular file and
nothing has been read from it yet. `input()` on a terminal lets the others run until a line is there.

`builtins.open` stays what it is: files with a name are regular files nearly always.
"""

from __future__ import annotations

import builtins
import io as _stdlib
import sys
from typing import Any

from ..hubs.native import run_native
from . import names_of
from ._blocking import await_input
from ._files import GreenBufferedReader, GreenFileIO, may_wait_on, rebuild

_open = _stdlib.open
_input = builtins.input


class _Opener:
    """Holds `open` as a bound method: unlike a function it stays itself as a class attribute."""

    __slots__ = ()

    def open(
        self, file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None,
        errors: str | None = None, newline: str | None = None, closefd: bool = True,
        opener: Any = None,
    ) -> Any:  # fmt: skip
        """As `io.open`."""
        if file.__class__ is not int or opener is not None or not may_wait_on(file):
            return _open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        if "+" in mode and buffering != 0:  # needs to seek: the original says so
            return _open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        made = _open(file, mode, buffering, encoding, errors, newline, False)
        return rebuild(made, newline, buffering, closefd)


_Opener.open.__module__ = "io"
_Opener.open.__doc__ = _open.__doc__
open = _Opener().open


def input(prompt: object = "", /) -> str:
    """As `input`."""
    try:
        stdin, stdout = sys.stdin, sys.stdout
        on_terminal = stdin.fileno() == 0 and stdin.isatty() and stdout.isatty()
    except (AttributeError, OSError, ValueError):
        on_terminal = False
    if not on_terminal:
        return _input(prompt)
    if "readline" in sys.modules:  # edits the line itself, key by key
        return run_native(_input, prompt)
    stdout.flush()
    sys.stderr.write(str(prompt))
    sys.stderr.flush()
    await_input(0)
    return _input()


def after_patch() -> None:
    """Replace `sys.stdin`, and have the modules that look up `io.open` find ours."""
    _stdlib.open = open
    stdin: Any = sys.stdin
    if not isinstance(stdin, _stdlib.TextIOWrapper) or not may_wait_on(0):
        return
    try:
        if stdin.fileno() != 0:
            return
        stdin.reconfigure(encoding=stdin.encoding, errors=stdin.errors)
    except (OSError, ValueError):  # read from already, closed, or not ours
        return
    raw = GreenFileIO(0, "r", closefd=False)
    raw.name = "<stdin>"
    green: Any = _stdlib.TextIOWrapper(
        GreenBufferedReader(raw), stdin.encoding, stdin.errors, None, stdin.line_buffering
    )
    green.mode = "r"
    if sys.__stdin__ is stdin:
        sys.__stdin__ = green  # type: ignore[misc]
    sys.stdin = green


PATCHES = [("builtins", "input", input)]

__getattr__ = names_of("io")
