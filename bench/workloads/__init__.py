"""The workloads, in the order of the table."""

from __future__ import annotations

from ..workload import Workload
from . import (
    accept,
    echo,
    handover,
    http,
    idle,
    latency,
    sleep,
    spawn,
    startup,
    switch,
    timeouts,
    timers,
    tls,
    trampoline,
)

_GREEN = (switch, spawn, handover, echo, tls, accept, latency, idle, timeouts, timers, sleep, trampoline, startup)
_ALL = (*(module.WORKLOAD for module in _GREEN), http.WORKLOAD, http.LATENCY, http.IDLE)

WORKLOADS: dict[str, Workload] = {workload.name: workload for workload in _ALL}
