"""The original guv's and eventlet's name for green sockets, which need no `monkey_patch`: see `guv.green.socket`."""

from __future__ import annotations

import errno
from typing import Any

from .green import socket as _socket

socket: Any = _socket.socket
SocketType: Any = socket
fromfd: Any = _socket.fromfd
socketpair: Any = _socket.socketpair

#: What a greenlet gets that waits on a socket while another one closes it: an error of this number.
cancel_wait_ex = OSError(errno.EBADF, "the descriptor was closed in another greenlet")
