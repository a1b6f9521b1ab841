"""``python -m bench``: measure in interleaved rounds and print the tables."""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from . import servers, versions
from .libraries import ALL, Missing
from .processes import Failed, Machine, Subject
from .table import BASE, Results
from .workload import Workload
from .workloads import WORKLOADS

#: What is compared with what, a table for each: who takes part, and whom the ratios are to.
TABLES = ((ALL, BASE), (servers.SERVERS, servers.BASE))
NAMES = (*ALL, *servers.SERVERS)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", metavar="NAME,...", help=f"workloads, of {','.join(WORKLOADS)}")
    parser.add_argument("--libraries", metavar="NAME,...", help=f"libraries and servers, of {','.join(NAMES)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="small numbers: does everything work?")
    parser.add_argument("--against", metavar="REF", help="another version of guv to measure beside this one")
    parser.add_argument("--details", action="store_true", help="all metrics of each workload, and their spread")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write the summary there as well")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every single measurement there")
    args = parser.parse_args()
    for given, known in (args.only, WORKLOADS), (args.libraries, NAMES):
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


def measure_table(
    args: argparse.Namespace, machine: Machine, tree: str | None, everybody: tuple[str, ...]
) -> Results | None:
    """Measure those of `everybody` that are asked for; None if none is, or nothing that they do."""
    names = [name for name in everybody if not args.libraries or name in args.libraries.split(",")]
    workloads = [
        workload
        for name, workload in WORKLOADS.items()
        if (not args.only or name in args.only.split(",")) and set(workload.libraries) <= set(everybody)
    ]
    if not names or not workloads:
        return None
    subjects = [Subject(name, name, machine) for name in names]
    if tree is not None:
        subjects.append(Subject(args.against, everybody[0], machine, tree))
    results = Results([subject.name for subject in subjects])
    for workload in workloads:
        for case in workload.cases:
            measure_case(results, workload, case, subjects, args.rounds, args.quick)
    return results


def main() -> int:
    args = arguments()
    about = versions.machine()
    tables = []
    with ExitStack() as stack:
        machine = Machine()
        stack.callback(machine.close)
        tree = stack.enter_context(versions.tree(args.against)) if args.against else None
        for everybody, base in TABLES:
            results = measure_table(args, machine, tree, everybody)
            if results is not None:
                tables.append((results, args.against or base))
    about = f"Medians of {args.rounds} interleaved rounds; less is better. {about}; {versions.installed(NAMES)}."
    summary = "\n".join(f"{results.summary(base)}\n\n{results.spread()}\n" for results, base in tables)
    summary += f"\n{about}\n"
    print(summary)
    for results, _ in tables:
        if args.details:
            print(results.details())
        for place, why in results.left_out.items():
            print(f"left out: {place}: {why}")
    if args.markdown:
        args.markdown.write_text(summary, encoding="utf-8")
    if args.json:
        measured = [one for results, _ in tables for one in results.as_json()]
        args.json.write_text(json.dumps(measured, indent=1), encoding="utf-8")
    failures = [line for results, _ in tables for line in results.failures]
    for line in failures:
        print(f"FAILED: {line}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
