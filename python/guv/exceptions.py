"""Every exception and warning class of guv, each also the builtin that callers already catch.

Nothing here blocks, yields or imports the rest of the package.
"""

from __future__ import annotations

import builtins
import errno
from collections.abc import Sequence
from typing import Any, cast

from greenlet import GreenletExit
from greenlet import error as NotSwitchable

#: What the original guv sorted errors of sockets by, on Linux; for programs that still ask.
SYSTEM_ERROR = (KeyboardInterrupt, SystemExit, SystemError)
SOCKET_BLOCKING = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOTCONN})
SOCKET_CLOSED = frozenset({errno.ECONNRESET, errno.ESHUTDOWN, errno.EPIPE})
CONNECT_ERR = frozenset({errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK})
CONNECT_SUCCESS = frozenset({0, errno.EISCONN})
BAD_SOCK = frozenset({errno.EBADF, errno.ECONNABORTED})
BROKEN_SOCK = frozenset({errno.EPIPE, errno.ECONNRESET})
ACCEPT_EXCEPTIONS = frozenset({OSError})
ACCEPT_ERRNO = frozenset({errno.EPIPE, errno.EBADF, errno.ECONNRESET})


class GuvError(Exception):
    """Base of the errors that guv itself raises (never of those it passes on)."""


class HubClosedError(GuvError, RuntimeError):
    """The hub was closed: by `use_hub`, by the end of its thread, or by a fork."""


class WrongThreadError(GuvError, NotSwitchable, RuntimeError):
    """A hub, a timer or a greenlet was used in another thread than its own; the message says what to call instead.

    `switch` is the greenlet package's own, for a check in it would slow down every switch: it raises
    `greenlet.error`, of which this is a subclass.
    """


class DeadlockError(GuvError, RuntimeError):
    """Nothing can wake the main greenlet any more. The message names who waits for what."""


class IOClosed(OSError):
    """The original guv's name for a wait on a descriptor that was closed. guv raises a plain OSError(EBADF) there."""


class FileObjectClosed(IOClosed):
    """A `guv.fileobject.SocketAdapter` was used after it was closed. Its errno is EBADF."""


class InternalError(GuvError, RuntimeError):
    """A defect of guv. The message carries the state; please report it."""


class ExtensionError(GuvError, ImportError):
    """The compiled extension can not be loaded; the message says why and what to do."""


class MonkeyPatchWarning(RuntimeWarning):
    """`monkey_patch` came too late for something; the message names the places that still block."""


class Cancelled(GreenletExit):
    """Raised in the greenlets of a `guv.TaskGroup`, and in its block, when the group is cancelled.

    As every GreenletExit it ends a greenlet without a report. Let it pass; `finally` is for cleaning up.
    """

    def __init__(self, group: object = None) -> None:
        super().__init__("the task group was cancelled" if group is None else f"{group!r} was cancelled")
        #: the group, None after unpickling
        self.group = group

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()


def exception_group(message: str, errors: Sequence[BaseException]) -> BaseException:
    """An ExceptionGroup of `errors` (a BaseExceptionGroup if one is no Exception); on Python 3.10 that of
    the package `exceptiongroup`, which guv depends on there."""
    kind: Any = getattr(builtins, "BaseExceptionGroup", None)
    if kind is None:
        import exceptiongroup

        kind = exceptiongroup.BaseExceptionGroup
    return cast(BaseException, kind(message, errors))
