"""WSGI servers, one worker each, and an application that only says hello to the number it was asked for."""

from __future__ import annotations

from ..hello import application
from ..libraries import Green
from ..servers import SERVERS, serve
from ..stopwatch import Metrics
from ..workload import CPU, WALL, Metric, Parameters, Workload
from .echo import announce, listening, measure

P99 = Metric("p99", "µs at p99")


def green(library: Green, parameters: Parameters) -> Metrics:
    listener = listening()
    announce(listener.getsockname()[1])
    serve(library.name, listener, application)
    return {}


WORKLOAD = Workload(
    "http",
    {
        "GET hello, 100 connections": {"connections": 100, "seconds": 0.8, "http": True},
        "GET hello on a new connection": {"connections": 20, "seconds": 0.8, "http": True, "fresh": True},
    },
    quick={"seconds": 0.05},
    metrics=(CPU, WALL, Metric("p50", "µs at the median"), P99),
    green=green,
    measure=measure,
    libraries=SERVERS,
)

LATENCY = Workload(
    "http_latency",
    {
        "p99 of GET hello, 500 a second": {"connections": 100, "seconds": 1.2, "rate": 500, "http": True},
        "p99 of the same on new connections, 250 a second": {
            "connections": 100, "seconds": 1.2, "rate": 250, "http": True, "fresh": True,
        },
    },
    quick={"seconds": 0.05},
    metrics=(P99, Metric("p50", "µs at the median"), CPU),
    green=green,
    measure=measure,
    libraries=SERVERS,
)  # fmt: skip

IDLE = Workload(
    "http_idle",
    {
        "a quiet connection of 10,000, after one GET": {"connections": 10_000, "seconds": 0, "http": True},
        "the same after five": {"connections": 10_000, "seconds": 0, "http": True, "rounds": 5},
    },
    quick={"connections": 200},
    metrics=(Metric("memory", "KB", 1 / 1024), Metric("cpu", "µs CPU a request")),
    green=green,
    measure=measure,
    libraries=SERVERS,
)
