"""The hub of each thread: `get_hub`, `use_hub`, and the two functions that support modules use."""

from .current import get_default_hub as get_default_hub
from .current import get_hub as get_hub
from .current import use_hub as use_hub
from .switch import gyield as gyield
from .switch import trampoline as trampoline


def notify_opened(fd: int) -> bool:
    """Say that `fd` was just opened by a way that guv can't see. Waiters on an older file with
    that number wake with OSError(EBADF). Returns whether there were any records of it."""
    return get_hub().notify_opened(fd)


# Loaded now, not with the first hub: that may be made while another thread holds an import lock.
from . import fork as fork  # noqa: E402
from . import signals as signals  # noqa: E402
