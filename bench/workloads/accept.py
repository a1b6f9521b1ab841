"""An echo server asked once on each connection: accepting, starting a handler, and the end."""

from __future__ import annotations

from ..workload import CPU, WALL, Metric, Workload
from .echo import coroutines, green, measure

WORKLOAD = Workload(
    "accept",
    {"a new connection, 64 B echoed, 20 at a time": {"connections": 20, "size": 64, "seconds": 0.8, "fresh": True}},
    quick={"seconds": 0.05},
    metrics=(CPU, WALL, Metric("p50", "µs at the median"), Metric("p99", "µs at p99")),
    green=green,
    coroutines=coroutines,
    measure=measure,
)
