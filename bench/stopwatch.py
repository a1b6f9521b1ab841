"""Time and memory, as the measured process sees them."""

from __future__ import annotations

import time
from types import TracebackType

Metrics = dict[str, float]


class Stopwatch:
    """Wall and processor time of a block."""

    def __enter__(self) -> Stopwatch:
        self._cpu = time.process_time()
        self._wall = time.perf_counter()
        return self

    def __exit__(
        self, typ: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.wall = time.perf_counter() - self._wall
        self.cpu = time.process_time() - self._cpu

    def each(self, operations: int) -> Metrics:
        """Microseconds of processor time and of wall time for each operation."""
        return {"cpu": self.cpu * 1e6 / operations, "wall": self.wall * 1e6 / operations}


def require(condition: bool, problem: str) -> None:
    """A check of a result that ``python -O`` does not remove: who works wrongly gets no number."""
    if not condition:
        raise RuntimeError(problem)


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, all threads together, to the nanosecond.

    The clock's number is made as glibc's `clock_getcpuclockid` makes it; ``/proc/PID/stat`` counts only whole ticks.
    """
    return time.clock_gettime(~pid << 3 | 2)


def resident_bytes(pid: int | str = "self") -> int:
    """Memory of a process that is in RAM."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has no VmRSS")
