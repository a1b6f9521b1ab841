"""WSGI servers that are compared, each with one worker: some in a process of ours, some by their own commands."""

from __future__ import annotations

import importlib.util
import socket
import sys
from collections.abc import Callable
from typing import Any

from .libraries import Missing

APPLICATION = "bench.hello:application"
#: Seconds that a quiet connection is kept, for all alike: none is closed while it is measured.
KEEP_ALIVE = 75


def _guv(listener: socket.socket, application: Any) -> None:
    import guv.wsgi

    guv.wsgi.serve(listener, application, log_output=False)


def _gevent(listener: socket.socket, application: Any) -> None:
    from gevent.pywsgi import WSGIServer

    WSGIServer(listener, application, log=None).serve_forever()


def _eventlet(listener: socket.socket, application: Any) -> None:
    import eventlet.wsgi

    eventlet.wsgi.server(listener, application, log_output=False, max_size=20_000, socket_timeout=KEEP_ALIVE)


#: Name -> the library in whose process, patched, it runs, and what serves. They log no request.
IN_PROCESS: dict[str, tuple[str, Callable[[socket.socket, Any], None]]] = {
    "guv.wsgi": ("guv", _guv),
    "gevent.pywsgi": ("gevent", _gevent),
    "eventlet.wsgi": ("eventlet", _eventlet),
}


def _gunicorn(worker: str, *options: str) -> Callable[[int], list[str]]:
    return lambda port: [
        sys.executable, "-m", "gunicorn", "-k", worker, "-b", f"127.0.0.1:{port}", "--keep-alive", str(KEEP_ALIVE),
        "--worker-connections", "20000", "--log-level", "critical", *options, APPLICATION,
    ]  # fmt: skip


def _granian(port: int) -> list[str]:
    return [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--backlog", "4096", "--no-log", APPLICATION,
    ]  # fmt: skip


#: Name -> the modules that it needs, and its command for a port.
COMMANDS: dict[str, tuple[tuple[str, ...], Callable[[int], list[str]]]] = {
    "gunicorn guv": (("gunicorn", "guv"), _gunicorn("guv.GuvWSGIWorker")),
    "gunicorn gevent": (("gunicorn", "gevent"), _gunicorn("gevent")),
    "gunicorn gthread": (("gunicorn",), _gunicorn("gthread", "--threads", "16")),
    "granian": (("granian",), _granian),
}

#: In the order of the table.
SERVERS = (*IN_PROCESS, *COMMANDS)
BASE = "gevent.pywsgi"


def serve(library: str, listener: socket.socket, application: Any) -> None:
    """Serve in this process, which `library` has patched, for ever."""
    next(serve for owner, serve in IN_PROCESS.values() if owner == library)(listener, application)


def command(name: str, port: int) -> list[str]:
    """What starts a server of `COMMANDS`. Raises `Missing`."""
    needed, make = COMMANDS[name]
    for module in needed:
        if importlib.util.find_spec(module) is None:
            raise Missing(f"not installed ({module})")
    return make(port)
