"""Connections that have sent a byte, had it back, and are quiet: what each costs in memory."""

from __future__ import annotations

from ..stopwatch import Metrics
from ..workload import Metric, Parameters, Subject, Workload
from .echo import coroutines, green


def measure(subject: Subject, workload: Workload, parameters: Parameters) -> Metrics:
    if subject.library == "threads":
        parameters = {**parameters, "connections": parameters["connections"] // 10}
    return subject.under_load(workload.name, parameters)


WORKLOAD = Workload(
    "idle",
    {"an idle connection of 10,000": {"connections": 10_000, "size": 1, "seconds": 0}},
    quick={"connections": 200},
    metrics=(Metric("memory", "KB", 1 / 1024), Metric("cpu", "µs CPU to accept and answer")),
    green=green,
    coroutines=coroutines,
    measure=measure,
)
