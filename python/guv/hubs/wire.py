"""The ints that hubs and event loops exchange. `pyext/codes.go` has the same numbers.

An operation is two ints: the kind and an id (a descriptor or a timer's token), then an argument.
A completion is one int: flags in bits 0-7, an errno in bits 8-15, the id above.
"""

from typing import Final

# operations: kind | id << 8
WATCH: Final = 1  # id: descriptor; argument: READ, WRITE, PRIORITY or-ed; registered once, by edges
ARM: Final = 2  # id: descriptor; argument: as for WATCH, added to what it is registered
# for; readiness is reported anew
FORGET: Final = 3  # id: descriptor; argument 0: it is being closed, 1: it stays open
TIMER: Final = 4  # id: token; argument: deadline in nanoseconds of CLOCK_MONOTONIC
CANCEL: Final = 5  # id: token

# completions: flags | errno << 8 | id << 16
READABLE: Final = 1
WRITABLE: Final = 2
PRIORITY: Final = 4  # urgent data
HANGUP: Final = 8
FAILED: Final = 16  # a pending error of the descriptor
IS_LOOKUP: Final = 32
IS_ERROR: Final = 64  # registering the descriptor failed; the errno says why
IS_TIMER: Final = 128

NOT_DESCRIPTOR: Final = IS_LOOKUP | IS_ERROR | IS_TIMER
NOT_PLAIN: Final = PRIORITY | HANGUP | FAILED
