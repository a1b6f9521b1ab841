"""Time limits of waits for descriptors, without a timer for each wait.

One timer serves many waits: it is not cancelled when a wait succeeds, and one that comes early because the limit has
moved is set again. So an operation that succeeds in time costs the loop nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlet import greenlet

from .._originals import monotonic_ns
from ..const import READ

if TYPE_CHECKING:
    from .abc import AbstractHub
    from .descriptor import Descriptor


class Patience:
    """The time limit of a greenlet that waits for a descriptor in one direction."""

    __slots__ = ("armed", "descriptor", "due", "evtype", "expired", "hub", "token", "waiter")

    def __init__(self, descriptor: Descriptor, evtype: int, hub: AbstractHub) -> None:
        self.descriptor = descriptor
        self.evtype = evtype
        self.hub = hub
        self.token = -1
        self.armed = 0  # when the timer goes off; 0: there is none
        self.due = 0  # when the waiter's time is up
        self.waiter: greenlet | None = None
        self.expired = False  # the waiter's time was up

    @classmethod
    def of(cls, descriptor: Descriptor, evtype: int, hub: AbstractHub) -> Patience:
        """That of `descriptor` for READ or for WRITE, made if `hub` has had none."""
        found = descriptor.read_patience if evtype == READ else descriptor.write_patience
        if found is None or found.hub is not hub:
            found = cls(descriptor, evtype, hub)
            if evtype == READ:
                descriptor.read_patience = found
            else:
                descriptor.write_patience = found
        return found

    def begin(self, due: int, waiter: greenlet) -> None:
        """`waiter` waits until `due`, and must call `end` or set `waiter` to None."""
        self.due = due
        self.waiter = waiter
        if not 0 < self.armed <= due:
            if self.armed:
                self.hub.drop_timer(self.token, self)
            self.armed = due
            self.token = self.hub.set_timer(due, self)

    def end(self) -> bool:
        """Whether the waiter's time was up."""
        self.waiter = None
        expired, self.expired = self.expired, False
        return expired

    def __call__(self) -> None:
        self.armed = 0
        waiter = self.waiter
        if waiter is None:
            return
        if monotonic_ns() < self.due:
            self.begin(self.due, waiter)
        elif self.descriptor.leave(self.evtype, waiter):
            self.expired = True
            self.hub.ready.append(waiter)

    def drop(self) -> None:
        """Cancel the timer and leave the descriptor, because its registration ends."""
        if self.armed:
            self.armed = 0
            self.hub.drop_timer(self.token, self)
        if self.evtype == READ:
            self.descriptor.read_patience = None
        else:
            self.descriptor.write_patience = None
