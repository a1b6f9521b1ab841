"""Importing and patching: what a fresh interpreter takes longer than a bare one, and how much memory more."""

from __future__ import annotations

from ..stopwatch import Metrics
from ..workload import Metric, Parameters, Subject, Workload

PROGRAMS = {
    "guv": "import guv; guv.monkey_patch()",
    "gevent": "from gevent import monkey; monkey.patch_all()",
    "eventlet": "import warnings; warnings.simplefilter('ignore'); import eventlet; eventlet.monkey_patch()",
    "asyncio": "import asyncio; asyncio.new_event_loop()",
    "uvloop": "import uvloop; uvloop.new_event_loop()",
}


def measure(subject: Subject, workload: Workload, parameters: Parameters) -> Metrics:
    return subject.start_up({**parameters, "program": PROGRAMS[subject.library]})


WORKLOAD = Workload(
    "startup",
    {"import and monkey_patch": {"times": 5}},
    quick={"times": 1},
    metrics=(Metric("cpu", "ms CPU", 1e3), Metric("wall", "ms", 1e3), Metric("memory", "MB", 2**-20)),
    measure=measure,
    libraries=tuple(PROGRAMS),
)
