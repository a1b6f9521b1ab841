"""`patcher.original`, the green modules without a patch, `import_patched` and their kin."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Script = Callable[..., str]


@pytest.mark.parametrize("when", ["before", "after"])
def test_original_modules_block_whatever_is_patched(script: Script, when: str) -> None:
    out = script(
        """
        import sys
        import guv
        if sys.argv[1] == "before":
            guv.monkey_patch()
        original = guv.patcher.original
        threads, clock, queues = original("threading"), original("time"), original("queue")
        event, made = threads.Event(), queues.Queue()
        if sys.argv[1] == "after":
            guv.monkey_patch()
        import queue, socket, threading, time

        assert threads is original("threading") is not threading
        native = original("_thread").LockType
        assert type(threads.Lock()) is native is not type(threading.Lock())
        assert queues.SimpleQueue is original("_queue").SimpleQueue is not queue.SimpleQueue
        assert original("socket").socket.recv is not socket.socket.recv
        assert type(event._cond._lock) is type(made.mutex) is native

        seen = []

        def run():
            clock.sleep(0.01)
            seen.append((threading.get_native_id(), threads.current_thread().name))

        thread = threads.Thread(target=run, name="real")
        thread.start()
        ticked = []
        guv.spawn(lambda: ticked.append(1))
        thread.join()
        assert not ticked, "join of an original thread yielded"
        print(seen[0][0] != threading.get_native_id(), seen[0][1])
        pool = original("concurrent.futures").ThreadPoolExecutor(1)
        print(pool.submit(threading.get_native_id).result() != threading.get_native_id())
        print(original("subprocess").run(["true"]).returncode, original("selectors").DefaultSelector.__name__)
        threads.Thread(target=lambda: (clock.sleep(0.05), print("waited for"))).start()
        """,
        when,
    )
    assert out == "True real\nTrue\n0 EpollSelector\nwaited for\n"


def test_original_thread_that_waits_for_a_greenlet_at_exit_gets_it(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import threading, time
        event = threading.Event()
        threading.Thread(target=lambda: (time.sleep(0.05), event.set())).start()
        guv.patcher.original("threading").Thread(target=lambda: (event.wait(), print("woken"))).start()
    """)
    assert out == "woken\n"


def test_green_modules_yield_without_a_patch(script: Script) -> None:
    out = script("""
        import threading as real, time as clock
        import guv
        from guv.green import queue, select, selectors, socket, ssl, subprocess, threading, time

        ticks = [0]

        def tick():
            while True:
                ticks[0] += 1
                guv.sleep(0.005)

        guv.spawn(tick)

        def exchange():
            with socket.create_server(("127.0.0.1", 0)) as server:
                def answer():
                    connection, _ = server.accept()
                    assert type(connection) is socket.socket
                    time.sleep(0.05)
                    connection.sendall(b"hello")
                    connection.close()
                threading.Thread(target=answer).start()
                with socket.create_connection(server.getsockname()) as client:
                    assert client.recv(10) == b"hello"

        def thread():
            ran = threading.Thread(target=time.sleep, args=(0.05,))
            ran.start()
            assert ran.native_id == real.get_native_id()
            ran.join()

        def through(made):
            threading.Timer(0.05, made.put, (1,)).start()
            assert made.get() == 1

        for wait in (
            lambda: time.sleep(0.05), exchange, thread, lambda: through(queue.Queue()), lambda: through(queue.SimpleQueue()),
            lambda: subprocess.run(["sleep", "0.05"]), lambda: selectors.DefaultSelector().select(0.05),
            lambda: select.select([], [], [], 0.05), lambda: threading.Event().wait(0.05),
        ):
            before = ticks[0]
            wait()
            assert ticks[0] > before, wait
        print(guv.patcher.is_monkey_patched("time"), "green" in repr(clock.sleep), ssl.SSLContext.__name__)
    """)
    assert out == "False False SSLContext\n"


def test_import_patched_gives_a_private_green_copy(script: Script) -> None:
    out = script("""
        import sched, sys, threading, types
        import guv
        from guv import patcher

        copy = patcher.import_patched("http.client")
        import http.client
        assert copy is not http.client and copy.HTTPConnection is not http.client.HTTPConnection
        from guv.green import socket, time
        assert copy.socket.socket is socket.socket

        names = {"kept": 1}
        patcher.inject("sched", names)
        assert names["kept"] == 1 and names["time"].sleep.__func__ is time.sleep
        assert names["scheduler"] is not sched.scheduler

        stand_in = types.ModuleType("time")
        stand_in.monotonic, stand_in.sleep = "clock", "sleep"
        assert patcher.import_patched("sched", ("time", stand_in)).time is stand_in
        assert patcher.import_patched("sched", time=stand_in).time is stand_in

        def imports():
            import threading
            return threading

        assert patcher.patch_function(imports)() is not threading
        assert patcher.patch_function(imports, ("threading", stand_in))() is stand_in
        assert imports() is threading is sys.modules["threading"]
        try:
            patcher.import_patched("no_such_module")
        except ModuleNotFoundError as error:
            print(error)
    """)
    assert out == "No module named 'no_such_module'\n"
