"""`WSGIServer` by gevent's arguments: `guv.wsgi.WSGIServer`, which makes its own listening socket."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any

from greenlet import greenlet

from . import wsgi
from .greenpool import GreenPool
from .server._stream import OwnListener, listening, starting, take_context
from .wsgi import AccessFile, AccessLog
from .wsgi import Input as Input
from .wsgi import WSGIHandler as WSGIHandler
from .wsgi import format_date_time as format_date_time

__all__ = ["Input", "WSGIHandler", "WSGIServer", "format_date_time"]


class WSGIServer(OwnListener, wsgi.WSGIServer):
    """Serves a WSGI application; `listener`, `backlog`, `spawn` and the arguments for TLS are those of `StreamServer`.

    `log` gets a line for each request: "default" is `sys.stderr`, None is nothing, else a logger or something with
    `write`. `error_log`, likewise, gets what goes wrong, and is ``environ["wsgi.errors"]``; "default" is the logger
    ``guv.wsgi`` and `sys.stderr`. There is no `handler_class` but None and guv's own `WSGIHandler`, and TypeError says
    so. The remaining `options` are those of `guv.wsgi.WSGIServer`.
    """

    def __init__(
        self,
        listener: Any,
        application: wsgi.Application | None = None,
        backlog: int | None = None,
        spawn: str | int | GreenPool | Callable[..., greenlet] | None = "default",
        log: Any = "default",
        error_log: Any = "default",
        handler_class: type[WSGIHandler] | None = None,
        environ: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        if handler_class not in (None, WSGIHandler):
            raise TypeError(
                f"{handler_class!r} can't be used: guv.wsgi has a handler of its own. Websockets are served by "
                f"guv.websocket or simple-websocket, requests logged by `log`, environ is had by a WSGI middleware"
            )
        options["ssl_context"] = take_context(options)
        options.update(starting(spawn))
        environ = dict(environ or {})
        self.error_log = None if error_log == "default" else _Lines(error_log)
        if self.error_log is not None:
            environ.setdefault("wsgi.errors", self.error_log)
        with listening(listener, backlog) as sock:
            super().__init__(sock, application, environ, access_log=_access_log(log), **options)

    def stop(self, timeout: float | None = None) -> None:
        """Accept no more, and wait for the requests, `stop_timeout` seconds if `timeout` is None; then kill them."""
        super().stop(self.stop_timeout if timeout is None else timeout)

    def log_error(self, environ: dict[str, Any], error: BaseException) -> None:
        """The application raised `error`."""
        if self.error_log is None:
            super().log_error(environ, error)
        else:
            self.error_log.write("".join(traceback.format_exception(error)))

    def log_warning(self, environ: dict[str, Any], text: str) -> None:
        """The application did something wrong that has been made good."""
        if self.error_log is None:
            super().log_warning(environ, text)
        else:
            self.error_log.write(f"{environ.get('REQUEST_METHOD')} {environ.get('REQUEST_URI')}: {text}\n")


def _access_log(log: Any) -> AccessLog | None:
    if log is None:
        return None
    if isinstance(log, logging.Logger):
        return AccessLog(log)
    return AccessFile(None if log == "default" else log)


class _Lines:
    """A stream for ``wsgi.errors`` over None, a logger, or something with `write`."""

    def __init__(self, log: Any) -> None:
        self._log = log

    def write(self, text: str) -> None:
        """Log `text`."""
        if isinstance(self._log, logging.Logger):
            if text.strip():
                self._log.error("%s", text.rstrip("\n"))
        elif self._log is not None:
            self._log.write(text)

    def writelines(self, lines: Any) -> None:
        """Log each of `lines`."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Have what was written be so."""
        flush = getattr(self._log, "flush", None)
        if flush is not None:
            flush()
