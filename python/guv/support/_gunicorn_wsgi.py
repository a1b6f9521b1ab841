"""`guv.wsgi` as gunicorn's settings want it."""

from __future__ import annotations

import ipaddress
import os
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from gunicorn.http.errors import ConfigurationProblem
from gunicorn.http.wsgi import WSGIErrorsWrapper
from gunicorn.sock import ssl_context

from .. import _originals
from ..wsgi import BadRequest, Exchange, Limits, WSGIHandler, WSGIServer
from ..wsgi._head import DROPPED, Environ
from ..wsgi._log import within

if TYPE_CHECKING:
    from .gunicorn_worker import GuvWSGIWorker

_UNLIMITED = 1 << 20  # gunicorn's 0 for the length of a line
_MOST_FIELDS = 32768  # its 0 for their number
_LARGEST_HEAD = 1 << 20


class GunicornServer(WSGIServer):
    """One of gunicorn's listening sockets, served by `guv.wsgi`."""

    def __init__(self, worker: GuvWSGIWorker, sock: Any) -> None:
        cfg = worker.cfg
        self._worker = worker
        self._hooked = any(_is_set(cfg, name) for name in ("pre_request", "post_request"))
        self._logged = bool(cfg.accesslog or cfg.logconfig or cfg.logconfig_dict or cfg.syslog or cfg.statsd_host)
        self._trusted = _networks(cfg.forwarded_allow_ips)
        self._proxies = _networks(cfg.proxy_allow_ips)
        self._script_name = os.environ.get("SCRIPT_NAME", "")
        secure = cfg.secure_scheme_headers.items()
        self._secure = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in secure}
        self._forwarders = frozenset(name.upper() for name in getattr(cfg, "forwarder_headers", ()))
        self._header_map = getattr(cfg, "header_map", "drop")
        line = cfg.limit_request_line or _UNLIMITED
        field = cfg.limit_request_field_size or _UNLIMITED
        fields = cfg.limit_request_fields or _MOST_FIELDS
        super().__init__(
            sock,
            self._serve,
            {
                "SERVER_SOFTWARE": f"gunicorn/{_version()}",
                "SCRIPT_NAME": self._script_name,
                "wsgi.multiprocess": cfg.workers > 1,
                "wsgi.errors": WSGIErrorsWrapper(cfg),
            },
            limits=Limits(
                request_line=line,
                header_line=field,
                head=max(65536, min(line + fields * (field + 2), _LARGEST_HEAD)),
                header_fields=fields,
                keep_alive=cfg.keepalive or None,
                requests=None if cfg.keepalive else 1,
            ),
            concurrency=worker.worker_connections,
            ssl_context=ssl_context(cfg) if cfg.is_ssl else None,
            proxy_protocol=bool(cfg.proxy_protocol) and cfg.proxy_protocol != "off",
        )
        self.on_idle = worker._wake

    def _prepare(self, connection: Any, address: Any) -> tuple[Any, Any] | None:
        if self.proxy_protocol and not _is_one_of(address, self._proxies):
            self._worker.log.warning("Forbidden PROXY header from %s, see proxy_allow_ips", address[0])
            connection.close()
            return None
        return super()._prepare(connection, address)

    def connection_environ(self, client_sock: Any, address: Any) -> Environ:
        environ = super().connection_environ(client_sock, address)
        # trust is a matter of who is at the other end, not of whom the PROXY header tells of
        peer = client_sock.getpeername() if self.proxy_protocol else address
        environ["guv.trusted"] = _is_one_of(peer, self._trusted)
        return environ

    def begin_request(self, handler: WSGIHandler) -> int | None:
        worker = self._worker
        worker.nr += 1
        if worker.nr >= worker.max_requests and worker.alive:
            worker.log.info("Autorestarting worker after current request.")
            worker.alive = False
            self.stopping = True  # this reply is the connection's last
            worker._wake()
        return super().begin_request(handler)

    def _serve(self, environ: Environ, start_response: Any) -> Any:
        """The application, with what gunicorn does before it."""
        if environ["guv.trusted"]:
            for key, value in self._secure.items():
                if environ.get(key) == value:
                    environ["wsgi.url_scheme"] = "https"
        environ["wsgi.early_hints"] = start_response.__self__.early_hints
        if DROPPED in environ:
            self._map_dropped(environ)
        script_name = environ["SCRIPT_NAME"]
        if script_name:
            path = environ["PATH_INFO"]
            if not path.startswith(script_name):
                raise ConfigurationProblem(f"Request path {path!r} does not start with SCRIPT_NAME {script_name!r}")
            environ["PATH_INFO"] = path[len(script_name) :]
        if self._hooked or self._logged:
            environ["guv.started"] = _originals.monotonic()
        if self._hooked:
            environ["guv.request"] = request = _request(environ)
            self._worker.cfg.pre_request(self._worker, request)
        return self._worker.wsgi(environ, start_response)

    def _map_dropped(self, environ: Environ) -> None:
        """What becomes of fields whose name has an underscore: `forwarder_headers` and `header_map` say it."""
        forwarders = self._forwarders if environ["guv.trusted"] else ()
        for sent, value in environ.pop(DROPPED):
            name = sent.upper()
            if name in forwarders or "*" in forwarders or self._header_map == "dangerous":
                if name == "SCRIPT_NAME":
                    environ["SCRIPT_NAME"] = value
                key = "HTTP_" + name.replace("-", "_")
                environ[key] = f"{environ[key]},{value}" if key in environ else value
            elif self._header_map != "drop":
                self._worker.log.warning("Invalid request from ip=%s: the header name %r", environ["REMOTE_ADDR"], sent)
                raise BadRequest(f"the name of the header field {sent} has an underscore")

    def end_request(self, exchange: Exchange) -> None:
        self.requests += 1
        if not (self._hooked or self._logged):
            return
        environ, worker = exchange.environ, self._worker
        request = environ.get("guv.request") or _request(environ)
        reply = SimpleNamespace(
            status=exchange.status, status_code=exchange.status[:3], headers=list(exchange.headers), sent=exchange.sent
        )
        if self._logged:
            seconds = _originals.monotonic() - environ.get("guv.started", _originals.monotonic())
            worker.log.access(reply, request, environ, timedelta(seconds=seconds))
        if self._hooked:
            try:
                worker.cfg.post_request(worker, request, environ, reply)
            except Exception:
                worker.log.exception("Exception in post_request hook")

    def log_error(self, environ: Environ, error: BaseException) -> None:
        self._worker.log.error("Error handling request %s", environ.get("REQUEST_URI"), exc_info=error)

    def log_warning(self, environ: Environ, text: str) -> None:
        self._worker.log.warning("%s: %s", environ.get("REQUEST_URI"), text)

    def log_refusal(self, handler: WSGIHandler, error: BadRequest) -> None:
        self._worker.log.warning("Invalid request from ip=%s: %s", handler.environ.get("REMOTE_ADDR", ""), error)


def _version() -> str:
    import gunicorn

    return str(gunicorn.__version__)


def _is_set(cfg: Any, name: str) -> bool:
    """Whether a hook is more than gunicorn's own, which does nothing."""
    setting = cfg.settings[name]
    return setting.get() is not type(setting).default and setting.get() is not setting.default


def _networks(allowed: Any) -> list[Any] | None:
    """The networks of `forwarded_allow_ips`; None is everybody."""
    names = allowed.split(",") if isinstance(allowed, str) else [str(name) for name in allowed]
    names = [name.strip() for name in names if name.strip()]
    return None if "*" in names else [ipaddress.ip_network(name) for name in names]


def _is_one_of(address: Any, networks: list[Any] | None) -> bool:
    """Whether a socket's address is in the networks; a Unix socket's always is."""
    return networks is None or not isinstance(address, tuple) or within(ipaddress.ip_address(address[0]), networks)


def _request(environ: Environ) -> SimpleNamespace:
    """As much of gunicorn's request object as its logger and hooks look at."""
    headers = [(key[5:].replace("_", "-"), value) for key, value in environ.items() if key.startswith("HTTP_")]
    return SimpleNamespace(
        method=environ["REQUEST_METHOD"],
        uri=environ["REQUEST_URI"],
        path=environ["PATH_INFO"],
        query=environ["QUERY_STRING"],
        version=(1, int(environ["SERVER_PROTOCOL"][-1])),
        scheme=environ["wsgi.url_scheme"],
        headers=headers,
        remote_addr=(environ["REMOTE_ADDR"], environ["REMOTE_PORT"]),
    )
