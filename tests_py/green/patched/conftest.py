"""What the checks share: threads whose failures are seen, and sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from guv.patcher import is_monkey_patched

PATCHED = is_monkey_patched("socket")

only_patched = pytest.mark.skipif(not PATCHED, reason="expects more than the standard library does")


class Task:
    """A function that runs in a thread."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, args=(function, *args), daemon=True)
        self.thread.start()

    def _run(self, function: Callable[..., Any], *args: Any) -> None:
        try:
            self.value = function(*args)
        except BaseException as error:
            self.error = error

    @property
    def running(self) -> bool:
        return self.thread.is_alive()

    def result(self) -> Any:
        self.thread.join(15)
        assert not self.thread.is_alive(), "it still runs"
        if self.error is not None:
            raise self.error
        return self.value


@pytest.fixture
def task() -> Callable[..., Task]:
    return Task


@pytest.fixture
def blocked() -> Callable[..., Task]:
    """Start a function in a thread; by the time this returns it most likely waits for something."""

    def start(function: Callable[..., Any], *args: Any) -> Task:
        made = Task(function, *args)
        time.sleep(0.02)
        assert made.running, f"{function} did not wait: {made.value!r} {made.error!r}"
        return made

    return start


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    a, b = socket.socketpair()
    with a, b:
        yield a, b


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


@pytest.fixture
def tcp(listener: socket.socket) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection."""
    with socket.create_connection(listener.getsockname()) as a, listener.accept()[0] as b:
        yield a, b
