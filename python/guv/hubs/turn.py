"""How a turn of the loop begins: by switching to the entry at the end of the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from greenlet import greenlet

if TYPE_CHECKING:
    from .abc import AbstractHub


#: Nanoseconds of silence after which a hub asks itself whether anything can happen any more.
DEADLOCK_PATIENCE = 10_000_000


class Switchable(Protocol):
    """What stands in `ready`: greenlets, and the hub's one `Turn`."""

    def switch(self) -> Any: ...


class Turn:
    """The entry at the end of each batch of ready greenlets: switching to it begins a turn.

    It runs on the stack of the greenlet that parks, which saves a switch to the hub and back
    for each turn, and any switch at all where that greenlet's own event comes first.

    Everyone may treat it as one more greenlet of the queue. The hottest waits ask whether it is one and call `next`
    themselves: a call site that only ever switches greenlets is specialised by the interpreter.
    """

    __slots__ = ("hub",)

    def __init__(self, hub: AbstractHub) -> None:
        self.hub = hub

    def switch(self) -> None:
        self.next().switch()

    def next(self) -> greenlet:
        """Begin a turn, and say who goes on: the next greenlet, or the hub if it has calls to make."""
        hub = self.hub
        ready = hub.ready
        hub.looking_since = 0
        if hub.due:  # a call has parked; the hub has more for this turn
            ready.append(self)
            return hub
        try:
            if not ready and not hub.calls:
                # nearly always this brings somebody
                hub.poll(-1 if hub.main_waits is None and not hub.last else DEADLOCK_PATIENCE)
                if not ready and not hub.calls:
                    hub.wait()
                hub.unasked_turns = 1  # what is started now was not there when the loop was asked, just before
            elif hub.unasked_turns:
                hub.unasked_turns -= 1
            else:
                hub.look()
        except BaseException:  # no stack left, no memory left: that greenlet's trouble, not the loop's end
            ready += (self,)  # not a call: before 3.11 even calls of C count
            raise
        ready.append(self)
        if hub.calls:
            hub.due, hub.calls = hub.calls, hub.due
            return hub
        return ready.popleft()  # type: ignore[return-value]
