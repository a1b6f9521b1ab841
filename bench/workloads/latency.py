"""How long the slowest of a hundred requests takes when all libraries have the same load, which each can bear.

Requests begin when it is time for them, whatever the server does; see ``c/load.c``.
"""

from __future__ import annotations

from ..workload import CPU, Metric, Workload
from .echo import coroutines, green, measure

COMMON = {"size": 64, "seconds": 1.2}

WORKLOAD = Workload(
    "latency",
    {
        "p99 of an echo, 4,000 a second": {**COMMON, "connections": 50, "rate": 4000},
        "p99 of a TLS echo, 2,500 a second": {
            **COMMON, "connections": 50, "rate": 2500, "tls": True,
            "only": ("guv", "gevent", "eventlet", "asyncio", "uvloop", "threads"),
        },
        "p99 of a new connection, 1,000 a second": {**COMMON, "connections": 50, "rate": 1000, "fresh": True},
    },
    quick={"seconds": 0.05},
    metrics=(Metric("p99", "µs at p99"), Metric("p50", "µs at the median"), CPU),
    green=green,
    coroutines=coroutines,
    measure=measure,
)  # fmt: skip
