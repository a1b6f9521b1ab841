"""pycares: `Channel.wait` goes to a native thread. A program that polls the channel's sockets itself yields as it is.

Its callbacks come from a native thread of the library's where there is no `sock_state_cb` (pycares 5). What they set or
put wakes greenlets as it would wake threads.
"""

from __future__ import annotations

import pycares

from . import blocking, require

MINIMUM = (4, 4)


def patch() -> None:
    """Let others run while a program waits for a channel."""
    require(pycares, MINIMUM, pycares.__version__)
    if hasattr(pycares.Channel, "wait"):  # from 4.5 on
        blocking(pycares.Channel, ["wait"])
