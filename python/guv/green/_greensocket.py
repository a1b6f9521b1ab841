"""A socket class that is cooperative without `monkey_patch`."""

from __future__ import annotations

import socket as _stdlib
from typing import Any

from . import socket as green
from ._transfer import recv


class GreenSocket(_stdlib.socket):
    """`socket.socket` whose methods yield, in a program that is not patched."""

    __slots__ = ()

    def accept(self) -> tuple[GreenSocket, Any]:
        """As `socket.accept`; the connection is a `GreenSocket`."""
        sock, address = green.accept(self)
        return make_green_always(sock), address


for _module, _path, _replacement in green.PATCHES:
    _name = _path.rpartition(".")[2]
    if _name not in ("accept", "timeout"):
        setattr(GreenSocket, _name, _replacement)
GreenSocket.timeout = property(green.gettimeout)  # type: ignore[misc, assignment]


def make_green_always(sock: _stdlib.socket) -> GreenSocket:
    """Move a plain socket's descriptor into a `GreenSocket`."""
    timeout = green.gettimeout(sock)
    moved = GreenSocket(sock.family, sock.type, sock.proto, fileno=green.detach(sock))
    if timeout is not None:
        moved.settimeout(timeout)
    return moved


def make_green(sock: _stdlib.socket) -> _stdlib.socket:
    """`sock` if its methods yield already, else a `GreenSocket` in its place; `sock` is then closed."""
    if type(sock).recv is recv or type(sock) is not _stdlib.socket:  # type: ignore[comparison-overlap]
        return sock
    return make_green_always(sock)
