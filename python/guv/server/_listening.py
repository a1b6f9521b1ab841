"""Sockets to begin with: listening ones, those of a service manager, connected ones, and TLS in the old way.

What yields here does so whether `monkey_patch` was called or not.
"""

from __future__ import annotations

import os
import socket
import stat
from typing import TYPE_CHECKING, Any

from ..green._greensocket import make_green

if TYPE_CHECKING:
    import ssl

Address = Any

_FIRST_PASSED_FD = 3  # where socket activation begins to count


def listen(
    addr: Address, family: int = socket.AF_INET, backlog: int = 511, *,
    reuse_port: bool | None = False, reuse_addr: bool | None = None,
) -> socket.socket:  # fmt: skip
    """A listening socket bound to `addr`: (host, port), or a path for a Unix socket. Never yields.

    An address with a colon in its host is taken as IPv6. A Unix socket that is left over, with nobody listening, is
    replaced. With `reuse_port` several processes may listen; the kernel spreads the connections. `reuse_addr=False`
    leaves the address alone for as long as the kernel keeps it after a listener has gone.
    """
    if isinstance(addr, (str, bytes)):
        family = socket.AF_UNIX
        _remove_stale(addr)
    elif family == socket.AF_INET and ":" in addr[0]:
        family = socket.AF_INET6
    sock = make_green(socket.socket(family, socket.SOCK_STREAM))
    try:
        if family != socket.AF_UNIX:
            if reuse_addr is not False:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if reuse_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(addr)
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def listen_fds() -> list[socket.socket]:
    """The sockets that a service manager passed by socket activation (LISTEN_FDS); they may be taken once."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.pop("LISTEN_FDS", "0"))
    del os.environ["LISTEN_PID"]
    sockets = []
    for fd in range(_FIRST_PASSED_FD, _FIRST_PASSED_FD + count):
        os.set_inheritable(fd, False)
        sockets.append(make_green(socket.socket(fileno=fd)))
    return sockets


def connect(
    addr: Address, family: int = socket.AF_INET, bind: Address | None = None, *, timeout: float | None = None
) -> socket.socket:
    """A socket connected to `addr`, from the local address `bind`. Yields until it is; raises OSError.

    `timeout` bounds connecting, in seconds; the socket that is returned has none.
    """
    if isinstance(addr, (str, bytes)):
        family = socket.AF_UNIX
    elif family == socket.AF_INET and ":" in addr[0]:
        family = socket.AF_INET6
    sock = make_green(socket.socket(family, socket.SOCK_STREAM))
    try:
        if bind is not None:
            sock.bind(bind)
        sock.settimeout(timeout)
        sock.connect(addr)
        sock.settimeout(None)
    except BaseException:
        sock.close()
        raise
    return sock


def wrap_ssl(
    sock: socket.socket,
    keyfile: str | None = None,
    certfile: str | None = None,
    server_side: bool = False,
    cert_reqs: int = 0,
    ca_certs: str | None = None,
    do_handshake_on_connect: bool = True,
    suppress_ragged_eofs: bool = True,
    server_hostname: str | None = None,
    ciphers: str | None = None,
    *,
    ssl_version: int | None = None,
) -> ssl.SSLSocket:
    """TLS over `sock`, with the arguments of the `ssl.wrap_socket` that Python 3.12 removed.

    As there, a client checks no certificate unless `cert_reqs` says so; prefer an `ssl.SSLContext`. A listening
    socket gives TLS connections. Yields during the handshake.
    """
    context = tls_context(server_side, keyfile, certfile, cert_reqs, ca_certs, ciphers, ssl_version)
    return context.wrap_socket(
        sock,
        server_side=server_side,
        do_handshake_on_connect=do_handshake_on_connect,
        suppress_ragged_eofs=suppress_ragged_eofs,
        server_hostname=server_hostname,
    )


def tls_context(
    server_side: bool,
    keyfile: str | None = None,
    certfile: str | None = None,
    cert_reqs: int = 0,
    ca_certs: str | None = None,
    ciphers: str | None = None,
    ssl_version: int | None = None,
) -> ssl.SSLContext:
    """A context by the arguments of the old `ssl.wrap_socket`. Any version of TLS unless `ssl_version` names one."""
    import ssl

    from ..green._greentls import green_context

    if ssl_version is None or ssl_version == ssl.PROTOCOL_TLS:
        ssl_version = ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT
    context: ssl.SSLContext = green_context(ssl.SSLContext(ssl_version))
    context.check_hostname = False
    context.verify_mode = ssl.VerifyMode(cert_reqs)
    if ca_certs:
        context.load_verify_locations(ca_certs)
    if certfile:
        context.load_cert_chain(certfile, keyfile)
    if ciphers:
        context.set_ciphers(ciphers)
    return context


def _remove_stale(path: str | bytes) -> None:
    """Remove a Unix socket that nobody listens on."""
    if not path or path[:1] in ("\0", b"\0"):
        return
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return  # bind() will say
    except OSError:
        return
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.setblocking(False)
        probe.connect(path)
    except ConnectionRefusedError:
        os.unlink(path)
    except OSError:
        pass  # somebody listens: bind() will say
    finally:
        probe.close()
