"""Threads of the operating system beside the patched world: what they free wakes its greenlet at once, and the reverse."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Script = Callable[..., str]

#: Ways to have `later(wake)` called in a thread that is no greenlet.
STARTERS = {
    "original": "original('threading').Thread(target=later, args=(wake,)).start()",
    "tpool": "guv.spawn(tpool.execute, later, wake)",
    "C": "foreign.append(begin(later, wake))",
}

PROGRAM = """
import guv; guv.monkey_patch()
import concurrent.futures, ctypes, queue, threading, time
from guv import tpool
original = guv.patcher.original
nap, foreign, lateness = original("time").sleep, [], {}
libc = ctypes.CDLL(None)
BODY = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)

def begin(*call):
    # Have the C library start a thread that Python knows nothing of.
    body = BODY(lambda _: call[0](*call[1:]))
    thread = ctypes.c_ulong()
    assert not libc.pthread_create(ctypes.byref(thread), None, body, None)
    assert not libc.pthread_detach(thread)
    return body

def later(wake):
    nap(0.02)
    moment[0] = time.monotonic()
    wake()

def start(wake):
    STARTER

def of_condition(condition, method):
    def call():
        with condition:
            getattr(condition, method)()
    return call

def hold(lock, held):
    with lock:
        held.set()
        nap(0.02)
        moment[0] = time.monotonic()

moment = [0.0]
lock, event, semaphore, barrier = threading.Lock(), threading.Event(), threading.Semaphore(0), threading.Barrier(2)
fifo, full, simple, future = queue.Queue(), queue.Queue(1), queue.SimpleQueue(), concurrent.futures.Future()
condition, rlock, held = threading.Condition(), threading.RLock(), threading.Event()
lock.acquire()
full.put(0)
waits = {
    "Lock": (lock.acquire, lock.release), "Event": (event.wait, event.set),
    "Semaphore": (semaphore.acquire, semaphore.release), "Barrier": (barrier.wait, barrier.wait),
    "Queue.get": (fifo.get, lambda: fifo.put(1)), "Queue.put": (lambda: full.put(1), full.get),
    "SimpleQueue": (simple.get, lambda: simple.put(1)), "Future": (future.result, lambda: future.set_result(1)),
    "Condition": (of_condition(condition, "wait"), of_condition(condition, "notify")),
}
for name, (wait, wake) in waits.items():
    start(wake)
    wait()
    lateness[name] = time.monotonic() - moment[0]
original("threading").Thread(target=hold, args=(rlock, held)).start()
held.wait()
with rlock:
    lateness["RLock"] = time.monotonic() - moment[0]
# Nothing else happens meanwhile: who isn't woken waits for good, or until some timer of the hub comes up.
assert max(lateness.values()) < 2, lateness
print("woken")
"""


@pytest.mark.parametrize("starter", STARTERS)
def test_greenlet_is_woken_by_a_native_thread(script: Script, starter: str) -> None:
    assert script(PROGRAM.replace("STARTER", STARTERS[starter])) == "woken\n"


def test_native_thread_waits_for_what_a_greenlet_holds(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import concurrent.futures, queue, threading, time
        from guv import tpool
        original = guv.patcher.original

        lock, rlock, event, fifo, simple = (
            threading.Lock(), threading.RLock(), threading.Event(), queue.Queue(), queue.SimpleQueue()
        )
        condition, future, done = threading.Condition(), concurrent.futures.Future(), []

        def taking(lock):
            def take():
                with lock:
                    return threading.get_native_id()
            return take

        def notified():
            with condition:
                waiting.set()
                condition.wait()

        def free():
            time.sleep(0.02)
            for each in lock, rlock:
                each.release()
            event.set()
            fifo.put(1)
            simple.put(1)
            future.set_result(1)
            waiting.wait()
            with condition:
                condition.notify()

        def run(wait):
            wait()
            done.append(wait)

        lock.acquire()
        waiting = threading.Event()
        waits = [taking(lock), taking(rlock), event.wait, fifo.get, simple.get, future.result, notified]

        def green():
            rlock.acquire()
            threads = [original("threading").Thread(target=run, args=(wait,)) for wait in waits]
            for thread in threads:
                thread.start()
            free()
            for thread in threads:
                while thread.is_alive():
                    time.sleep(0.001)
            print(len(done), lock.locked(), tpool.execute(taking(rlock)) != threading.get_native_id())

        guv.spawn(green).wait()
    """)
    assert out == "7 False True\n"


def test_lock_passes_between_native_threads_and_greenlets_in_order(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import threading, time
        original = guv.patcher.original
        lock, count = threading.Lock(), [0]

        def add():
            for _ in range(300):
                with lock:
                    before = count[0]
                    if before % 7 == 0:
                        nap() if threading.get_native_id() != main else time.sleep(0)
                    count[0] = before + 1

        nap, main = (lambda: original("time").sleep(0)), threading.get_native_id()
        natives = [original("threading").Thread(target=add) for _ in range(3)]
        greens = [threading.Thread(target=add) for _ in range(3)]
        for thread in natives + greens:
            thread.start()
        for thread in greens:
            thread.join()
        while any(thread.is_alive() for thread in natives):
            time.sleep(0.001)
        print(count[0], lock.locked())
    """)
    assert out == "1800 False\n"
