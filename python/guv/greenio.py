"""The original guv's and eventlet's names for green sockets, which need no `monkey_patch`: see `guv.green.socket`."""

from __future__ import annotations

import errno
import socket as _stdlib
from typing import Any

from .exceptions import CONNECT_ERR as CONNECT_ERR
from .exceptions import CONNECT_SUCCESS as CONNECT_SUCCESS
from .exceptions import SOCKET_BLOCKING as SOCKET_BLOCKING
from .exceptions import SOCKET_CLOSED as SOCKET_CLOSED
from .fileobject import FileObject
from .fileobject import set_nonblocking as set_nonblocking
from .green import socket as _socket
from .green._greensocket import make_green

socket: Any = _socket.socket
SocketType: Any = socket
fromfd: Any = _socket.fromfd
socketpair: Any = _socket.socketpair

#: What a greenlet gets that waits on a socket while another one closes it: an error of this number.
cancel_wait_ex = OSError(errno.EBADF, "the descriptor was closed in another greenlet")


def GreenSocket(family: Any = _stdlib.AF_INET, *args: Any, **kwargs: Any) -> _stdlib.socket:
    """A socket whose methods yield: in place of the one that is given, or a new one by the arguments of `socket`."""
    return make_green(family if isinstance(family, _stdlib.socket) else _stdlib.socket(family, *args, **kwargs))


def GreenPipe(f: Any, mode: str = "r", bufsize: int = -1) -> FileObject:
    """A file object that yields, on a descriptor or an object with `fileno()`: a `guv.fileobject.FileObject`."""
    return FileObject(f, mode, bufsize)


def shutdown_safe(sock: Any) -> None:
    """Shut both directions of a socket down. One that is closed or not connected is left alone."""
    try:
        sock.shutdown(_stdlib.SHUT_RDWR)
    except OSError as error:
        if error.errno not in (errno.ENOTCONN, errno.EBADF, errno.ENOTSOCK):
            raise
