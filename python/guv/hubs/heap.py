"""Timers of a loop in plain Python: a binary heap that leaves out what was cancelled or moved when it comes up.

Setting and cancelling take O(log n) and O(1). An entry that is out of date stays in the heap until its time has come,
so memory follows the number of timers set within the longest delay.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush


class TimerHeap:
    """Deadlines in nanoseconds by token; equal ones come in the order in which they were set."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int]] = []  # deadline, order of arrival, token
        self._live: dict[int, tuple[int, int]] = {}  # token -> deadline and order of its live entry
        self._arrivals = 0

    def set(self, token: int, deadline: int) -> None:
        """Make `token` due at `deadline`, or move it."""
        self._arrivals += 1
        self._live[token] = deadline, self._arrivals
        heappush(self._heap, (deadline, self._arrivals, token))

    def cancel(self, token: int) -> bool:
        """False if it was not set."""
        return self._live.pop(token, None) is not None

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """The tokens that are set, and their deadlines."""
        return ((token, deadline) for token, (deadline, _) in self._live.items())

    def deadline(self, token: int) -> int:
        """When `token` is due; 0 if it is not set."""
        return self._live.get(token, (0, 0))[0]

    def next(self) -> int | None:
        """The earliest deadline, None if no timer is set."""
        heap, live = self._heap, self._live
        while heap and live.get(heap[0][2]) != heap[0][:2]:
            heappop(heap)
        return heap[0][0] if heap else None

    def due(self, now: int) -> Iterator[int]:
        """Take out the tokens whose deadline is not after `now`, earliest first."""
        heap, live = self._heap, self._live
        while heap and heap[0][0] <= now:
            deadline, order, token = heappop(heap)
            if live.get(token) == (deadline, order):
                del live[token]
                yield token
