"""The benchmarks run, and refuse a library that works wrongly. Nothing here looks at the times."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, status: int = 0) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--rounds", "1", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert ended.returncode == status, ended.stdout + ended.stderr
    return ended.stdout


def test_table_has_a_row_for_each_case_and_a_column_for_each_library(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    table = run("--only", "switch,timeouts", "--libraries", "guv,asyncio,threads", "--json", str(results))
    head, _, *rows = table.splitlines()[:4]
    assert [cell.strip() for cell in head.split("|")[3:6]] == ["guv", "asyncio", "threads"]
    assert [row.split("|")[1].strip() for row in rows] == [
        "yield and resume",
        "with Timeout(10): a block that ends at once",
    ]
    measured = {(one["subject"], one["case"]) for one in json.loads(results.read_text())}
    assert ("guv", "yield and resume") in measured
    assert ("threads", "yield and resume") not in measured


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler called cc")
def test_echo_is_served_and_compared() -> None:
    table = run("--only", "echo", "--libraries", "guv", "--details")
    assert "echo 64 B, 1,000 connections" in table
    assert "FAILED" not in table


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler called cc")
def test_servers_have_a_table_of_their_own() -> None:
    table = run("--only", "switch,http", "--libraries", "guv,guv.wsgi")
    heads = [[cell.strip() for cell in line.split("|")[3:-1]] for line in table.splitlines() if "| unit" in line]
    assert heads == [["guv", "guv : gevent"], ["guv.wsgi", "guv.wsgi : gevent.pywsgi"]]
    assert "FAILED" not in table


@pytest.mark.slow
@pytest.mark.parametrize("library", ["guv", "c", "guv.wsgi"])
def test_every_workload_runs(library: str) -> None:
    assert "FAILED" not in run("--libraries", library)


def test_library_that_is_not_installed_is_left_out_with_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "gevent.py").write_text("raise ImportError('not here')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH")))))
    assert "left out: yield and resume, gevent: not installed (not here)" in run(
        "--only", "switch", "--libraries", "gevent"
    )


def test_wrong_result_fails_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A library whose green threads do not take turns gets no number."""
    (tmp_path / "uvloop.py").write_text(
        "import asyncio\n__version__ = '0'\n"
        "async def stay(seconds): pass\n"
        "asyncio.sleep = stay\nnew_event_loop = asyncio.new_event_loop\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH")))))
    assert "FAILED: yield and resume, uvloop: exit status 1: RuntimeError: 2 changes of turn" in run(
        "--only", "switch", "--libraries", "uvloop", status=1
    )
