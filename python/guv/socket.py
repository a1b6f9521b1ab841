"""Sockets, by the name that gevent's programs import: `socket` if that is patched, else `guv.green.socket`.

With gevent's functions that wait for a descriptor.
"""

from __future__ import annotations

import socket as _stdlib

from .const import READ, WRITE
from .hubs.switch import HasFileno, trampoline
from .patcher._facade import names_of

Raised = BaseException | type[BaseException]

__all__ = [*_stdlib.__all__, "wait_read", "wait_readwrite", "wait_write"]  # noqa: PLE0604


def wait_read(fileno: int | HasFileno, timeout: float | None = None, timeout_exc: Raised = TimeoutError) -> None:
    """Yield until a descriptor can be read, for at most `timeout` seconds; then `timeout_exc` is raised."""
    trampoline(fileno, READ, timeout, timeout_exc)


def wait_write(fileno: int | HasFileno, timeout: float | None = None, timeout_exc: Raised = TimeoutError) -> None:
    """Yield until a descriptor can be written, for at most `timeout` seconds; then `timeout_exc` is raised."""
    trampoline(fileno, WRITE, timeout, timeout_exc)


def wait_readwrite(fileno: int | HasFileno, timeout: float | None = None, timeout_exc: Raised = TimeoutError) -> None:
    """Yield until a descriptor can be read or written, for at most `timeout` seconds; then `timeout_exc` is raised."""
    trampoline(fileno, READ | WRITE, timeout, timeout_exc)


__getattr__ = names_of("socket")
