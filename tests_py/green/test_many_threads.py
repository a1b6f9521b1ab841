"""Threads of a patched program in numbers: what one costs does not grow with how many there are."""

from __future__ import annotations

from collections.abc import Callable

Script = Callable[..., str]


def test_threads_start_and_end_without_a_look_at_each_of_the_others(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import threading
        from guv.green.sentinel import Sentinel
        looks, locked = [0], Sentinel.locked
        def counted(self):
            looks[0] += 1
            return locked(self)
        Sentinel.locked = counted
        gate = threading.Event()
        threads = [threading.Thread(target=gate.wait) for _ in range(1000)]
        for thread in threads: thread.start()
        gate.set()
        for thread in threads: thread.join()
        print(looks[0] < 10 * len(threads) or looks[0])
    """)
    assert out == "True\n"


def test_threads_that_have_ended_are_not_kept_for_the_exit(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import os, threading
        kept = lambda: len(getattr(threading, "_shutdown_locks", ()))
        before = kept()
        gate = threading.Event()
        threads = [threading.Thread(target=gate.wait, daemon=n % 2 == 0) for n in range(100)]
        for thread in threads: thread.start()
        print(kept() - before in (0, 50))
        if not os.fork():  # has a collection of its own
            threading.Thread(target=print, args=("in a child",)).start()
            guv.sleep(0.01)
            print(kept() <= 1, flush=True)
            os._exit(0)
        os.wait()
        gate.set()
        del threads, thread
        while threading.active_count() > 1: guv.sleep(0)
        for _ in range(200): guv.sleep(0)  # each has a few more steps to go
        print(kept() - before)
    """)
    assert out == "True\nin a child\nTrue\n0\n" or out == "in a child\nTrue\nTrue\n0\n"
