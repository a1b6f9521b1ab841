"""Futures of `concurrent.futures`: who asks one in a loop whether it is done lets the others run.

The module is patched once it has been imported, which takes a program a while that does not use it.
"""

from __future__ import annotations

import sys
from typing import Any

from ..hubs.fairness import fair
from ..support._imports import when_imported
from ._report import Report

_MODULE = "concurrent.futures._base"


def watch(report: Report) -> None:
    """Patch the module when it is imported, or at once if it has been."""

    def patch() -> None:
        future: Any = sys.modules[_MODULE].Future
        for name in ("done", "running"):
            setattr(future, name, fair(getattr(future, name)))
            report.groups["threading"].append(f"{_MODULE}.Future.{name}")

    when_imported(_MODULE, patch)
