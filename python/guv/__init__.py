"""Concurrent network programs in plain blocking Python.

``import guv; guv.monkey_patch()`` makes the blocking calls of the standard library cooperative:
a program's threads become greenlets that share one thread of the operating system. Importing guv
patches nothing and starts nothing. `guv.__version__` is its version, `guv.version_info` has the numbers of that.
"""

from os import environ as _environ
from typing import TYPE_CHECKING as _TYPE_CHECKING

from . import _interpreter as _interpreter  # first: it may refuse
from ._version import __version__ as __version__
from ._version import version_info as version_info
from .greenthread import GreenThread as GreenThread
from .greenthread import cancel as cancel
from .greenthread import kill as kill
from .greenthread import sleep as sleep
from .greenthread import spawn as spawn
from .greenthread import spawn_after as spawn_after
from .greenthread import spawn_n as spawn_n
from .hubs.switch import gyield as gyield
from .hubs.switch import trampoline as trampoline
from .patcher import import_patched as import_patched
from .patcher import is_monkey_patched as is_monkey_patched
from .patcher import monkey_patch as monkey_patch
from .timeout import Timeout as Timeout
from .timeout import with_timeout as with_timeout

if _TYPE_CHECKING:
    from . import const as const
    from . import debug as debug
    from . import event as event
    from . import exceptions as exceptions
    from . import green as green
    from . import greenio as greenio
    from . import greenlet as greenlet
    from . import greenpool as greenpool
    from . import greenthread as greenthread
    from . import hub as hub
    from . import hubs as hubs
    from . import local as local
    from . import lock as lock
    from . import patcher as patcher
    from . import pools as pools
    from . import queue as queue
    from . import semaphore as semaphore
    from . import server as server
    from . import support as support
    from . import timeout as timeout
    from . import tpool as tpool
    from . import wsgi as wsgi
    from .event import AsyncResult as AsyncResult
    from .event import Event as Event
    from .event import TEvent as TEvent
    from .exceptions import Cancelled as Cancelled
    from .greenlet import Greenlet as Greenlet
    from .greenlet import GreenletExit as GreenletExit
    from .greenlet import getcurrent as getcurrent
    from .greenlet import spawn_later as spawn_later
    from .greenlet import spawn_raw as spawn_raw
    from .greenpool import GreenMap as GreenMap
    from .greenpool import GreenPile as GreenPile
    from .greenpool import GreenPool as GreenPool
    from .group import Group as Group
    from .hub import get_hub as get_hub
    from .hub import idle as idle
    from .hub import reinit as reinit
    from .hub import signal_handler as signal_handler
    from .joining import iwait as iwait
    from .joining import joinall as joinall
    from .joining import killall as killall
    from .joining import wait as wait
    from .lock import Barrier as Barrier
    from .lock import Condition as Condition
    from .lock import RLock as RLock
    from .queue import Queue as Queue
    from .semaphore import BoundedSemaphore as BoundedSemaphore
    from .semaphore import CappedSemaphore as CappedSemaphore
    from .semaphore import Semaphore as Semaphore
    from .server import StopServe as StopServe
    from .server import connect as connect
    from .server import listen as listen
    from .server import serve as serve
    from .server import wrap_ssl as wrap_ssl
    from .support.gunicorn_worker import GuvWorker as GuvWorker
    from .support.gunicorn_worker import GuvWSGIWorker as GuvWSGIWorker
    from .taskgroup import TaskGroup as TaskGroup
    from .taskgroup import shield as shield

_LAZY = {
    **dict.fromkeys(("AsyncResult", "Event", "TEvent"), "guv.event"),
    **dict.fromkeys(("GreenMap", "GreenPile", "GreenPool"), "guv.greenpool"),
    **dict.fromkeys(("Greenlet", "GreenletExit", "getcurrent", "spawn_later", "spawn_raw"), "guv.greenlet"),
    **dict.fromkeys(("get_hub", "idle", "reinit", "signal_handler"), "guv.hub"),
    **dict.fromkeys(("iwait", "joinall", "killall", "wait"), "guv.joining"),
    **dict.fromkeys(("Barrier", "Condition", "RLock"), "guv.lock"),
    **dict.fromkeys(("BoundedSemaphore", "CappedSemaphore", "Semaphore"), "guv.semaphore"),
    **dict.fromkeys(("TaskGroup", "shield"), "guv.taskgroup"),
    "Cancelled": "guv.exceptions",
    "Group": "guv.group",
    "Queue": "guv.queue",
    **dict.fromkeys(("StopServe", "connect", "listen", "serve", "wrap_ssl"), "guv.server"),
    **dict.fromkeys(("GuvWorker", "GuvWSGIWorker"), "guv.support.gunicorn_worker"),
}

if {"GUV_BLOCKED_MS", "GUV_LEAKS", "GUV_TRACK_SPAWNS"} & _environ.keys():
    from .debug import from_environment as _from_environment

    _from_environment()


#: Modules that programs use as attributes of the package, without importing them.
_MODULES = frozenset(
    "debug event greenio greenlet greenpool hub local lock pools queue semaphore server tpool wsgi".split()  # noqa: SIM905
)


def __getattr__(name: str) -> object:
    """Names that are not needed by every program, brought in when they are first asked for."""
    if name in _LAZY or name in _MODULES:
        import importlib

        value: object = (
            importlib.import_module(f"guv.{name}")
            if name in _MODULES
            else getattr(importlib.import_module(_LAZY[name]), name)
        )
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({name for name in {*globals(), *_LAZY, *_MODULES} if not name.startswith("_")} | {"__version__"})
