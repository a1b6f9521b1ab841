"""Support for libraries that wait in C, where no patch of the standard library reaches.

Most libraries need nothing: they wait through `socket`, `select` or `threading`, which `monkey_patch` has made
cooperative. A C library that does its own waiting stops all greenlets meanwhile. A *support module* changes that:

- It is a module with a function ``patch()``, which makes the library cooperative. ``patch()`` may be called again,
  and before or after the library is used; it raises ImportError if the library is not installed or older than the
  module's ``MINIMUM`` version.
- Where the library would block, it calls `guv.trampoline` with the descriptor that the library waits for:
  ``trampoline(fd, READ or WRITE, timeout, exception)``. A loop that is always ready calls `guv.gyield` now and then.
  The descriptor comes from the library (``conn.fileno()``, an option, a callback that tells which to watch).
- A library that has no descriptor to offer runs in native threads: `blocking` wraps its functions, `guv.tpool` is
  behind that.
- A call that was interrupted (`guv.kill`, `guv.Timeout`: any BaseException out of ``trampoline``) leaves the library's
  object usable or closed, never half way.
- It says which calls yield and which still block, and has a test against the real library.

`monkey_patch` applies each module when its library is imported, or at once if it has been; a keyword of that name turns
it off: ``monkey_patch(psycopg2=False)``. A library that is absent costs nothing. Other packages bring their own by the
entry point group ``guv.support``: its name is the library's import name, its value the module.
"""

from __future__ import annotations

import functools
import importlib
import sys
import warnings
from collections.abc import Callable, Iterable
from types import ModuleType, TracebackType
from typing import Any, Final, NoReturn

from ._imports import is_complete, when_imported

#: import name of the library -> its support module
SUPPORTED: Final = {
    "psycopg2": "guv.support.psycopg2",
    "psycopg": "guv.support.psycopg",
    "MySQLdb": "guv.support.mysqlclient",
    "pycurl": "guv.support.pycurl",
    "curl_cffi": "guv.support.curl_cffi",
    "confluent_kafka": "guv.support.confluent_kafka",
    "zmq": "guv.support.zmq",
    "grpc": "guv.support.grpc",
    "uvloop": "guv.support.uvloop",
    "sqlite3": "guv.support.sqlite3",
    "ctypes": "guv.support.ctypes",
    "cassandra": "guv.support.cassandra",
    "ldap": "guv.support.ldap",
    "pyodbc": "guv.support.pyodbc",
    "pymssql": "guv.support.pymssql",
    "pycares": "guv.support.pycares",
    "watchfiles": "guv.support.watchfiles",
    "pyfakefs": "guv.support.pyfakefs",
}

_states: dict[str, str] = {}


def activate(library: str, module: str | None = None) -> None:
    """Apply the support module of `library` once that is imported; at once if it has been. Imports nothing now."""
    if library in _states:
        return
    _states[library] = "waits for the import"
    name = module or SUPPORTED[library]
    when_imported(library, lambda: _apply(library, name))
    # somebody may import the support module first, and that the library: then it is applied when both are there
    when_imported(name, lambda: _apply(library, name))


def activate_plugins() -> None:
    """`activate` what other packages have registered, once something is imported that may need it."""
    when_imported(None, _load_plugins)


def report() -> dict[str, str]:
    """For each library: ``active``, ``waits for the import``, or why its support could not be applied."""
    return dict(_states)


def blocking(target: ModuleType | type, names: Iterable[str]) -> None:
    """Send calls of the functions `names` of a module or a Python class to native threads (`guv.tpool`).

    A call waits for a free thread of the pool, and other greenlets run meanwhile. Only for functions that may be called
    from any thread. Raises TypeError for a class made in C, whose methods can't be replaced: wrap it in Python first.
    """
    for name in names:
        function = getattr(target, name)
        if getattr(function, "__guv_blocking__", False):
            continue
        setattr(target, name, _in_thread(function))


def _in_thread(function: Callable[..., Any]) -> Callable[..., Any]:
    from .. import tpool

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return tpool.execute(function, *args, **kwargs)

    call.__guv_blocking__ = True  # type: ignore[attr-defined]
    return call


def require(library: ModuleType, minimum: tuple[int, ...], version: str) -> None:
    """Raise ImportError if `version`, the library's, is older than `minimum`."""
    numbers = []
    for part in version.split(" ")[0].split("."):
        digits = "".join(c for c in part if c.isdigit())
        if not digits:
            break
        numbers.append(int(digits))
    if tuple(numbers) < minimum:
        wanted = ".".join(map(str, minimum))
        raise ImportError(f"guv supports {library.__name__} from version {wanted} on, this is {version}")


def _apply(library: str, name: str) -> None:
    if _states[library] == "active":
        return
    try:
        module = importlib.import_module(name)
        if not is_complete(module):
            return
        module.patch()
    except Exception as error:
        _states[library] = f"failed: {error}"
        warnings.warn(f"{library} stays as it is and may block all greenlets: {error}", RuntimeWarning, stacklevel=2)
    else:
        _states[library] = "active"


def _load_plugins() -> None:
    from importlib.metadata import entry_points

    for point in entry_points(group="guv.support"):
        activate(point.name, point.value)


def get_errno(error: BaseException) -> int | None:
    """The errno of an OSError, None for other exceptions."""
    return error.errno if isinstance(error, OSError) else None


def reraise(tp: object, value: BaseException, tb: TracebackType | None = None) -> NoReturn:
    """Raise `value` with the traceback `tb`: what `sys.exc_info` gave. `tp`, its class, is not looked at."""
    raise value.with_traceback(tb)


PYPY: Final = sys.implementation.name == "pypy"
OS_WINDOWS: Final = sys.platform == "win32"
