"""Greenthreads, timers, descriptors and sockets-level waits, on both hubs, in fresh processes."""

import textwrap
from collections.abc import Callable

import pytest

Script = Callable[..., str]

CASES = {
    "yielders_take_turns": (
        """
        log = []
        def work(name):
            for i in range(3):
                log.append((name, i)); guv.gyield()
            return name
        threads = [guv.spawn(work, n) for n in "ab"]
        assert not log
        print([t.wait() for t in threads], log)
        """,
        "['a', 'b'] [('a', 0), ('b', 0), ('a', 1), ('b', 1), ('a', 2), ('b', 2)]",
    ),
    "kill_before_start_and_while_parked_ends_with_greenletexit": (
        """
        ran = []
        early = guv.spawn(ran.append, 1); early.kill()
        late = guv.spawn(guv.sleep, 60); guv.gyield(); late.kill()
        for t in early, late:
            try: t.wait()
            except BaseException as e: ran.append(type(e).__name__)
        print(ran)
        """,
        "['GreenletExit', 'GreenletExit']",
    ),
    "close_wakes_the_waiter_with_ebadf": (
        """
        r, w = os.pipe()
        def closer(): get_hub().forget(r); os.close(r)
        guv.spawn(closer)
        try: guv.trampoline(r, 1)
        except OSError as e: print(errno.errorcode[e.errno])
        """,
        "EBADF",
    ),
    "reader_and_writer_share_a_descriptor": (
        """
        a, b = socket.socketpair()
        print(guv.trampoline(a, 2), guv.trampoline(a, 3), end=" ")
        b.send(b"x"); print(guv.trampoline(a, 1), guv.trampoline(a, 3))
        a.close(); b.close()
        """,
        "2 2 1 3",
    ),
    "regular_file_is_always_ready": (
        """
        with open(sys.executable, "rb") as f: print(guv.trampoline(f, 1))
        """,
        "1",
    ),
    "reused_descriptor_number_wakes_only_its_new_owner": (
        """
        for i in range(200):
            r, w = os.pipe(); t = guv.spawn(guv.trampoline, r, 1); guv.gyield()
            os.write(w, b"x"); assert t.wait() == 1
            os.close(r); os.close(w)
        print("done", len([d for d in get_hub().fds.values() if d.reader and d.fd == r]))
        """,
        "done 0",
    ),
    "call_from_another_thread_runs_in_the_hub": (
        """
        from guv._originals import start_new_thread
        hub, seen = get_hub(), []
        from guv.event import Event
        event = Event()
        hub.jobs += 1
        start_new_thread(lambda: hub.call_soon_threadsafe(event.send, 7), ())
        print(event.wait())
        """,
        "7",
    ),
    "deadlock_names_who_waits": (
        """
        from guv.event import Event
        try: Event().wait()
        except guv.exceptions.DeadlockError as e: print("Event" in str(e))
        """,
        "True",
    ),
    "exception_in_a_greenthread_goes_to_its_waiter": (
        """
        def fail(): raise KeyError("x")
        try: guv.spawn(fail).wait()
        except KeyError as e: print(repr(e))
        """,
        "KeyError('x')",
    ),
}


PATCHED = {
    "threads_share_one_thread_of_the_system": (
        """
        guv.monkey_patch()
        import threading
        ids = set()
        ts = [threading.Thread(target=lambda: ids.add(threading.get_native_id())) for _ in range(50)]
        for t in ts: t.start()
        for t in ts: t.join()
        print(len(ids), threading.current_thread() is threading.main_thread())
        """,
        "1 True",
    ),
    "names_imported_before_the_patch_follow": (
        """
        from time import sleep
        from threading import Lock
        guv.monkey_patch()
        import time, threading
        print(sleep is time.sleep, Lock is threading.Lock)
        """,
        "True True",
    ),
    "sockets_echo_between_threads": (
        """
        guv.monkey_patch()
        import threading
        server = socket.create_server(("127.0.0.1", 0))
        def serve():
            while True:
                conn, _ = server.accept()
                threading.Thread(target=echo, args=(conn,), daemon=True).start()
        def echo(conn):
            with conn:
                while data := conn.recv(4096): conn.sendall(data)
        threading.Thread(target=serve, daemon=True).start()
        total = []
        def client(n):
            with socket.create_connection(server.getsockname(), timeout=10) as c:
                c.sendall(b"x" * n); got = 0
                while got < n: got += len(c.recv(65536))
                total.append(got)
        ts = [threading.Thread(target=client, args=(n * 1000,)) for n in range(1, 21)]
        for t in ts: t.start()
        for t in ts: t.join()
        print(sum(total))
        """,
        "210000",
    ),
    "recv_times_out_and_closed_socket_wakes_its_reader": (
        """
        guv.monkey_patch()
        a, b = socket.socketpair(); a.settimeout(0.02)
        try: a.recv(1)
        except TimeoutError as e: print(e, end=" ")
        a.settimeout(None); guv.spawn_after(0.01, a.close)
        try: a.recv(1)
        except OSError as e: print(errno.errorcode[e.errno], a.fileno())
        b.close()
        """,
        "timed out EBADF -1",
    ),
    "queue_event_and_semaphore_hand_over": (
        """
        guv.monkey_patch()
        import queue, threading
        q, e, s = queue.Queue(1), threading.Event(), threading.Semaphore(0)
        def work():
            for i in range(5): q.put(i)
            e.set(); s.release()
        threading.Thread(target=work).start()
        print([q.get() for _ in range(5)], e.wait(5), s.acquire(timeout=5))
        """,
        "[0, 1, 2, 3, 4] True True",
    ),
    "patching_again_changes_nothing_and_a_wrong_keyword_is_refused": (
        """
        guv.monkey_patch(); import time; s = time.sleep; guv.monkey_patch()
        try: guv.monkey_patch(sockets=True)
        except TypeError as e: print(s is time.sleep, "sockets" in str(e))
        """,
        "True True",
    ),
    "import_loads_no_go": (
        """
        guv.monkey_patch()
        with open("/proc/self/maps") as maps: print("_pyext" in maps.read())
        """,
        "False",
    ),
}


PRIMITIVES = {
    "event_wakes_all": (
        """
        from guv.event import Event
        e = Event(); ts = [guv.spawn(e.wait) for _ in range(3)]; guv.gyield(); e.send(5)
        print([t.wait() for t in ts])
        """,
        "[5, 5, 5]",
    ),
    "killed_waiter_swallows_no_permit": (
        """
        from guv.semaphore import Semaphore
        s = Semaphore(0); t = guv.spawn(s.acquire); guv.gyield(); s.release(); t.kill()
        print(s.counter)
        """,
        "1",
    ),
    "queue_is_bounded_and_keeps_order": (
        """
        from guv.queue import Queue
        q = Queue(2); most = []
        def put():
            for i in range(10): q.put(i); most.append(q.qsize())
        guv.spawn(put); print([q.get() for _ in range(10)], max(most))
        """,
        "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9] 2",
    ),
    "channel_hands_over": (
        """
        from guv.queue import Channel
        c = Channel(); t = guv.spawn(c.put, 7); guv.gyield(); print(c.qsize(), c.get()); t.wait()
        """,
        "0 7",
    ),
    "pool_runs_at_most_its_size": (
        """
        now, most = [0], []
        def work(x):
            now[0] += 1; most.append(now[0]); guv.sleep(0.002); now[0] -= 1; return x
        p = guv.GreenPool(3); print(list(p.imap(work, range(10))), max(most)); p.waitall(); print(p.free())
        """,
        "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9] 3\n3",
    ),
}


HEAD = "import errno, os, socket, sys\nimport guv, guv.exceptions\nfrom guv.hubs import get_hub\n"
ALL = CASES | PATCHED | PRIMITIVES


@pytest.mark.parametrize("case", ALL)
def test_program_prints_what_it_should(case: str, script: Script) -> None:
    code, expected = ALL[case]
    assert script(HEAD + textwrap.dedent(code)).strip() == expected
