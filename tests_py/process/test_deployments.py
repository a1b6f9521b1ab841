"""Programs that fork for a living, unmodified: gunicorn with a preloaded application, Celery's prefork pool; a second Go."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def missing(*names: str) -> bool:
    return any(importlib.util.find_spec(name) is None for name in names)


@contextmanager
def running(command: list[str], folder: Path, hub: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A program that is asked to end by SIGTERM, its output in `folder`/log."""
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"), *sys.path)))
    with open(folder / "log", "w") as log:
        program = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, text=True, start_new_session=True,
            env={**os.environ, "GUV_HUB": hub, "PYTHONPATH": path, **more},
        )  # fmt: skip
    try:
        yield program
    finally:
        program.terminate()
        try:
            program.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(program.pid, signal.SIGKILL)
            program.wait()


@pytest.mark.skipif(missing("gunicorn"), reason="gunicorn is not installed")
@pytest.mark.parametrize("used_in_master", [False, True])
def test_gunicorn_preloadedApplication_workersServe(hub_kind: str, tmp_path: Path, used_in_master: bool) -> None:
    """Also where the application has used guv, and so Go, in the master."""
    (tmp_path / "app.py").write_text(
        textwrap.dedent(f"""
        import os, time
        master = os.getpid()
        if {used_in_master}:
            import guv
            guv.monkey_patch()
            time.sleep(.001)
        def application(environ, start_response):
            time.sleep(.01)
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [f"{{master}} {{os.getpid()}}".encode()]
        """)
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "gunicorn", "--preload", "-w", "3", "-k", "guv.GuvWorker", "-b", f"127.0.0.1:{port}", "app:application",
    ]  # fmt: skip
    seen: set[str] = set()
    with running(command, tmp_path, hub_kind) as master:
        deadline = time.monotonic() + 30
        while len(seen) < 3 and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as reply:
                    loaded_by, answered_by = reply.read().decode().split()
                assert int(loaded_by) == master.pid != int(answered_by)
                seen.add(answered_by)
            except OSError:
                time.sleep(0.05)
        assert len(seen) == 3, (tmp_path / "log").read_text()
    assert master.returncode == 0, (tmp_path / "log").read_text()
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.skipif(missing("celery", "kombu"), reason="celery is not installed")
@pytest.mark.parametrize("used_in_master", [False, True])
def test_celery_preforkPool_childrenWorkWithAndWithoutGuv(hub_kind: str, tmp_path: Path, used_in_master: bool) -> None:
    (tmp_path / "tasks.py").write_text(
        textwrap.dedent(f"""
        import os
        import celery
        import guv
        if {used_in_master}:
            guv.sleep(.001)                # this loads Go in the parent of all workers
        app = celery.Celery("tasks", broker="filesystem://", backend="file://{tmp_path}/results")
        app.conf.broker_transport_options = dict(
            data_folder_in="{tmp_path}/queue", data_folder_out="{tmp_path}/queue", control_folder="{tmp_path}/control")
        @app.task
        def plain(n):
            return os.getpid(), n + 1
        @app.task
        def green(n):
            return os.getpid(), sum(g.wait() for g in [guv.spawn(int, n) for _ in range(5)])
        """)
    )
    for folder in "queue", "results", "control":
        (tmp_path / folder).mkdir()
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "tasks",
        "worker",
        "-P",
        "prefork",
        "-c",
        "2",
        "--without-mingle",
        "--without-gossip",
    ]
    ask = textwrap.dedent("""
        import tasks
        asked = [(kind, n, kind.delay(n)) for n in range(10) for kind in (tasks.plain, tasks.green)]
        for kind, n, answer in asked:
            pid, value = answer.get(timeout=40)
            assert value == (n + 1 if kind is tasks.plain else 5 * n), (kind, n, value)
    """)
    with running(command, tmp_path, hub_kind, C_FORCE_ROOT="1"):
        path = os.pathsep.join((str(tmp_path), *sys.path))
        asked = subprocess.run(
            [sys.executable, "-c", ask], cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=55,
        )  # fmt: skip
        assert asked.returncode == 0, asked.stderr + (tmp_path / "log").read_text()


TOY = """
package main

import "C"
import "time"

//export Double
func Double(n int64) int64 {
	answer := make(chan int64)
	go func() { time.Sleep(time.Millisecond); answer <- 2 * n }()
	return <-answer
}

func main() {}
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with a Go runtime of its own; cold, the compiler takes a minute."""
    tmp_path = tmp_path_factory.mktemp("toy")
    (tmp_path / "toy.go").write_text(TOY)
    (tmp_path / "go.mod").write_text("module toy\n\ngo 1.21\n")
    library = tmp_path / "toy.so"
    subprocess.run(
        ["go", "build", "-buildmode=c-shared", "-o", str(library), "."], cwd=tmp_path, check=True, timeout=240
    )
    return library


@pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go to build the second library with")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("order", ["toy first", "guv first"])
def test_anotherGoLibrary_besideGuv_bothWork(script: Any, toy: Path, order: str) -> None:
    """Two Go runtimes in one process, loaded in either order, used by turns, in threads and after a fork."""
    code = """
    import ctypes, os, signal, sys
    import guv
    guv.monkey_patch()
    from guv import tpool
    def load():
        toy = ctypes.CDLL(sys.argv[1])
        toy.Double.argtypes, toy.Double.restype = [ctypes.c_int64], ctypes.c_int64
        assert toy.Double(4) == 8
        return toy
    if sys.argv[2] == "guv first":
        guv.sleep(.001)
    toy = load()
    for i in range(50):
        guv.sleep(.0001)
        assert toy.Double(i) == 2 * i
        assert tpool.execute(toy.Double, i) == 2 * i
    import socket
    assert socket.getaddrinfo("localhost", 80)
    pid = os.fork()
    if not pid:
        guv.sleep(.001)                # guv has a fresh runtime here; the other one's, as ever, is of no use
        assert socket.getaddrinfo("localhost", 80)
        os._exit(0)
    assert os.waitpid(pid, 0) == (pid, 0)
    try:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError
    except KeyboardInterrupt:
        pass
    """
    script("import warnings; warnings.simplefilter('ignore')\n" + textwrap.dedent(code), str(toy), order, deadline=50)
