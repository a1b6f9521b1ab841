"""watchfiles: its notifier, which waits in Rust, has a native thread, for `watch` as well as for `awatch`.

Without that a watch, uvicorn's reloader for one, stops all greenlets for up to five seconds at a time.
"""

from __future__ import annotations

from typing import Any

import watchfiles
from watchfiles import main

from . import require
from ._native import NativeThread

MINIMUM = (0, 16)

_RustNotify: Any = main.RustNotify


def patch() -> None:
    """Put the green notifier in the place of the library's."""
    require(watchfiles, MINIMUM, watchfiles.__version__)
    main.RustNotify = Notifier


class Notifier:
    """The library's ``RustNotify``; `watch` yields."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._notify = _RustNotify(*args, **kwargs)
        self._native = NativeThread()

    def watch(self, debounce_ms: int, step_ms: int, timeout_ms: int, stop_event: Any) -> Any:
        """As ``RustNotify.watch``: a set of changes, or why there are none. Yields until then; times in ms.

        A caller that is killed goes when the thread has seen that, `step_ms` later; then nobody uses the notifier.
        """
        stop = _Stop(stop_event)
        try:
            return self._native.call(self._notify.watch, debounce_ms, step_ms, timeout_ms, stop)
        except BaseException:
            stop.killed = True
            self._native.call(int)  # its turn comes when the watch has ended
            raise

    def close(self) -> None:
        self._notify.close()

    def __enter__(self) -> Notifier:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._notify)


class _Stop:
    """The event that ends a watch, or its caller's death."""

    def __init__(self, event: Any) -> None:
        self.event = event
        self.killed = False

    def is_set(self) -> bool:
        return self.killed or (self.event is not None and self.event.is_set())
