"""Check that an installed guv works at all: ``smoke.py PREFIX``, run by the interpreter of the environment PREFIX.

Patched threads all run in one thread of the system, two talk over a socket pair, a forked child does so again without a
warning about threads, and the Go extension that served both is the one under PREFIX. Prints one line; a failed check is
a traceback and status 1.
"""

from __future__ import annotations

import os
import platform
import sys
import warnings
from pathlib import Path

import guv

guv.monkey_patch()

import socket  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from concurrent.futures import ThreadPoolExecutor  # noqa: E402


def threads_share_one_thread_of_the_system() -> None:
    """Start threads in each way that the standard library has; all must be greenlets, and each its own thread."""
    native = {threading.get_native_id()}
    idents = {threading.get_ident()}

    def look(_: object = None) -> None:
        native.add(threading.get_native_id())
        idents.add(threading.get_ident())
        time.sleep(0.01)

    threads = [threading.Thread(target=look) for _ in range(3)] + [threading.Timer(0, look)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(look, range(3)))
    if len(native) != 1 or len(idents) != 8:
        raise SystemExit(f"8 threads should be greenlets of one native thread: native ids {native}, idents {idents}")


def echo_over_a_socket_pair() -> None:
    """Send a line to a thread and read it back."""
    near, far = socket.socketpair()
    with near, far:
        server = threading.Thread(target=lambda: far.sendall(far.recv(100)))
        server.start()
        near.settimeout(20)
        near.sendall(b"hello")
        answer = near.recv(100)
        server.join()
    if answer != b"hello":
        raise SystemExit(f"sent hello, got {answer!r}")


def check_extension_loaded(prefix: str) -> None:
    """Fail unless this process runs the extension from under `prefix`, not another copy or the pure Python hub."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    if not any("_pyext" in line and prefix in line for line in maps.splitlines()):
        raise SystemExit(f"the extension under {prefix} was not loaded")


def main() -> None:
    """Run the checks."""
    prefix = os.path.realpath(sys.argv[1])
    if not os.path.realpath(guv.__file__).startswith(prefix):
        raise SystemExit(f"guv was imported from {guv.__file__}, not from {prefix}")
    threads_share_one_thread_of_the_system()
    echo_over_a_socket_pair()
    check_extension_loaded(prefix)
    warnings.simplefilter("error")
    child = os.fork()
    if child == 0:
        threads_share_one_thread_of_the_system()
        echo_over_a_socket_pair()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise SystemExit(f"the forked child ended with wait status {status}")
    print(f"smoke: guv {guv.__version__} works on Python {platform.python_version()}, and in a forked child")


if __name__ == "__main__":
    main()
