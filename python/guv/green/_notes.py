"""Notes that greenlets leave in a queue while they wait to be picked: by `notify`, or by an item.

A note is picked by taking it out of the queue and `guv.green.lock.resume`, which blanks it. One that is not in its
queue any more has been picked, even if the mail from another thread that says so is still under way.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from greenlet import greenlet

from ..hubs.abc import AbstractHub
from ..hubs.switch import unpark

#: A list of one: the greenlet that waits, or the lock that a native thread waits on; None once it was picked or has
#: gone away. A plain list, for nothing is made faster.
Note = list[Any]


def withdraw(queue: deque[Any], note: Note) -> bool:
    """Take `note` back; False if it has been picked. Mail that would tell so is void from now on."""
    try:
        queue.remove(note)
    except ValueError:
        note[0] = None
        return False
    note[0] = None
    return True


def park(hub: AbstractHub, current: greenlet, note: Note, queue: deque[Any], deadline: int) -> bool:
    """Yield until `note`, which `current` has put into `queue`, is picked: True. False once `deadline`, in nanoseconds
    of CLOCK_MONOTONIC, has passed; 0 is never.

    If an exception is thrown in, the note stays where it is: what to do about it is for the caller to say.
    """
    token = hub.set_timer(deadline, current) if deadline else -1
    try:
        while True:
            hub.ready.popleft().switch()
            if note[0] is None:
                if token >= 0 and not hub.drop_timer(token, current):
                    unpark(hub, current)  # both came in one turn
                return True
            if token >= 0 and hub.timers[token] is not current:
                return not withdraw(queue, note)
    except BaseException:
        if token >= 0:
            hub.drop_timer(token, current)
        raise
