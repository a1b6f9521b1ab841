"""Workers for gunicorn 23 and later: ``gunicorn -k guv.GuvWorker``.

`GuvWorker` reads and answers requests by gunicorn's own code, each connection in a greenlet; everything that gunicorn's
other workers know works. `GuvWSGIWorker` leaves HTTP to `guv.wsgi`, which takes a fraction of the time.

The standard library is patched in each worker process, not in gunicorn's master. A preloaded application has been
imported by then; `monkey_patch` reaches it nevertheless.
"""

from __future__ import annotations

import importlib
import os
from signal import SIGABRT, SIGINT, SIGQUIT, SIGTERM
from signal import signal as set_handler
from types import FrameType
from typing import Any

from greenlet import GreenletExit, getcurrent, greenlet
from gunicorn.sock import ssl_context
from gunicorn.workers.base_async import AsyncWorker

from .. import _originals
from ..const import READ
from ..greenthread import spawn
from ..hubs.switch import trampoline
from ..patcher import monkey_patch
from ..patcher._plan import GROUPS
from ..server import Server
from ..timeout import Timeout
from ..wsgi import ALREADY_HANDLED
from ..wsgi._handler import FIRST_WORDS

for _names in GROUPS.values():
    for _name in _names:  # what the workers patch with is loaded once, by the master
        importlib.import_module(_name)

_BEAT = 1.0  # seconds between two signs of life to the master, at most
_NEVER = float("inf")
_LAST_WORDS = 1.0  # seconds that killed requests have for their cleaning up


class GuvWorker(AsyncWorker):  # type: ignore[misc]
    """Serves each connection in a greenlet, by gunicorn's parser and reply classes."""

    def init_process(self) -> None:
        """Patch, then do what every worker does. Ends when the worker does."""
        #: the socket that each greenlet serves
        self.clients: dict[greenlet, Any] = {}
        #: the sockets of those that wait for a request, and when they may be given up
        self.waiting: dict[greenlet, tuple[Any, float]] = {}
        #: the greenlets whose client has not asked for anything yet
        self.fresh: set[greenlet] = set()
        # The master's handlers, which the fork has left, would swallow a signal that comes while we patch.
        for number in (SIGTERM, SIGINT, SIGQUIT, SIGABRT):
            set_handler(number, self.stop_early)
        monkey_patch()
        super().init_process()

    def stop_early(self, sig: int, frame: FrameType | None) -> None:
        """A signal to stop, before there is anything to finish."""
        raise SystemExit(1 if sig == SIGABRT else 0)

    # ---- life ----

    def run(self) -> None:
        """Serve until told to stop, finish what is under way, for `graceful_timeout` seconds at most."""
        servers = [self.make_server(wrapper) for wrapper in self.sockets]
        for server in servers:
            server.accept_burst = 1 if self.cfg.workers > 1 else server.accept_burst
            server.start()
        while self.alive:
            self.notify()
            self._wait(_BEAT)
            self.end_idle(_originals.monotonic())
        for server in servers:
            server.stop_accepting()
        self.end_idle()
        deadline = _originals.monotonic() + self.cfg.graceful_timeout
        while any(server.running for server in servers):
            left = deadline - _originals.monotonic()
            if left <= 0:
                self.log.warning("Worker graceful timeout (pid:%s)", self.pid)
                break
            self.notify()
            self._wait(min(left, _BEAT))
            self.end_idle(_originals.monotonic())
        with Timeout(_LAST_WORDS, False):
            for server in servers:
                server.stop(0)

    def make_server(self, wrapper: Any) -> Server:
        """The server of one of gunicorn's listening sockets."""
        listener = _Listener(wrapper)

        def connected(client: Any, address: Any) -> None:
            self.handle(listener, client, address)

        return Server(
            getattr(wrapper, "sock", wrapper),
            connected,
            concurrency=self.worker_connections,
            ssl_context=ssl_context(self.cfg) if self.cfg.is_ssl else None,
            close_connections=False,  # gunicorn does
            on_idle=self._wake,
        )

    def end_idle(self, now: float | None = None) -> None:
        """Let connections that wait for a request see the end of their input: all, or those overdue at `now`.

        What has arrived already is still served. Who has not asked yet has a second to do so.
        """
        for waiter, (client, deadline) in list(self.waiting.items()):
            if now is None and waiter in self.fresh:
                self.waiting[waiter] = client, min(deadline, _originals.monotonic() + FIRST_WORDS)
            elif now is None or now >= deadline:
                try:
                    _originals.RawSocket.shutdown(client, _originals.SHUT_RD)  # under TLS too
                except OSError:
                    pass

    def notify(self) -> None:
        """Tell the master that this worker lives; stop if there is no master any more."""
        super().notify()
        if self.ppid != os.getppid():
            self.log.info("Parent changed, shutting down: %s", self)
            self.alive = False

    def _wait(self, seconds: float) -> None:
        """Yield until a signal arrives or `_wake` is called: both write into gunicorn's pipe."""
        pipe = self.PIPE[0]
        try:
            trampoline(pipe, READ, seconds, TimeoutError)
            _originals.os_read(pipe, 4096)
        except (TimeoutError, BlockingIOError):
            pass

    def _wake(self) -> None:
        try:
            _originals.os_write(self.PIPE[1], b".")
        except BlockingIOError:
            pass  # full of wake-ups

    # ---- connections ----

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve a connection. Yields."""
        me = getcurrent()
        self.clients[me] = client
        self.fresh.add(me)
        try:
            super().handle(listener, client, addr)
        finally:
            del self.clients[me]
            self.fresh.discard(me)

    def handle_http2(self, listener: Any, client: Any, addr: Any, **options: Any) -> None:
        """Serve an HTTP/2 connection (gunicorn 26 and later). Yields."""
        me = getcurrent()
        self.waiting[me] = client, _NEVER
        try:
            super().handle_http2(listener, client, addr, **options)
        finally:
            self.waiting.pop(me, None)

    def timeout_ctx(self) -> _Idleness:
        """What gunicorn waits in for the next request of a connection."""
        return _Idleness(self)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> bool:
        """Answer one request. Yields."""
        try:
            return bool(super().handle_request(listener_name, req, sock, addr))
        except GreenletExit:
            raise StopIteration from None  # killed at the end of the graceful timeout
        finally:
            if not self.alive:
                self._wake()  # that was the last of --max-requests

    def is_already_handled(self, respiter: Any) -> bool:
        """Whether the application has answered on the socket itself, as a websocket does."""
        if respiter is ALREADY_HANDLED:
            raise StopIteration
        return bool(super().is_already_handled(respiter))

    # ---- signals: a handler may run in the hub, which must not block ----

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """SIGQUIT and SIGINT: stop at once."""
        self.alive = False
        spawn(super().handle_quit, sig, frame)

    def handle_usr1(self, sig: int, frame: FrameType | None) -> None:
        """SIGUSR1: reopen the log files."""
        spawn(super().handle_usr1, sig, frame)


class _Listener:
    """A listening socket whose name is known even when it is closed: connections accepted before that ask for it."""

    def __init__(self, wrapper: Any) -> None:
        self._wrapper = wrapper
        self._name = wrapper.getsockname()

    def getsockname(self) -> Any:
        return self._name

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapper, name)


class _Idleness:
    """Marks the connection as waiting for a request, until the keep-alive time is up.

    A timer for each request would cost more than gunicorn's parser; so the worker looks through the marks at each beat
    and ends what is overdue.
    """

    __slots__ = ("_greenlet", "_worker")

    def __init__(self, worker: GuvWorker) -> None:
        self._worker = worker

    def __enter__(self) -> None:
        worker = self._worker
        self._greenlet = me = getcurrent()
        worker.waiting[me] = worker.clients[me], _originals.monotonic() + worker.cfg.keepalive
        if not worker.alive:
            worker.end_idle()

    def __exit__(self, *error: object) -> None:
        self._worker.waiting.pop(self._greenlet, None)
        self._worker.fresh.discard(self._greenlet)


class GuvWSGIWorker(GuvWorker):
    """Serves by `guv.wsgi` under gunicorn's management: settings, signals, logs and hooks are gunicorn's."""

    def make_server(self, wrapper: Any) -> Server:
        """The server of one of gunicorn's listening sockets."""
        from ._gunicorn_wsgi import GunicornServer

        return GunicornServer(self, getattr(wrapper, "sock", wrapper))
