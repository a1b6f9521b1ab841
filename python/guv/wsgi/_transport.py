"""How the bytes of a connection move: plainly, or through TLS. Works with and without `monkey_patch`."""

from __future__ import annotations

import socket
import ssl
from typing import Any, Protocol

from ..green import socket as green
from ..green._transfer import recv, sendall


class Transport(Protocol):
    """Functions on a socket; each yields where it would block."""

    is_tls: bool

    def receive(self, sock: Any, size: int, /) -> bytes: ...

    def send(self, sock: Any, data: bytes, flags: int, /) -> None: ...

    def set_timeout(self, sock: Any, seconds: float | None, /) -> None: ...

    def shutdown_output(self, sock: Any, /) -> None: ...

    def close(self, sock: Any, /) -> None: ...


class _Plain:
    is_tls = False
    receive = staticmethod(recv)
    send = staticmethod(sendall)
    set_timeout = staticmethod(green.settimeout)
    close = staticmethod(green.close)

    @staticmethod
    def shutdown_output(sock: Any, /) -> None:
        sock.shutdown(socket.SHUT_WR)


class _Wrapped:
    """A socket of another class: its own methods are the ones that know what to do."""

    is_tls = True

    @staticmethod
    def receive(sock: Any, size: int, /) -> bytes:
        try:
            return sock.recv(size)  # type: ignore[no-any-return]
        except ssl.SSLError as error:
            raise ConnectionError(str(error)) from error

    @staticmethod
    def send(sock: Any, data: bytes, flags: int, /) -> None:
        try:
            sock.sendall(data)  # TLS knows no flags
        except ssl.SSLError as error:
            raise ConnectionError(str(error)) from error

    @staticmethod
    def set_timeout(sock: Any, seconds: float | None, /) -> None:
        sock.settimeout(seconds)

    @staticmethod
    def shutdown_output(sock: Any, /) -> None:
        _say_good_bye(sock)
        sock.shutdown(socket.SHUT_WR)

    @staticmethod
    def close(sock: Any, /) -> None:
        _say_good_bye(sock)
        sock.close()


def _say_good_bye(sock: ssl.SSLSocket) -> None:
    """Tell the peer that nothing was cut off: a body may end with the connection. Never yields."""
    try:
        sock.settimeout(0.0)
        sock.unwrap()  # sends its alert, and would wait for the peer's
    except (OSError, ValueError):
        pass


PLAIN = _Plain()
WRAPPED = _Wrapped()


def transport_for(sock: Any) -> Transport:
    """What moves the bytes of `sock`."""
    return WRAPPED if isinstance(sock, ssl.SSLSocket) else PLAIN
