"""``python -m bench``: measure in interleaved rounds and print the tables."""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from . import versions
from .libraries import ALL, Missing
from .processes import Failed, Machine, Subject
from .table import BASE, Results
from .workload import Workload
from .workloads import WORKLOADS


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", metavar="NAME,...", help=f"workloads, of {','.join(WORKLOADS)}")
    parser.add_argument("--libraries", metavar="NAME,...", help=f"libraries, of {','.join(ALL)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="small numbers: does everything work?")
    parser.add_argument("--against", metavar="REF", help="another version of guv to measure beside this one")
    parser.add_argument("--details", action="store_true", help="all metrics of each workload, and their spread")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write the summary there as well")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every single measurement there")
    args = parser.parse_args()
    for given, known in (args.only, WORKLOADS), (args.libraries, ALL):
        for name in (given or "").split(","):
            if name and name not in known:
                parser.error(f"nothing is called {name!r}; there are {', '.join(known)}")
    return args


def measure_case(
    results: Results, workload: Workload, case: str, subjects: list[Subject], rounds: int, quick: bool
) -> None:
    """All rounds of one case: every subject once, then all again, starting with another one."""
    parameters = workload.parameters(case, quick)
    only = parameters.get("only", workload.libraries)
    taking_part = [subject for subject in subjects if subject.library in workload.libraries and subject.library in only]
    for turn in range(rounds):
        start = turn % max(1, len(taking_part))
        for subject in taking_part[start:] + taking_part[:start]:
            if results.is_left_out(case, subject.name):
                continue
            try:
                results.add(workload, case, subject.name, workload.measure(subject, workload, parameters))
            except Missing as missing:
                results.leave_out(case, subject.name, missing)
            except Failed as failed:
                results.fail(case, subject.name, failed)
    print(f"{time.strftime('%H:%M:%S')} {case}", file=sys.stderr, flush=True)


def main() -> int:
    args = arguments()
    names = args.only.split(",") if args.only else list(WORKLOADS)
    libraries = args.libraries.split(",") if args.libraries else list(ALL)
    with ExitStack() as stack:
        machine = Machine()
        stack.callback(machine.close)
        about = versions.machine()
        subjects = [Subject(library, library, machine) for library in libraries]
        if args.against:
            there = stack.enter_context(versions.tree(args.against))
            subjects.append(Subject(args.against, "guv", machine, there))
        results = Results([subject.name for subject in subjects])
        for name in names:
            for case in WORKLOADS[name].cases:
                measure_case(results, WORKLOADS[name], case, subjects, args.rounds, args.quick)
    summary = (
        f"{results.summary(args.against or BASE)}\n\n"
        f"Medians of {args.rounds} interleaved rounds; less is better. {about}; {versions.installed(libraries)}. "
        f"{results.spread()}\n"
    )
    print(summary)
    if args.details:
        print(results.details())
    for place, why in results.left_out.items():
        print(f"left out: {place}: {why}")
    if args.markdown:
        args.markdown.write_text(summary, encoding="utf-8")
    if args.json:
        args.json.write_text(json.dumps(results.as_json(), indent=1), encoding="utf-8")
    for line in results.failures:
        print(f"FAILED: {line}")
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
