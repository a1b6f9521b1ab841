"""The workloads, in the order of the table."""

from __future__ import annotations

from ..workload import Workload
from . import echo, handover, idle, sleep, spawn, startup, switch, timeouts, timers, trampoline

WORKLOADS: dict[str, Workload] = {
    module.WORKLOAD.name: module.WORKLOAD
    for module in (switch, spawn, handover, echo, idle, timeouts, timers, sleep, trampoline, startup)
}
