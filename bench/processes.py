"""The driver's side of a measurement: fresh processes, the clients in C, and what they used."""

from __future__ import annotations

import json
import os
import resource
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import servers
from .libraries import Missing
from .stopwatch import Metrics, cpu_seconds, resident_bytes
from .workload import Parameters

HERE = Path(__file__).resolve().parent
#: Seconds after which a process that says nothing is given up; nothing here takes nearly as long.
PATIENCE = 90.0
#: Descriptors that a server needs beside its connections.
SPARE_FILES = 100


class Failed(Exception):
    """A measurement that gave no result, or a wrong one."""


class Machine:
    """Compiled C programs, and which CPUs are for whom."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="guv-bench-")
        cpus = sorted(os.sched_getaffinity(0))
        # The measured process keeps to one CPU and its clients to another: threads that a library has of its
        # own get no second one, and the clients never take the first.
        self.measured, self.clients = {cpus[0]}, {cpus[-1]}
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.most_connections = hard - SPARE_FILES

    def compiled(self, name: str, tls: bool = False) -> str:
        """The path of the program made of ``c/NAME.c``. Raises `Missing` without a C compiler, or without OpenSSL."""
        path = os.path.join(self.folder, name + "-tls" * tls)
        if not os.path.exists(path):
            compiler = os.environ.get("CC", "cc")
            if shutil.which(compiler) is None:
                raise Missing(f"there is no C compiler ({compiler})")
            command = [compiler, "-O2", "-o", path, str(HERE / "c" / f"{name}.c")]
            if tls:
                ended = subprocess.run([*command, "-DTLS", "-lssl", "-lcrypto"], capture_output=True, text=True)
                if ended.returncode:
                    raise Missing(f"the headers of OpenSSL are not installed ({ended.stderr.splitlines()[0]})")
            else:
                subprocess.run(command, check=True)
        return path

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class Process:
    """A program that prints lines of JSON; it is killed at the end of the ``with`` block."""

    def __init__(self, command: list[str], cpus: set[int], environment: dict[str, str]) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process = subprocess.Popen(
            command, cwd=HERE.parent, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._errors,
        )  # fmt: skip
        self.pid = self._process.pid
        os.sched_setaffinity(self.pid, cpus)
        self._buffer = b""

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()
        for stream in self._process.stdin, self._process.stdout, self._errors:
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass

    def answer(self) -> dict[str, Any]:
        """The next line. Raises `Missing` if it says so, `Failed` if there is none."""
        assert self._process.stdout is not None
        give_up = time.monotonic() + PATIENCE
        while b"\n" not in self._buffer:
            if not select.select([self._process.stdout], [], [], max(0.0, give_up - time.monotonic()))[0]:
                raise Failed(f"no answer in {PATIENCE:.0f} seconds")
            data = os.read(self._process.stdout.fileno(), 65536)
            if not data:
                raise Failed(self._last_words())
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        told: dict[str, Any] = json.loads(line)
        if "missing" in told:
            raise Missing(told["missing"])
        return told

    def wait_for_port(self, port: int) -> None:
        """Wait until somebody listens. Raises `Failed`."""
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    time.sleep(0.2)  # a worker may come up behind its listener
                    return
            time.sleep(0.05)
        raise Failed(self._last_words() if self._process.poll() is not None else f"nobody listens on port {port}")

    def tree(self) -> list[int]:
        """The process and those that its main thread has started, and so on."""
        found = [self.pid]
        for pid in found:
            found += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return found

    def cpu(self) -> float:
        """Processor time so far, in seconds, of the whole tree."""
        return sum(map(cpu_seconds, self.tree()))

    def memory(self) -> int:
        """Bytes in RAM of the whole tree."""
        return sum(map(resident_bytes, self.tree()))

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def _last_words(self) -> str:
        status = self._process.wait(5)
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"exit status {status}: {lines[-1] if lines else 'no message'}"


@dataclass(frozen=True)
class Subject:
    """One library, in one version; see `bench.workload.Subject`."""

    name: str
    library: str
    machine: Machine
    #: Where another version of guv lies; empty for the installed one.
    tree: str = ""

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        if self.tree:
            environment["PYTHONPATH"] = os.path.join(self.tree, "python")
        return environment

    def _command(self, workload: str, parameters: Parameters) -> list[str]:
        library = servers.IN_PROCESS[self.library][0] if self.library in servers.IN_PROCESS else self.library
        return [sys.executable, "-m", "bench.child", workload, library, json.dumps(parameters)]

    def child(self, workload: str, parameters: Parameters) -> Metrics:
        with Process(self._command(workload, parameters), self.machine.measured, self._environment()) as process:
            return process.answer()

    def program(self, *args: object) -> Metrics:
        name, *rest = (str(arg) for arg in args)
        with Process([self.machine.compiled(name), *rest], self.machine.measured, dict(os.environ)) as process:
            return process.answer()

    @contextmanager
    def _server(self, workload: str, parameters: Parameters) -> Iterator[tuple[Process, int]]:
        if self.library in servers.COMMANDS:
            with socket.create_server(("127.0.0.1", 0)) as taken:
                port: int = taken.getsockname()[1]
            command = servers.command(self.library, port)
            with Process(command, self.machine.measured, self._environment()) as process:
                process.wait_for_port(port)
                yield process, port
            return
        command = self._command(workload, parameters)
        if self.library == "c":
            command = [self.machine.compiled("echo")]
        with Process(command, self.machine.measured, self._environment()) as process:
            yield process, process.answer()["port"]

    def under_load(self, workload: str, parameters: Parameters) -> Metrics:
        connections = min(parameters["connections"], self.machine.most_connections)
        flags = [flag for flag in ("tls", "fresh", "http") if parameters.get(flag)]
        load = self.machine.compiled("load", "tls" in flags)
        rounds, rate = parameters.get("rounds", 1), parameters.get("rate", 0)
        with ExitStack() as stack:
            server, port = stack.enter_context(self._server(workload, parameters))
            memory, cpu = server.memory(), server.cpu()
            command = [load, str(port), str(connections), str(parameters.get("size", 0)), str(rounds), *flags]
            clients = stack.enter_context(Process(command, self.machine.clients, dict(os.environ)))
            clients.answer()  # each connection has been served
            result: Metrics = {
                "memory": (server.memory() - memory) / connections,
                "cpu": (server.cpu() - cpu) * 1e6 / connections / rounds,
            }
            if parameters["seconds"]:
                clients.tell(f"{parameters['seconds'] / 4} {rate}")  # caches fill, interpreters specialise
                clients.answer()
                cpu = server.cpu()
                clients.tell(f"{parameters['seconds']} {rate}")
                told = clients.answer()
                used = server.cpu() - cpu
                result["cpu"] = used * 1e6 / told["requests"]
                result["wall"] = told["seconds"] * 1e6 / told["requests"]
                result["p50"], result["p99"] = told["p50"], told["p99"]
            return result

    def start_up(self, parameters: Parameters) -> Metrics:
        bare, patched = [], []
        for _ in range(parameters["times"]):
            bare.append(self._run_program("pass"))
            patched.append(self._run_program(parameters["program"]))
        return {
            key: statistics.median(run[key] for run in patched) - statistics.median(run[key] for run in bare)
            for key in bare[0]
        }

    def _run_program(self, code: str) -> Metrics:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", code], env=self._environment(), cwd=HERE.parent, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        error = process.stderr.read()  # until it ends
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stderr.close()
        if process.returncode:
            last = error.strip().splitlines()[-1]
            raise Missing(last) if "ModuleNotFoundError" in last else Failed(last)
        return {
            "cpu": used.ru_utime + used.ru_stime,
            "wall": time.perf_counter() - start,
            "memory": used.ru_maxrss * 1024.0,
        }
