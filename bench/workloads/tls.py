"""The echo server over TLS, on connections that stay."""

from __future__ import annotations

from ..libraries import LIBRARIES
from ..workload import CPU, WALL, Metric, Workload
from .echo import coroutines, green, measure

WORKLOAD = Workload(
    "tls",
    {"TLS echo 64 B, 50 connections": {"connections": 50, "size": 64, "seconds": 0.8, "tls": True}},
    quick={"seconds": 0.05},
    metrics=(CPU, WALL, Metric("p50", "µs at the median"), Metric("p99", "µs at p99")),
    green=green,
    coroutines=coroutines,
    measure=measure,
    libraries=tuple(LIBRARIES),
)
