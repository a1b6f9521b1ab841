"""Cooperative :mod:`subprocess`: waiting for a child parks on its pidfd.

`Popen._wait` is replaced in place, so subclasses and earlier imports follow; reading and writing the pipes
is the business of the patched `os`, `io` and `selectors`. The class here is for programs that
patch nothing: its `wait` and `poll` yield.
"""

from __future__ import annotations

import subprocess as _stdlib
from typing import Any

from ..hubs.fairness import be_fair
from . import names_of
from ._children import await_end

TimeoutExpired = _stdlib.TimeoutExpired
CalledProcessError = _stdlib.CalledProcessError
PIPE = _stdlib.PIPE
STDOUT = _stdlib.STDOUT
DEVNULL = _stdlib.DEVNULL

_original_wait: Any = _stdlib.Popen._wait  # type: ignore[attr-defined]


def _wait(self: Any, timeout: float | None) -> int:
    """Wait for the child to end without asking again and again, then let the stdlib collect it."""
    patient = timeout is None or timeout > 0
    if self.returncode is None and patient and not await_end(self.pid, timeout):
        raise TimeoutExpired(self.args, timeout)  # type: ignore[arg-type]
    status: int = _original_wait(self, timeout)
    return status


def poll(self: Any) -> int | None:
    """Check if child process has terminated. Set and return returncode attribute. Yields as other looks do
    (`guv.hubs.fairness`)."""
    be_fair()
    return self._internal_poll()  # type: ignore[no-any-return]


class Popen(_stdlib.Popen[Any]):
    """`subprocess.Popen` whose waiting yields."""

    _wait = _wait
    poll = poll


PATCHES = [
    ("subprocess", "Popen._wait", _wait),
    ("subprocess", "Popen.poll", poll),
    # private copies raise, and so catch, the ones that everybody knows
    *(("subprocess", error.__name__, error) for error in (_stdlib.SubprocessError, CalledProcessError, TimeoutExpired)),
]

__getattr__ = names_of("subprocess")
