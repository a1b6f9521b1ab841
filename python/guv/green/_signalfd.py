"""A descriptor that is readable while one of some signals is pending: Linux's signalfd.

The standard library has no function for it, so it is called through `ctypes`, imported at first use.
"""

from __future__ import annotations

from collections.abc import Iterable

_CLOEXEC = 0o2000000
_NONBLOCK = 0o4000
_WORD = 64


def signalfd(signals: Iterable[int]) -> int:
    """A new signalfd; -1 if there is no `ctypes` or no such function in the C library.

    It reports the signals pending for the process and for the thread that polls it.
    """
    try:
        import ctypes

        make = ctypes.CDLL(None, use_errno=True).signalfd
    except (ImportError, AttributeError):
        return -1
    mask = (ctypes.c_uint64 * (1024 // _WORD))()  # glibc's sigset_t
    for signum in signals:
        mask[(signum - 1) // _WORD] |= 1 << (signum - 1) % _WORD
    fd: int = make(-1, ctypes.byref(mask), _CLOEXEC | _NONBLOCK)
    return fd
