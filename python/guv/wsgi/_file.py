"""``wsgi.file_wrapper``: files that the kernel sends without copying them through Python."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..const import WRITE
from ..hubs.switch import trampoline
from ._errors import ClientDisconnected

if TYPE_CHECKING:
    from ._exchange import Exchange

_LONG = 1e6  # seconds: a timeout that means none
_AT_ONCE = 1 << 20  # bytes that one system call may send before the others run


class FileWrapper:
    """An iterable over a file-like object. The server sends a regular file by ``sendfile``."""

    def __init__(self, file: Any, block_size: int = 65536) -> None:
        self.file = file
        self.block_size = block_size

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.file.read(self.block_size), b"")

    def close(self) -> None:
        close = getattr(self.file, "close", None)
        if close is not None:
            close()


def send_file(exchange: Exchange, wrapper: FileWrapper) -> bool:
    """Send a regular file as the body, from its position on; False if that is not possible. Yields.

    Reading from a slow disk blocks: the kernel has no readiness for files.
    """
    handler = exchange.handler
    if handler.is_tls:
        return False
    try:
        fd = wrapper.file.fileno()
        info = os.fstat(fd)
        offset = wrapper.file.tell()
    except (AttributeError, OSError, io.UnsupportedOperation):
        return False
    if not stat.S_ISREG(info.st_mode):
        return False
    size = max(0, info.st_size - offset)
    head = exchange.begin(size)
    promised = exchange.left
    count = size if promised is None else min(size, promised)
    handler.send(head, more=count > 0)
    # with a timeout the socket is non-blocking for the kernel, which sendfile needs
    handler.expect_long(handler.limits.send_timeout or _LONG)
    target = handler.sock.fileno()
    end = offset + count
    while offset < end:
        try:
            sent = os.sendfile(target, fd, offset, min(end - offset, _AT_ONCE))
        except BlockingIOError:
            trampoline(target, WRITE, handler.limits.send_timeout, ClientDisconnected("the peer takes nothing"))
            continue
        except ConnectionError as error:
            raise ClientDisconnected(str(error)) from error
        if not sent:
            break  # the file was cut while it was being sent
        offset += sent
        exchange.skip(sent)
    exchange.finish()
    return True
