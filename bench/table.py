"""Results, and the tables made of them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from .stopwatch import Metrics
from .workload import Metric, Workload

#: What the ratios are to.
BASE = "gevent"


class Results:
    """Metrics of each case and subject, one entry a round; and what was left out, and why."""

    def __init__(self, subjects: Sequence[str]) -> None:
        self.subjects = subjects
        self.cases: dict[str, tuple[Workload, dict[str, list[Metrics]]]] = {}
        self.left_out: dict[str, str] = {}
        self.failures: list[str] = []

    def add(self, workload: Workload, case: str, subject: str, metrics: Metrics) -> None:
        self.cases.setdefault(case, (workload, {}))[1].setdefault(subject, []).append(metrics)

    def leave_out(self, case: str, subject: str, why: object) -> None:
        """The library can't do this at all."""
        self.left_out[_place(case, subject)] = str(why)

    def is_left_out(self, case: str, subject: str) -> bool:
        return _place(case, subject) in self.left_out

    def fail(self, case: str, subject: str, why: object) -> None:
        """It ought to, and gave a wrong result or none."""
        self.failures.append(f"{_place(case, subject)}: {why}")

    def as_json(self) -> list[dict[str, object]]:
        """Every single measurement."""
        return [
            {"case": case, "subject": subject, "round": turn, "metrics": metrics}
            for case, (_, subjects) in self.cases.items()
            for subject, rounds in subjects.items()
            for turn, metrics in enumerate(rounds)
        ]

    def values(self, case: str, subject: str, metric: Metric) -> list[float]:
        rounds = self.cases[case][1].get(subject, [])
        return [round_[metric.key] * metric.factor for round_ in rounds if metric.key in round_]

    def median(self, case: str, subject: str, metric: Metric) -> float | None:
        values = self.values(case, subject, metric)
        return statistics.median(values) if values else None

    def summary(self, base: str = BASE) -> str:
        """One row for each case: the first metric's median of each subject, and the first subject's ratio to `base`."""
        first = self.subjects[0]
        rows = [["", "unit", *self.subjects, f"{first} : {base}"]]
        for case, (workload, _) in self.cases.items():
            metric = workload.metrics[0]
            medians = {subject: self.median(case, subject, metric) for subject in self.subjects}
            rows.append(
                [case, metric.unit, *map(_number, medians.values()), _ratio(medians.get(first), medians.get(base))]
            )
        return markdown(rows)

    def details(self) -> str:
        """For each case all its metrics, and of the first one how far the rounds lie apart."""
        parts = []
        for case, (workload, subjects) in self.cases.items():
            metrics = workload.metrics
            rows = [["", metrics[0].unit, "least", "most", *(metric.unit for metric in metrics[1:])]]
            for subject in subjects:
                values = self.values(case, subject, metrics[0])
                rows.append(
                    [subject, _number(self.median(case, subject, metrics[0])), _number(min(values)),
                     _number(max(values)), *(_number(self.median(case, subject, metric)) for metric in metrics[1:])]
                )  # fmt: skip
            parts.append(f"### {case}\n\n{markdown(rows)}")
        return "\n\n".join(parts)

    def spread(self) -> str:
        """How far rounds of the same measurement lie apart."""
        spans = []
        for case, (workload, subjects) in self.cases.items():
            for subject in subjects:
                values = self.values(case, subject, workload.metrics[0])
                if len(values) > 1 and statistics.median(values) > 0:
                    spans.append((max(values) - min(values)) / 2 / statistics.median(values))
        if not spans:
            return "One round: nothing can be said of the spread."
        spans.sort()
        return (
            f"Rounds of the same measurement lie within ±{statistics.median(spans):.0%} of their median "
            f"(half of the measurements), ±{spans[len(spans) * 9 // 10]:.0%} (nine of ten)."
        )


def _place(case: str, subject: str) -> str:
    return f"{case}, {subject}"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _ratio(value: float | None, base: float | None) -> str:
    return f"{value / base:.2f}" if value is not None and base else "–"


def markdown(rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table that is readable as plain text too; the first row is the head."""
    table = list(rows)
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]

    def line(row: Sequence[str]) -> str:
        cells = (
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return f"| {' | '.join(cells)} |"

    rule = "|".join("-" * (width + 2) if column < 2 else "-" * (width + 1) + ":" for column, width in enumerate(widths))
    return "\n".join([line(table[0]), f"|{rule}|", *map(line, table[1:])])
