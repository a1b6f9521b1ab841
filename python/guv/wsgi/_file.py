"""``wsgi.file_wrapper``: files that the kernel sends without copying them through Python."""

from __future__ import annotations

import errno
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
_COPIED = 65536  # bytes that one step copies where the kernel can't send the file
_CANNOT = frozenset((errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EOVERFLOW))  # says sendfile of such a file


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
    fd = _descriptor(wrapper.file)
    if fd is None:
        return False
    try:
        info = os.fstat(fd)
        offset = wrapper.file.tell()
    except OSError:
        return False
    size = info.st_size - offset
    if not stat.S_ISREG(info.st_mode) or size <= 0:  # those in /proc claim to be empty
        return False
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
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
            data = os.pread(fd, min(end - offset, _COPIED), offset)
            handler.send(data)
            sent = len(data)
        if not sent:
            break  # the file was cut while it was being sent
        offset += sent
        exchange.skip(sent)
    exchange.finish()
    return True


def _descriptor(file: Any) -> int | None:
    """The descriptor whose bytes are those of `file`, None if there is none.

    That a file has a `fileno` does not mean that: gzip's and bz2's have that of the packed file. So only what `open`
    gives counts, also within objects that pass reading on to it, as tempfile's and Django's do.
    """
    while True:
        inner = getattr(file, "file", None)
        read = getattr(file, "read", None)
        if inner is None or getattr(read, "__wrapped__", read) != getattr(inner, "read", None):
            break
        file = inner
    raw = file.raw if isinstance(file, (io.BufferedReader, io.BufferedRandom)) else file
    try:
        return raw.fileno() if type(raw) is io.FileIO else None
    except (ValueError, OSError):  # closed
        return None
