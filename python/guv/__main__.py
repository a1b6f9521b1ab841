"""Run any program on greenlets: ``python -m guv [-m module | -c code | script.py] args...``

The program finds everything as without guv: `__main__`, `sys.argv`, `sys.path`, its exit status, its
tracebacks, Ctrl-C. Only the standard library has been patched, before the program's first line.

What `python` itself would open (a script, a folder or zip file with a `__main__.py`, ``-`` for
standard input) can be given. ``--no NAME`` leaves one group of `monkey_patch` out; may be repeated.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType, TracebackType
from typing import NoReturn

USAGE = "usage: python -m guv [--no GROUP]... [-m module | -c code | script.py | -] [args...]"


def main(arguments: list[str]) -> None:
    """Patch, and run the program that `arguments` name. Returns when it ends."""
    left_out: dict[str, bool] = {}
    while arguments and arguments[0] == "--no" and len(arguments) > 1:
        left_out[arguments[1]] = False
        arguments = arguments[2:]
    if not arguments or arguments[0] in ("-h", "--help"):
        _refuse("" if arguments else "no program given")
    option, rest = arguments[0], arguments[1:]
    if option in ("-m", "-c") and not rest:
        _refuse(f"argument expected for the {option} option")
    if option.startswith("-") and option not in ("-m", "-c", "-"):
        _refuse(f"unknown option {option}")

    import guv

    try:
        guv.monkey_patch(**left_out)
    except TypeError as error:
        _refuse(str(error))
    program = sys.modules["__main__"] = ModuleType("__main__")
    program.__dict__["__builtins__"] = builtins
    try:
        if option == "-m":
            sys.argv = rest
            _run_module(rest[0], alter_argv=True)
        elif option == "-c":
            sys.argv = ["-c", *rest[1:]]
            _set_path("")
            _run_code(program, rest[0].encode(), "<string>")
        elif option == "-":
            sys.argv = ["-", *rest]
            _set_path("")
            _run_code(program, sys.stdin.buffer.read(), "<stdin>")
        else:
            sys.argv = arguments
            _run_path(program, option)
    except BaseException:
        sys.excepthook = partial(_report_program, sys.excepthook, __file__)
        raise


def _refuse(problem: str) -> NoReturn:
    """End with how to use this: in order to stdout if there is no problem."""
    if not problem:
        print(f"{USAGE}\n\n{(__doc__ or '').strip()}")
        raise SystemExit(0)
    print(f"{problem}\n{USAGE}", file=sys.stderr)
    raise SystemExit(2)


def _set_path(first: str) -> None:
    """Where the program's own modules are, unless the interpreter was told not to look there."""
    if not getattr(sys.flags, "safe_path", sys.flags.isolated):
        sys.path[0] = first


def _run_module(name: str, alter_argv: bool) -> None:
    """What ``python -m`` does, by the same function of the standard library."""
    import runpy

    runpy._run_module_as_main(name, alter_argv)  # type: ignore[attr-defined]


def _run_path(program: ModuleType, path: str) -> None:
    import pkgutil

    if pkgutil.get_importer(path) is not None:  # a folder, or a zip file
        sys.path[0] = path
        _run_module("__main__", alter_argv=False)
        return
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        print(
            f"{sys.executable}: can't open file {os.path.abspath(path)!r}: [Errno {error.errno}] {error.strerror}",
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    _set_path(os.path.dirname(os.path.realpath(path)))
    program.__dict__.update(__file__=path, __cached__=None)
    _run_code(program, source, path)


def _run_code(program: ModuleType, source: bytes, name: str) -> None:
    exec(compile(source, name, "exec", dont_inherit=True), program.__dict__)


def _report_program(
    hook: Callable[..., object],
    ours: str,
    kind: type[BaseException],
    value: BaseException,
    traceback: TracebackType | None,
) -> None:
    """Have the program's `sys.excepthook` report what ended it, from its own first frame on."""
    sys.excepthook = hook
    while traceback is not None and _is_ours(traceback.tb_frame.f_code.co_filename, ours):
        traceback = traceback.tb_next
    hook(kind, value.with_traceback(traceback), traceback)


def _is_ours(filename: str, ours: str) -> bool:
    return filename in (ours, "<frozen runpy>") or filename.endswith("/runpy.py")


if __name__ == "__main__":
    main(sys.argv[1:])
