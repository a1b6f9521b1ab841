"""Compare a result of compat's run.py with the list of expected failures: ``check_compat.py VERSION RESULT BASELINE``.

A failure here is a test that passes without the patch and not with it. Printed are those on the list with their
reasons, those that are not on it, and the tests on the list that passed; status 1 if a failure is not on the list.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

LIST = Path(__file__).resolve().parent.parent / "tests_py" / "stdlib" / "expected_failures.txt"


def expected(version: str) -> dict[str, str]:
    """The tests that are expected to fail on a Python version, with the reason."""
    minor = ".".join(version.split(".")[:2])
    found = {}
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            test, versions, reason = line.split(" - ", 2)
            if versions == "all" or minor in versions.split():
                found[test] = reason
    return found


def outcomes(path: str) -> dict[str, dict[str, str]]:
    """What became of each test of each module, as run.py's result file says."""
    modules = json.loads(Path(path).read_text(encoding="utf-8"))["modules"]
    return {
        module: {test: str(entry["outcome"]) for test, entry in record["tests"].items()}
        for module, record in modules.items()
    }


def main() -> None:
    """Compare."""
    version, result, baseline = sys.argv[1:]
    before = outcomes(baseline)
    listed = expected(version)
    failed, passed = {}, set()
    for module, tests in outcomes(result).items():
        for test, outcome in before.get(module, {}).items():
            if outcome == "pass":
                after = tests.get(test, "missing")
                if after == "pass":
                    passed.add(test)
                else:
                    failed[test] = after
    known = [f"{failed[test]}: {test} - {listed[test]}" for test in sorted(failed) if test in listed]
    surprises = [f"{failed[test]}: {test}" for test in sorted(failed) if test not in listed]
    print(f"{len(known)} failures that {LIST.name} explains", *known, sep="\n  ")
    print(f"{len(surprises)} failures that are not in {LIST.name}", *surprises, sep="\n  ")
    better = sorted(passed.intersection(listed))
    print(f"{len(better)} tests that are in {LIST.name} and passed", *better, sep="\n  ")
    if surprises:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
