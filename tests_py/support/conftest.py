"""Programs against real libraries and servers, each in a fresh patched process with a deadline.

That a library cooperates is shown without a clock: what it waits for is done by another greenlet, after it has begun
to wait. A library that blocked would wait for ever.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import guv

Program = Callable[..., str]
PRELUDE = """\
import sys, guv
guv.monkey_patch()
import threading


def after_a_turn(function, *args):
    \"\"\"Call a function in another greenlet-thread, a little later.\"\"\"
    timer = threading.Timer(0.05, function, args)
    timer.start()
    return timer


def together(function, n):
    \"\"\"The results of function(0..n-1), called at once.\"\"\"
    return [thread.wait() for thread in [guv.spawn(function, i) for i in range(n)]]


"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Run a program, patched, and return what it printed; for one whose libraries are installed.

    Names of modules that it needs go before: `program("redis", code)` skips the test without them.
    """

    def run(*names_and_code: str, args: tuple[Any, ...] = (), deadline: float = 40) -> str:
        *names, code = names_and_code
        for name in names:
            pytest.importorskip(name, reason=f"the module {name} is not installed")
        path = tmp_path / "program.py"
        path.write_text(PRELUDE + textwrap.dedent(code))
        package = str(Path(guv.__file__).parent.parent)
        ended = subprocess.run(
            [sys.executable, "-W", "error:::guv", str(path), *map(str, args)],
            capture_output=True,
            text=True,
            timeout=deadline,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))},
        )
        assert ended.returncode == 0, f"status {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    return run


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A server process under an unprivileged user, in a folder of its own."""

    def __init__(self) -> None:
        # not below pytest's folder, which is closed to other users
        self.folder = Path(tempfile.mkdtemp(prefix="guv-"))
        self.port = _free_port()
        self.running: subprocess.Popen[bytes] | None = None
        self.drop: dict[str, Any] = {}
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self.drop = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)

    def program(self, name: str, *folders: str) -> str:
        path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", *folders])
        found = shutil.which(name, path=path)
        if found is None:
            pytest.skip(f"{name} is not installed")
        return found

    def call(self, *command: str) -> None:
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=60, **self.drop)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, *command: str, env: dict[str, str] | None = None) -> None:
        with open(self.folder / "log", "wb") as log:
            self.running = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=env, **self.drop,
            )  # fmt: skip
        for _ in range(600):
            if self.running.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", self.port), 1).close()
                    return
                except OSError:
                    time.sleep(0.05)
        self.stop()
        pytest.skip(f"{command[0]} does not start: {(self.folder / 'log').read_text(errors='replace')[-500:]}")

    def stop(self) -> None:
        if self.running is not None:
            os.killpg(self.running.pid, signal.SIGTERM)
            try:
                self.running.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.running.pid, signal.SIGKILL)
                self.running.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_port() -> Iterator[int]:
    """A redis server."""
    server = Server()
    server.start(server.program("redis-server"), "--port", str(server.port), "--bind", "127.0.0.1", "--save", "")
    yield server.port
    server.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server; its connection string."""
    server = Server()
    folders = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    data = str(server.folder / "data")
    server.call(server.program("initdb", *folders), "-D", data, "-U", "guv", "-A", "trust", "--no-sync", "-N")
    server.start(
        server.program("postgres", *folders), "-D", data, "-p", str(server.port), "-k", "", "-c", "fsync=off",
        "-c", "listen_addresses=127.0.0.1",
    )  # fmt: skip
    yield f"host=127.0.0.1 port={server.port} user=guv dbname=postgres"
    server.stop()


@pytest.fixture(scope="session")
def mariadb_port() -> Iterator[int]:
    """A MariaDB server, with a user ``guv`` who has no password and a database ``test``."""
    server = Server()
    data = str(server.folder / "data")
    server.call(
        server.program("mariadb-install-db"), "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
        "--skip-test-db",
    )  # fmt: skip
    init = server.folder / "init.sql"
    init.write_text(
        "create database test;\ncreate user guv@'127.0.0.1' identified by '';\ngrant all on *.* to guv@'127.0.0.1';\n"
    )
    server.start(
        server.program("mariadbd"), "--no-defaults", f"--datadir={data}", f"--port={server.port}", "--skip-name-resolve",
        "--bind-address=127.0.0.1", f"--socket={server.folder / 's'}", f"--init-file={init}", "--innodb-flush-log-at-trx-commit=0",
    )  # fmt: skip
    yield server.port
    server.stop()


@pytest.fixture
def memcached_port() -> Iterator[int]:
    """A memcached server."""
    server = Server()
    server.start(server.program("memcached"), "-l", "127.0.0.1", "-p", str(server.port), "-U", "0")
    yield server.port
    server.stop()


@pytest.fixture(scope="session")
def rabbitmq_port() -> Iterator[int]:
    """A RabbitMQ server, with a name server of Erlang's own."""
    server = Server()
    names = _free_port()
    folder = str(server.folder)
    env = {
        **os.environ, "HOME": folder, "ERL_EPMD_PORT": str(names), "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"guv{server.port}@localhost", "RABBITMQ_NODE_PORT": str(server.port),
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1", "RABBITMQ_DIST_PORT": str(_free_port()), "RABBITMQ_MNESIA_BASE": folder,
        "RABBITMQ_LOG_BASE": folder, "RABBITMQ_LOGS": "-", "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
        "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }  # fmt: skip
    wrapper = server.program("rabbitmq-server")  # Debian's insists on root
    inner = "/usr/lib/rabbitmq/bin/rabbitmq-server"
    erlang = subprocess.Popen([server.program("epmd")], env=env, stdin=subprocess.DEVNULL, **server.drop)
    try:
        server.start(inner if os.path.exists(inner) else wrapper, env=env)
        yield server.port
        server.stop()
    finally:
        erlang.kill()
        erlang.wait()
