"""Names of the original guv, and of gevent and eventlet, that programs import."""

from __future__ import annotations

import errno
import socket

import pytest

import guv
from guv import exceptions, greenio, support
from guv.hubs.abc import AbstractHub
from guv.queue import Empty, LifoQueue
from guv.timeout import Timeout, is_timeout

pytestmark = pytest.mark.usefixtures("hub")


def test_greenio_socketsAreGreenWithoutAPatch() -> None:
    there, here = greenio.socketpair()
    with there, here:
        reader = guv.spawn(here.recv, 10)
        guv.spawn(there.send, b"hello")
        assert reader.wait() == b"hello"
    with socket.socket() as plain, greenio.fromfd(plain.fileno(), socket.AF_INET, socket.SOCK_STREAM) as green:
        assert isinstance(green, greenio.SocketType)
    assert greenio.cancel_wait_ex.errno == errno.EBADF


def test_exceptions_sortErrorsOfSockets() -> None:
    with socket.socket() as plain, pytest.raises(OSError) as caught:
        plain.connect(("127.0.0.1", 0))
    assert caught.value.errno not in exceptions.CONNECT_ERR | exceptions.CONNECT_SUCCESS
    with greenio.socket() as green:
        green.setblocking(False)
        with pytest.raises(BlockingIOError) as would_block:
            green.bind(("127.0.0.1", 0))
            green.listen()
            green.accept()
    assert would_block.value.errno in exceptions.SOCKET_BLOCKING
    assert exceptions.BROKEN_SOCK <= exceptions.SOCKET_CLOSED
    assert issubclass(exceptions.FileObjectClosed, exceptions.IOClosed)


@pytest.mark.parametrize(
    ("error", "expected"), [(Timeout(), True), (TimeoutError(), True), (KeyError(), False), (None, False)]
)
def test_isTimeout_knowsTimeoutsOfAllKinds(error: object, expected: bool) -> None:
    assert is_timeout(error) is expected


def test_peekNowait_showsTheNextItemOrRaises(hub: AbstractHub) -> None:
    queue = LifoQueue(items=[1, 2])
    assert (queue.peek_nowait(), queue.get(), queue.peek_nowait(), queue.get()) == (2, 2, 1, 1)
    with pytest.raises(Empty):
        queue.peek_nowait()


def test_versionInfo_hasTheNumbersOfTheVersion() -> None:
    assert guv.__version__.startswith(".".join(map(str, guv.version_info)))


def test_reraise_raisesWithTheTraceback() -> None:
    error = KeyError("x")
    with pytest.raises(KeyError) as caught:
        raise error
    with pytest.raises(KeyError) as again:
        support.reraise(KeyError, error.with_traceback(None), caught.tb)
    assert again.value is error
    assert again.traceback[-1].frame.code == caught.traceback[-1].frame.code
