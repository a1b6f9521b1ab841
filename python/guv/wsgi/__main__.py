"""Serve a WSGI application from the command line: ``python -m guv.wsgi module:app -b HOST:PORT -w WORKERS``.

Every worker is a process with a hub of its own, and patched. SIGHUP to the first process reloads the application,
SIGTERM stops gracefully. ``--help`` has the rest.
"""

from __future__ import annotations

import argparse
import importlib
import ipaddress
import logging
import os
import signal
import socket
import sys
import traceback
from time import monotonic
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..server import listen, listen_fds
from ._supervisor import FAILED_TO_START, READY, Supervisor

if TYPE_CHECKING:
    import ssl

    from ._limits import Limits
    from ._log import AccessLog
    from ._server import Application


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m guv.wsgi", description="Serve a WSGI application.", allow_abbrev=False
    )
    add = parser.add_argument
    add("app", help="module:name of the application; module:name() of a function that makes it")
    add(
        "-b", "--bind", action="append", metavar="ADDRESS",
        help="HOST:PORT, unix:PATH or fd:NUMBER; may be repeated. Without it, the sockets of socket activation, "
        "or 127.0.0.1:8000",
    )  # fmt: skip
    add("-w", "--workers", type=_count, default=1, metavar="N", help="processes (1)")
    add("--chdir", default=".", metavar="DIR", help="where to run and to look for the application")
    add("--certfile", metavar="PEM", help="serve TLS with this certificate")
    add("--keyfile", metavar="PEM", help="its key, if that is in another file")
    add("--connections", type=_count, metavar="N", help="connections of a worker at a time (no limit)")
    add("--access-log", metavar="FILE", help="write a line for each request; - is standard output")
    add("--log-format", choices=("common", "combined"), default="combined")
    add(
        "--trusted-proxies", type=_networks, default=[], metavar="NETWORKS",
        help="whose X-Forwarded-For the access log believes",
    )  # fmt: skip
    add("--proxy-protocol", action="store_true", help="connections begin with a header of the PROXY protocol")
    add("--graceful-timeout", type=_seconds, default=30.0, metavar="S", help="for requests when stopping (30)")
    add("--keep-alive", type=_seconds, default=75.0, metavar="S", help="for the next request of a connection (75)")
    add("--head-timeout", type=_seconds, default=30.0, metavar="S", help="for a request's head to arrive (30)")
    add("--body-timeout", type=_seconds, default=60.0, metavar="S", help="for the next bytes of a request's body (60)")
    add("--send-timeout", type=_seconds, default=60.0, metavar="S", help="for the peer to take more of a reply (60)")
    add("--max-body", type=_count, metavar="BYTES", help="of a request (no limit)")
    add("--max-head", type=_count, default=65536, metavar="BYTES", help="of a request's line and headers (65536)")
    add("--max-requests", type=_count, metavar="N", help="on one connection (no limit)")
    options = parser.parse_args(arguments)
    if options.keyfile and not options.certfile:
        parser.error("--keyfile needs --certfile")
    return options


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def _networks(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        try:
            ipaddress.ip_network(name)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    return names


class CannotServe(Exception):
    """What the command line asks for is not possible; the text says what and why."""


def tls_context(options: argparse.Namespace) -> ssl.SSLContext | None:
    """What ``--certfile`` and ``--keyfile`` say. Raises `CannotServe`."""
    if not options.certfile:
        return None
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(options.certfile, options.keyfile)
    except OSError as error:  # SSLError, too
        files = " and ".join(filter(None, (options.certfile, options.keyfile)))
        raise CannotServe(f"can't use the certificate and key in {files}: {error}") from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def open_listener(address: str) -> socket.socket:
    """The listening socket of a ``--bind``. Raises `CannotServe`."""
    try:
        return _listen(address)
    except (OSError, ValueError) as error:
        raise CannotServe(f"can't listen on {address}: {error}") from error


def _listen(address: str) -> socket.socket:
    if address.startswith("unix:"):
        return listen(address[5:])
    if address.startswith("fd:"):
        return socket.socket(fileno=int(address[3:].lstrip("/")))
    host, colon, port = address.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError("it is not HOST:PORT, unix:PATH or fd:NUMBER")
    return listen((host.strip("[]") or "0.0.0.0", int(port)))


def describe(listener: socket.socket, tls: bool) -> str:
    """A listener as a URL."""
    address: Any = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{os.fsdecode(address)}"
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"http{'s' if tls else ''}://{host}:{address[1]}"


def load(name: str) -> Application:
    """The application `module:name` or `module:name()`; `application` or `app` if only a module is given."""
    module_name, _, attribute = name.partition(":")
    made = attribute.endswith("()")
    module = importlib.import_module(module_name)
    if not attribute:
        attribute = "application" if hasattr(module, "application") else "app"
    found: Any = module
    for part in attribute.removesuffix("()").split("."):
        found = getattr(found, part)
    if made:
        found = found()
    if not callable(found):
        raise TypeError(f"{name} is not a WSGI application: {found!r} can't be called")
    return found  # type: ignore[no-any-return]


def _limits(options: argparse.Namespace) -> Limits:
    from ._limits import Limits

    return Limits(
        request_line=min(8192, options.max_head),
        header_line=min(8192, options.max_head),
        head=options.max_head,
        body=options.max_body,
        keep_alive=options.keep_alive,
        head_timeout=options.head_timeout,
        body_timeout=options.body_timeout,
        send_timeout=options.send_timeout,
        requests=options.max_requests,
    )


def _access_log(options: argparse.Namespace) -> AccessLog | None:
    from ._log import COMBINED, COMMON, AccessLog

    if options.access_log is None:
        return None
    logger = logging.getLogger("guv.wsgi.access")
    to_file = options.access_log != "-"
    logger.addHandler(logging.FileHandler(options.access_log) if to_file else logging.StreamHandler(sys.stdout))
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return AccessLog(format=COMMON if options.log_format == "common" else COMBINED, trusted=options.trusted_proxies)


def work(options: argparse.Namespace, listeners: list[socket.socket], report: int, life: int) -> int:
    """A worker process: serve until SIGTERM, or until `life` ends; the exit status. Yields."""
    from ..const import READ
    from ..event import TEvent
    from ..greenthread import spawn
    from ..hubs.switch import trampoline
    from ..patcher import monkey_patch
    from ._server import WSGIServer

    monkey_patch()
    stop = TEvent()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the supervisor passes it on
    sys.path.insert(0, os.getcwd())
    try:
        application = load(options.app)
        access_log = _access_log(options)
        context = tls_context(options)  # anew in each worker: a reload takes a renewed certificate
        servers = [
            WSGIServer(
                listener,
                application,
                {"wsgi.multiprocess": options.workers > 1},
                limits=_limits(options),
                access_log=access_log,
                concurrency=options.connections,
                ssl_context=context,
                proxy_protocol=options.proxy_protocol,
            )
            for listener in listeners
        ]
    except Exception:
        traceback.print_exc()
        return FAILED_TO_START
    for server in servers:
        if options.workers > 1:
            server.accept_burst = 1
        server.start()

    def watch() -> None:
        trampoline(life, READ)
        stop.set()

    spawn(watch)
    os.write(report, READY)
    stop.wait()
    for server in servers:
        server.stop_accepting()
    for ending in [spawn(server.stop, options.graceful_timeout) for server in servers]:
        ending.wait()
    try:
        os.write(report, b"%d\n" % sum(server.requests for server in servers))
    except BrokenPipeError:
        pass  # the supervisor was killed
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Serve as the command line says; the exit status."""
    options = parse_arguments(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    listeners = [] if options.bind else listen_fds()
    files = []
    try:
        for address in options.bind or ([] if listeners else ["127.0.0.1:8000"]):
            listeners.append(open_listener(address))
            if address.startswith("unix:"):
                files.append(os.path.abspath(address[5:]))
        os.chdir(options.chdir)
        tls_context(options)
    except (OSError, CannotServe) as error:
        _say(f"can't serve: {error}" if isinstance(error, OSError) else str(error))
        _close(listeners, files)
        return 1
    began = monotonic()
    supervisor = Supervisor(
        lambda report, life: work(options, listeners, report, life), options.workers, options.graceful_timeout, _say
    )
    where = ", ".join(describe(listener, bool(options.certfile)) for listener in listeners)
    supervisor.on_ready = lambda: _say(
        f"guv {__version__} serves {options.app} on {where} with {options.workers} worker"
        f"{'s' if options.workers > 1 else ''}, pid {os.getpid()}"
    )
    supervisor.on_stop = lambda: _close(listeners, files)  # else clients would go on queueing, for nobody
    status = supervisor.run()  # does not return in workers
    _say(f"stopped after {supervisor.requests} requests in {monotonic() - began:.0f} s")
    return status


def _close(listeners: list[socket.socket], files: list[str]) -> None:
    """Close the sockets, and remove the files of the Unix sockets that were made here."""
    for listener in listeners:
        listener.close()
    for path in files:
        try:
            os.unlink(path)
        except OSError:
            pass  # somebody has removed it


def _say(text: str) -> None:
    print(f"guv.wsgi: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
