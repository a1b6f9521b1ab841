"""A TCP echo server in plain blocking code under a closed loop of clients, which check every byte.

The server is asked for CPU time; the clients (in C, on another core where there is one) are not counted.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

from ..libraries import Coroutines, Green
from ..stopwatch import Metrics
from ..workload import CPU, WALL, Metric, Parameters, Subject, Workload

CHUNK = 65536
CERTIFICATE = Path(__file__).parents[2] / "tests_py" / "data" / "localhost.pem"


def listening() -> socket.socket:
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    # Accepted sockets inherit it. asyncio sets it by itself.
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server.listen(4096)
    return server


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def announce(port: int) -> None:
    print(f'{{"port": {port}}}', flush=True)


def green(library: Green, parameters: Parameters) -> Metrics:
    timeout = parameters.get("timeout")
    context = server_context() if parameters.get("tls") else None

    def handle(connection: socket.socket) -> None:
        if context is not None:
            connection = context.wrap_socket(connection, server_side=True)
        with connection:
            if timeout:
                connection.settimeout(timeout)
            while data := connection.recv(CHUNK):
                connection.sendall(data)

    server = listening()
    announce(server.getsockname()[1])
    while True:
        connection, _ = server.accept()
        library.spawn(handle, connection)


async def coroutines(library: Coroutines, parameters: Parameters) -> Metrics:
    import asyncio

    class Echo(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(data)

    server = listening()
    context = server_context() if parameters.get("tls") else None
    await asyncio.get_running_loop().create_server(Echo, sock=server, ssl=context)
    announce(server.getsockname()[1])
    await asyncio.sleep(3600)
    return {}


def measure(subject: Subject, workload: Workload, parameters: Parameters) -> Metrics:
    return subject.under_load(workload.name, parameters)


WORKLOAD = Workload(
    "echo",
    {
        "echo 64 B, 1 connection": {"connections": 1, "size": 64, "seconds": 0.8},
        "echo 64 B, 50 connections": {"connections": 50, "size": 64, "seconds": 0.8},
        "the same with settimeout(30)": {
            "connections": 50, "size": 64, "seconds": 0.8, "timeout": 30,
            "only": ("guv", "gevent", "eventlet", "threads"),
        },
        "echo 64 B, 1,000 connections": {"connections": 1000, "size": 64, "seconds": 0.8},
    },
    quick={"seconds": 0.05},
    metrics=(CPU, WALL, Metric("p50", "µs at the median"), Metric("p99", "µs at p99")),
    green=green,
    coroutines=coroutines,
    measure=measure,
)  # fmt: skip
