"""The queue of greenlets that wait for one of guv's own primitives: events, semaphores, queues.

A waiter is handed what it waits for by the one who wakes it: `wait` says True only to a greenlet
that `wake_one` or `wake_all` has taken out of the queue. One that is killed or timed out in the
same moment, after it was taken out, passes the turn on by `on_lost`. The greenlets may belong to the
hubs of several threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet

from .._originals import monotonic_ns
from .abc import AbstractHub
from .current import hub_of
from .switch import unpark, wake


class Waiters:
    """Greenlets in order of arrival. `owner` is what they wait for, as reports name it."""

    __slots__ = ("owner", "queue")

    def __init__(self, owner: object) -> None:
        self.owner = owner
        self.queue: deque[greenlet] = deque()

    def __len__(self) -> int:
        return len(self.queue)

    def wait(
        self,
        timeout: float | None = None,
        settled: Callable[[], bool] | None = None,
        on_lost: Callable[[], Any] | None = None,
    ) -> bool:
        """Park until woken: True; or until `timeout` seconds have passed: False.

        `settled` is asked once more after queueing, for wakers in other threads. `on_lost` is
        called if an exception arrives after this greenlet was woken.
        """
        current = getcurrent()
        hub: AbstractHub
        try:
            hub = current.hub  # type: ignore[attr-defined]
        except AttributeError:
            hub = hub_of(current)
        if current is hub:
            raise RuntimeError(f"a callback in the hub can't wait for {self.owner!r}")
        queue = self.queue
        queue.append(current)
        if settled is not None and settled():
            self._leave(current)
            return True
        token = -1
        if timeout is not None:
            token = hub.set_timer(monotonic_ns() + int(max(0, timeout) * 1e9), current)
        if current is hub.main:
            hub.main_waits = self.owner
        try:
            while True:
                hub.ready.popleft().switch()
                if current not in queue:
                    return True
                if token >= 0 and hub.timers[token] is not current:
                    token = -1
                    self._leave(current)
                    return False
        except BaseException:
            lost = not self._leave(current)
            unpark(hub, current)
            if lost and on_lost is not None:
                on_lost()
            raise
        finally:
            if token >= 0 and not hub.drop_timer(token, current):
                unpark(hub, current)
            if current is hub.main:
                hub.main_waits = None

    def _leave(self, current: greenlet) -> bool:
        try:
            self.queue.remove(current)
        except ValueError:
            return False
        return True

    def wake_one(self) -> bool:
        """Wake the first; False if nobody waits."""
        if not self.queue:
            return False
        waiter = self.queue.popleft()
        wake(waiter.hub, waiter)  # type: ignore[attr-defined]
        return True

    def wake_all(self) -> None:
        """Wake everyone who waits now."""
        while self.wake_one():
            pass
