"""A quick part of CPython's own tests, run under the patch; `make compat` runs all that matter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import guv

#: Modules of seconds at most, and patterns of the tests in them that are quick.
MODULES = {
    "test_thread": "*",
    "test_threading": "*.ThreadTests.test_enumerate* *.ThreadTests.test_foreign* *.ThreadTests.test_join* *.LockTests.* "
    "*RLockTests.test_[a-p]* *.EventTests.test_[a-r]* *.ConditionTests.test_[a-n]* *.SemaphoreTests.test_[a-d]* "
    "*.BarrierTests.test_[a-b]* *.ThreadingExceptionTests.test_[a-d]* *.ThreadRunFail.* *.TimerTests.*",
    "test_threading_local": "*",
    "test_queue": "*.CSimpleQueueTest.test_b* *QueueTest.test_basic *QueueTest.test_shrinking* *QueueTest.test_simple*",
    "test_sched": "*",
    "test_context": "*",
    "test_select": "*",
}
LIST = Path(__file__).parent / "expected_failures.txt"
PACKAGE = Path(guv.__file__).parent.parent

PROGRAM = """
import guv; guv.monkey_patch()
import fnmatch, importlib, json, sys, unittest

name, patterns, left_out = sys.argv[1], sys.argv[2].split(), set(sys.argv[3].split())

def flatten(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test

from test import support
support.verbose = 0
module = importlib.import_module("test." + name)
tests = []
for test in flatten(unittest.defaultTestLoader.loadTestsFromModule(module)):
    short = test.id().removeprefix("test.")
    if short not in left_out and any(fnmatch.fnmatchcase(short, pattern) for pattern in patterns):
        tests.append(test)
result = unittest.TestResult()
unittest.TestSuite(tests).run(result)
failed = {test.id(): text for test, text in result.failures + result.errors}
print(json.dumps([result.testsRun, failed]))
"""


def expected() -> list[str]:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    lines = [line.split(" - ") for line in LIST.read_text().splitlines() if line and not line.startswith("#")]
    return [test for test, versions, *_ in lines if versions == "all" or version in versions.split()]


@pytest.mark.skipif(find_spec("test.support") is None, reason="this Python comes without its test package")
@pytest.mark.parametrize("module", MODULES)
def test_cpython_tests_pass_under_the_patch(module: str, hub_kind: str, tmp_path: Path) -> None:
    if find_spec(f"test.{module}") is None:
        pytest.skip(f"this Python comes without test.{module}")
    path = os.pathsep.join(filter(None, (str(PACKAGE), os.environ.get("PYTHONPATH"))))
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, module, MODULES[module], " ".join(expected())],
        capture_output=True, text=True, timeout=50, cwd=tmp_path,
        env={**os.environ, "GUV_HUB": hub_kind, "PYTHONPATH": path},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    ran, failed = json.loads(ended.stdout.splitlines()[-1])
    assert ran
    assert not failed, "\n".join(failed.values())


def test_list_of_expected_failures_is_sorted_and_gives_reasons() -> None:
    lines = [line for line in LIST.read_text().splitlines() if line and not line.startswith("#")]
    assert lines == sorted(lines)
    names = [line.split(" - ")[0] for line in lines]
    assert len(names) == len(set(names))
    for line in lines:
        test, versions, reason = line.split(" - ", 2)
        assert test.count(".") >= 2 and reason, line
        assert versions == "all" or set(versions.split()) <= {"3.10", "3.11", "3.12", "3.13"}, line
