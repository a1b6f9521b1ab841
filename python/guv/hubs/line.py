"""`Line`: who waits for the same thing, in order of arrival, and whether somebody has to be woken.

Whoever is woken runs in the next turn at the earliest, and often takes far more then than it was woken for: a consumer
empties the queue, a producer fills it. So one at a time is *on the way*. While it is, what comes is put where anybody
may take it, with no switch at all; when it runs, it wakes the next one if there still is something for that. That one
comes in the very same turn (`soon` of `guv.hubs.waiting.serve`), so a hundred who wait for a hundred things still
all run in one turn, and in order. Each is handed what it is woken for: nobody wakes in vain, and nobody starves,
because of all that comes while nobody is on the way the first goes to whoever has waited longest.

That takes for granted that one on the way keeps the others from running anyway, as it does in one thread. Where
greenlets of several hubs wait in one line, each is woken at once. So is everyone who waits for a queue of few places
(`FEW`): with one on the way the others would soon stand in each other's way.

Any thread may touch it. As everywhere among notes (`guv.hubs.waiting`), what has to be one step is a test and a store
without a call in between. Who enters looks after that whether there is something for it; who adds something looks
after that at `idle`: one of them sees the other.
"""

from __future__ import annotations

from collections import deque

from .abc import AbstractHub
from .waiting import Note

#: The number of places up to which a queue is better off if each who waits is woken at once: that takes a switch for
#: each item, while one by one takes two to four for each filling of the queue.
FEW = 4

stand_at_end = deque.append


class Line(deque[Note]):
    """The notes of those who wait, the first one at the left."""

    __slots__ = (
        "coming",  # whether one of them was served and has not run yet
        "home",    # the hub of all of them; None: of several, or each is to be woken at once
        "idle",    # whether some wait and none is on the way; sometimes true though nobody is left
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.coming = False
        self.home: AbstractHub | None = None
        self.idle = False

    def enter(self, note: Note, hub: AbstractHub) -> None:
        """Stand at the end, to be woken one by one if all are of the same `hub`. The caller has to look after this
        whether there is something for it."""
        new = self.home is not hub
        if new and not self:
            self.home = hub
            self.coming = False  # one of another thread, or of a hub that is no more
        stand_at_end(self, note)
        if self.home is not hub:
            self.home = None
        if new or not self.coming:
            self.idle = True

    def append(self, note: Note) -> None:
        """Stand at the end, each for itself: also for those who take this for any deque."""
        self.home = None
        stand_at_end(self, note)
        self.idle = True

    def each_for_itself(self) -> None:
        """No more one by one. The caller has to look after this whether there is something for those who wait."""
        self.home = None
        if self:
            self.idle = True

    def served(self) -> None:
        """The first is about to be served, and will call `ran`. So it has to be said before: a thread may be quick."""
        if self.home is not None:
            self.coming = True
            self.idle = False

    def ran(self) -> bool:
        """One that was served runs, or has given up, or could not be served. Whether the others wait for that: then
        look whether there is something for them."""
        if self.coming:
            self.coming = False
            if self:
                self.idle = True
                return True
        return False

    def emptied(self) -> None:
        """Somebody found nobody left."""
        if not self:
            self.idle = False


#: A line that nobody enters: for what has not been waited for yet.
NOBODY = Line()
