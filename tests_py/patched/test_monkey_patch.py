"""The keywords, questions and answers of `monkey_patch`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Script = Callable[..., str]


@pytest.mark.parametrize(
    ("keywords", "patched"),
    [
        ("", "os select signal socket ssl subprocess threading queue time multiprocessing"),
        ("time=True", "time"),
        ("thread=True", "threading queue"),
        ("socket=False, ssl=False", "os select signal subprocess threading queue time multiprocessing"),
        ("all=False", ""),
        ("all=False, select=True", "select"),
        ("os=True, time=True, psycopg=False", "os subprocess time"),  # subprocess has a name for os.waitpid
        ("MySQLdb=True", ""),
        ("dns=True", "socket ssl"),
    ],
)
def test_keywords_pick_groups(script: Script, keywords: str, patched: str) -> None:
    out = script(f"""
        import subprocess
        import guv
        guv.monkey_patch({keywords})
        groups = "os select signal socket ssl subprocess threading queue time multiprocessing".split()
        print(*[group for group in groups if guv.patcher.is_monkey_patched(group)])
    """)
    assert out.split() == patched.split()


def test_unknown_keyword_raises_type_error_with_a_hint(script: Script) -> None:
    out = script("""
        import guv
        for wrong in "sockets", "zebra":
            try:
                guv.monkey_patch(**{wrong: True})
            except TypeError as error:
                print(error)
        try:
            guv.monkey_patch("socket")
        except TypeError as error:
            print(error)
        try:
            guv.patcher.is_monkey_patched(3)
        except TypeError as error:
            print(error)
        print(guv.patcher.report())
    """).splitlines()
    assert out[0].startswith("monkey_patch() got an unexpected keyword 'sockets'; did you mean socket?; it knows ")
    assert out[1].startswith("monkey_patch() got an unexpected keyword 'zebra'; it knows ")
    assert "positional argument" in out[2]
    assert out[3] == "is_monkey_patched() takes a module or its name, not 3"
    assert out[4] == "nothing is patched"


def test_second_call_changes_nothing_and_groups_add_up(script: Script) -> None:
    out = script("""
        import guv
        guv.monkey_patch(time=True)
        import time
        sleep = time.sleep
        guv.monkey_patch(time=True)
        guv.monkey_patch()
        before = str(guv.patcher.report())
        guv.monkey_patch()
        print(time.sleep is sleep, str(guv.patcher.report()) == before)
    """)
    assert out == "True True\n"


def test_each_touched_module_counts_as_patched(script: Script) -> None:
    out = script("""
        import importlib, math
        import guv; guv.monkey_patch()
        asked = guv.patcher.is_monkey_patched
        for name in (
            "_thread threading _queue queue time os select selectors socket _socket ssl signal subprocess fcntl "
            "multiprocessing concurrent.futures logging thread"
        ).split():
            assert asked(name), name
            if name != "thread":
                assert asked(importlib.import_module(name)), name
        print(asked("json"), asked("errno"), asked(math))
        report = guv.patcher.report()
        print("time.sleep" in report.groups["time"], "time.sleep" in str(report), repr(report)[:17])
    """)
    assert out == "False False False\nTrue True <Report of thread\n"


def test_functions_kept_as_class_attributes_do_not_bind(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import _thread, os, select, threading, time

        class Kept:
            sleep, lock, start, ident = time.sleep, threading.Lock, _thread.start_new_thread, threading.get_ident
            read, select, poll, allocate = os.read, select.select, select.poll, _thread.allocate_lock

        kept = Kept()
        kept.sleep(0)
        with kept.lock(), kept.allocate():
            pass
        done = threading.Event()
        kept.start(done.set, ())
        assert done.wait(5)
        assert kept.ident() == threading.get_ident()
        near, far = os.pipe()
        os.write(far, b"x")
        print(kept.select([near], [], [], 0) == ([near], [], []), kept.poll().poll(0), kept.read(near, 1))

        import inspect, pickle
        for function in time.sleep, os.read, select.select, threading.get_ident:
            assert pickle.loads(pickle.dumps(function)) is function
        print(time.sleep, time.sleep.__name__, time.sleep.__module__, inspect.signature(time.sleep))

        import functools
        function = time.sleep
        print(inspect.isbuiltin(function), inspect.isroutine(function), isinstance(function, functools.partial))
    """)
    assert out == "True [] b'x'\n<cooperative function time.sleep> sleep time (seconds, /)\nTrue True False\n"


def test_nothing_that_must_not_wait_switches(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import gc, logging, queue, signal, threading, time
        from greenlet import settrace
        from guv.hubs import fairness
        fairness.FAIR = 1 << 62  # or a machine that is slow may have it yield at the second look

        lock, rlock, event, simple = threading.Lock(), threading.RLock(), threading.Event(), queue.SimpleQueue()
        semaphore, condition, fifo = threading.Semaphore(0), threading.Condition(), queue.Queue()

        def hold():
            with lock, rlock:
                event.wait()

        holder = threading.Thread(target=hold)
        holder.start()
        waiters = [threading.Thread(target=waits) for waits in (simple.get, semaphore.acquire, fifo.get, lock.acquire)]
        for waiter in waiters:
            waiter.start()
        time.sleep(0.01)

        class Finalized:
            def __init__(self):
                self.me = self

            def __del__(self):
                self.done = lock.acquire(False), rlock.acquire(False), simple.put(1), semaphore.release(), fifo.put(1)

        def handler(*_):
            assert not lock.acquire(blocking=False)
            logging.getLogger("guv.test").debug("from a handler")
            simple.put(2)

        signal.signal(signal.SIGUSR1, handler)
        switches = []
        settrace(lambda kind, pair: switches.append(kind))
        assert not lock.acquire(False) and not lock.acquire(timeout=0) and not rlock.acquire(blocking=False)
        assert not event.is_set() and not semaphore.acquire(blocking=False)
        for empty in simple, fifo:
            try:
                empty.get_nowait()
            except queue.Empty:
                pass
        Finalized()
        gc.collect()
        signal.raise_signal(signal.SIGUSR1)
        threading.Thread(target=print).is_alive()
        threading.enumerate()
        settrace(None)
        print(switches)
        event.set()
        for thread in (holder, *waiters):
            thread.join()
    """)
    assert out == "[]\n"
