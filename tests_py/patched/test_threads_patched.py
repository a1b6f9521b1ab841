"""Threads of a patched program are greenlets of one thread, and `threading` can't tell."""

from __future__ import annotations

from collections.abc import Callable

Script = Callable[..., str]


def test_threads_however_started_share_one_native_thread(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import _thread, threading, time
        from concurrent.futures import ThreadPoolExecutor

        native, idents, done = set(), set(), threading.Semaphore(0)

        def look(*_):
            native.add(threading.get_native_id())
            idents.add(threading.get_ident())
            time.sleep(0.01)
            done.release()

        threads = [threading.Thread(target=look), threading.Timer(0, look), threading.Thread(target=look, daemon=True)]
        for thread in threads:
            thread.start()
        assert all(thread.native_id == threading.get_native_id() for thread in threads)
        _thread.start_new_thread(look, ())
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(look, range(2)))
        for _ in range(6):
            done.acquire()
        for thread in threads:
            thread.join()
            assert not thread.is_alive()
        print(native == {threading.get_native_id()}, len(idents), threading.get_ident() in idents)
    """)
    assert out == "True 6 False\n"


def test_main_thread_keeps_its_identity(script: Script) -> None:
    out = script("""
        import threading
        before = threading.main_thread(), threading.get_ident()
        import guv; guv.monkey_patch()
        print(threading.main_thread() is before[0], threading.get_ident() == before[1])
        print(threading.current_thread() is threading.main_thread(), threading.enumerate() == [before[0]])
        thread = threading.Thread(target=lambda: print(threading.current_thread() is thread, threading.active_count()))
        thread.start()
        thread.join()
    """)
    assert out == "True True\nTrue True\nTrue 2\n"


def test_stand_in_of_a_greenlet_leaves_the_table_with_it(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import threading
        for _ in range(3):
            print(guv.spawn(lambda: type(threading.current_thread()).__name__).wait())
        print(threading.active_count())
    """)
    assert out == "_DummyThread\n_DummyThread\n_DummyThread\n1\n"


def test_fork_leaves_the_forking_thread_as_the_main_one(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import os, threading, time

        def fork():
            pid = os.fork()
            if pid == 0:
                me = threading.current_thread()
                print(threading.main_thread() is me, threading.enumerate() == [me], other.is_alive(), flush=True)
                other.join()
                threading.Thread(target=lambda: (time.sleep(0.02), print("waited for", flush=True))).start()
                return
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)

        stop = threading.Event()
        other = threading.Thread(target=stop.wait)
        other.start()
        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
        stop.set()
        other.join()
    """)
    assert out == "True True False\nwaited for\n0\n"


def test_program_ends_when_its_threads_have_ended_unless_they_are_daemons(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import threading, time
        threading.Thread(target=lambda: (time.sleep(0.05), print("finished"))).start()
        threading.Thread(target=lambda: (time.sleep(30), print("never")), daemon=True).start()
    """)
    assert out == "finished\n"


def test_joining_itself_or_an_unstarted_thread_raises(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import threading

        def attempt(action):
            try:
                action()
            except RuntimeError as error:
                print(error)

        thread = threading.Thread(target=lambda: attempt(threading.current_thread().join))
        attempt(thread.join)
        thread.start()
        thread.join()
        attempt(thread.start)
    """)
    assert (
        out == "cannot join thread before it is started\ncannot join current thread\nthreads can only be started once\n"
    )


def test_ident_that_is_handed_to_the_c_library_is_refused(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import ctypes, pathlib, threading, time

        libc = ctypes.CDLL(None)
        name = libc.pthread_setname_np
        name.argtypes = ctypes.c_void_p, ctypes.c_char_p
        before = pathlib.Path("/proc/self/comm").read_text()

        def call():
            print(name(threading.get_ident(), b"other") != 0, pathlib.Path("/proc/self/comm").read_text() == before)
            try:
                time.pthread_getcpuclockid(threading.get_ident())
            except ProcessLookupError:
                print("no such thread")

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        print(name(threading.get_ident(), b"other"), pathlib.Path("/proc/self/comm").read_text())
    """)
    assert out == "True True\nno such thread\n0 other\n\n"


def test_stack_of_a_thread_begins_where_debuggers_expect_it(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import os, sys, threading

        def outermost():
            frame = sys._getframe()
            while frame.f_back is not None:
                frame = frame.f_back
            print(os.path.basename(frame.f_code.co_filename), frame.f_code.co_name)

        thread = threading.Thread(target=outermost)
        thread.start()
        thread.join()
    """)
    assert out == "threading.py _bootstrap\n"
