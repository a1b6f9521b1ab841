"""Cooperative :mod:`io`: file objects on pipes, terminals and sockets yield.

`open` and `os.fdopen` of such a descriptor, or of the name of a FIFO or a terminal, give buffers over a raw
file that waits by parking; all other files are those of the standard library, at the price of one `os.stat` to tell.
`sys.stdin` is replaced if it is no regular file and nothing has been read from it yet. `input()` on a terminal lets the
others run until a line is there.
"""

from __future__ import annotations

import builtins
import io as _stdlib
import os
import sys
from typing import Any

from ..hubs.native import run_native
from . import names_of
from ._blocking import await_input
from ._files import GreenBufferedReader, GreenFileIO, may_wait_at, may_wait_on, rebuild
from .os import open as open_descriptor

_open = _stdlib.open
_input = builtins.input
_WARN = sys.flags.warn_default_encoding
text_encoding: Any = vars(_stdlib)["text_encoding"]


def open(
    file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None, errors: str | None = None,
    newline: str | None = None, closefd: bool = True, opener: Any = None,
) -> Any:  # fmt: skip
    """As `open`; yields while the other end of a FIFO is missing, and the file on what can wait yields."""
    if _WARN and encoding is None and "b" not in mode:
        encoding = text_encoding(None, 2)  # warns of our caller; the original would warn of us
    given = isinstance(file, int)
    if (
        opener is not None
        or not (may_wait_on if given else may_wait_at)(file)
        or mode.__class__ is not str
        or ("+" in mode and buffering != 0)  # needs to seek: the original says so
    ):
        return _open(file, mode, buffering, encoding, errors, newline, closefd, opener)
    if given:
        made = _open(file, mode, buffering, encoding, errors, newline, False)
        return rebuild(made, newline, buffering, file, closefd)
    made = _open(file, mode, buffering, encoding, errors, newline, closefd, _open_at)
    return rebuild(made, newline, buffering, os.dup(made.fileno()), True) if may_wait_on(made.fileno()) else made


def _open_at(path: Any, flags: int) -> int:
    return open_descriptor(path, flags, 0o666)


def input(*prompt: object) -> str:
    """As `input`."""
    if len(prompt) > 1:
        return _input(*prompt)  # raises the TypeError
    try:
        stdin, stdout = sys.stdin, sys.stdout
        on_terminal = stdin.fileno() == 0 and stdin.isatty() and stdout.isatty()
    except (AttributeError, OSError, ValueError):
        on_terminal = False
    if not on_terminal:
        return _input(*prompt)
    if "readline" in sys.modules:  # edits the line itself, key by key
        return run_native(_input, *prompt)
    stdout.flush()
    sys.stderr.write("".join(map(str, prompt)))
    sys.stderr.flush()
    await_input(0)
    return _input()


def after_patch() -> None:
    """Replace `sys.stdin`."""
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


PATCHES = [("io", "open", open), ("builtins", "open", open), ("builtins", "input", input)]

__getattr__ = names_of("io")
