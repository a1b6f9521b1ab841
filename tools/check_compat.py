"""Compare a result of compat's run.py with the list of expected failures: ``check_compat.py VERSION RESULT BASELINE``.

Prints the tests that fail under the patch, pass without it, and are not in the list; status 1 if there are any.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

LIST = Path(__file__).resolve().parent.parent / "tests_py" / "stdlib" / "expected_failures.txt"


def expected(version: str) -> set[str]:
    """The tests that are expected to fail on a Python version."""
    minor = ".".join(version.split(".")[:2])
    found = set()
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            test, versions, _ = line.split(" - ", 2)
            if versions == "all" or minor in versions.split():
                found.add(test)
    return found


def main() -> None:
    """Compare."""
    version, result, baseline = sys.argv[1:]
    outcomes = json.loads(Path(result).read_text(encoding="utf-8"))["modules"]
    passing = json.loads(Path(baseline).read_text(encoding="utf-8"))["modules"]
    listed = expected(version)
    surprises = []
    for module, record in outcomes.items():
        for test, before in passing.get(module, {"tests": {}})["tests"].items():
            after = record["tests"].get(test, {"outcome": "missing"})
            if before["outcome"] == "pass" != after["outcome"] and test not in listed:
                surprises.append(f"{after['outcome']}: {test}")
    print(f"{len(surprises)} failures that are not in {LIST.name}", *surprises, sep="\n  ")
    if surprises:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
