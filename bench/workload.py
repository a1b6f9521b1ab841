"""What a workload is: one measurement that each library does in its own way, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .libraries import ALL, Coroutines, Green
from .stopwatch import Metrics

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Metric:
    """A number that a workload gives; of all of them less is better."""

    key: str
    unit: str
    #: What to multiply by for `unit`.
    factor: float = 1.0


CPU = Metric("cpu", "µs CPU")
WALL = Metric("wall", "µs")


class Subject(Protocol):
    """One library in one version, as the driver sees it."""

    @property
    def library(self) -> str: ...

    def child(self, workload: str, parameters: Parameters) -> Metrics:
        """Run `green` or `coroutines` of a workload in a fresh process."""

    def program(self, *args: object) -> Metrics:
        """Run one of the C programs of `c/` and return what it prints."""

    def under_load(self, workload: str, parameters: Parameters) -> Metrics:
        """Start the workload as a server and have `c/load.c` ask it."""

    def start_up(self, parameters: Parameters) -> Metrics:
        """Time of a fresh interpreter that runs what `parameters` have for the library."""


def in_a_child(subject: Subject, workload: Workload, parameters: Parameters) -> Metrics:
    """The usual way: the workload's own function, in a fresh process."""
    return subject.child(workload.name, parameters)


@dataclass(frozen=True)
class Workload:
    """A row of the table, or several: one for each of `cases`."""

    name: str
    #: Title of the row -> parameters, and the same with small numbers, to see whether it works.
    cases: Mapping[str, Parameters]
    quick: Mapping[str, Any]
    #: The first is what the table shows.
    metrics: tuple[Metric, ...] = (CPU, WALL)
    green: Callable[[Green, Parameters], Metrics] | None = None
    coroutines: Callable[[Coroutines, Parameters], Coroutine[Any, Any, Metrics]] | None = None
    measure: Callable[[Subject, Workload, Parameters], Metrics] = in_a_child
    libraries: tuple[str, ...] = field(default=ALL)

    def parameters(self, case: str, quick: bool) -> Parameters:
        return {**self.cases[case], **(self.quick if quick else {})}
