"""Concurrent network programs in plain blocking Python.

``import guv; guv.monkey_patch()`` makes the blocking calls of the standard library cooperative:
a program's threads become greenlets that share one thread of the operating system. Importing guv
patches nothing and starts nothing.
"""

from os import environ as _environ
from typing import TYPE_CHECKING as _TYPE_CHECKING

from ._version import __version__ as __version__
from .greenpool import GreenPile as GreenPile
from .greenpool import GreenPool as GreenPool
from .greenthread import GreenThread as GreenThread
from .greenthread import cancel as cancel
from .greenthread import kill as kill
from .greenthread import sleep as sleep
from .greenthread import spawn as spawn
from .greenthread import spawn_after as spawn_after
from .greenthread import spawn_n as spawn_n
from .hubs.switch import gyield as gyield
from .hubs.switch import trampoline as trampoline
from .patcher import monkey_patch as monkey_patch
from .timeout import Timeout as Timeout
from .timeout import with_timeout as with_timeout

if _TYPE_CHECKING:
    from .server import StopServe as StopServe
    from .server import connect as connect
    from .server import listen as listen
    from .server import serve as serve
    from .server import wrap_ssl as wrap_ssl
    from .support.gunicorn_worker import GuvWorker as GuvWorker
    from .support.gunicorn_worker import GuvWSGIWorker as GuvWSGIWorker

_LAZY = {
    **dict.fromkeys(("StopServe", "connect", "listen", "serve", "wrap_ssl"), "guv.server"),
    **dict.fromkeys(("GuvWorker", "GuvWSGIWorker"), "guv.support.gunicorn_worker"),
}

if {"GUV_BLOCKED_MS", "GUV_LEAKS"} & _environ.keys():
    from .debug import from_environment as _from_environment

    _from_environment()


def __getattr__(name: str) -> object:
    """Names that bring in what most programs don't need: servers, gunicorn."""
    if name in _LAZY:
        import importlib

        value: object = getattr(importlib.import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
