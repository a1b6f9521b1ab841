"""Every exception and warning class of guv, each also the builtin that callers already catch.

Nothing here blocks, yields or imports the rest of the package.
"""

from __future__ import annotations


class GuvError(Exception):
    """Base of the errors that guv itself raises (never of those it passes on)."""


class HubClosedError(GuvError, RuntimeError):
    """The hub was closed: by `use_hub`, by the end of its thread, or by a fork."""


class WrongThreadError(GuvError, RuntimeError):
    """A greenlet was asked to run in a thread that it does not belong to."""


class DeadlockError(GuvError, RuntimeError):
    """Nothing can wake the main greenlet any more. The message names who waits for what."""


class InternalError(GuvError, RuntimeError):
    """A defect of guv. The message carries the state; please report it."""


class ExtensionError(GuvError, ImportError):
    """The compiled extension can not be loaded; the message says why and what to do."""


class MonkeyPatchWarning(RuntimeWarning):
    """`monkey_patch` came too late for something; the message names the places that still block."""
