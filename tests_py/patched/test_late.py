"""`monkey_patch` after everything was imported, copied, subclassed and instantiated."""

from __future__ import annotations

from collections.abc import Callable

Script = Callable[..., str]

TICKS = """
        ticks = [0]

        def tick():
            while True:
                ticks[0] += 1
                guv.sleep(0.005)

        guv.spawn(tick)

        def yields(function):
            before = ticks[0]
            function()
            return ticks[0] > before
"""


def test_copied_functions_and_classes_yield_wherever_they_are_held(script: Script) -> None:
    out = script(f"""
        import collections, functools, sched, threading, time
        from threading import Lock, Thread
        from time import sleep

        class Holder:
            nap = staticmethod(sleep)
            __slots__ = ("slot",)

        class Plain:
            pass

        holder, plain = Holder(), Plain()
        holder.slot = plain.attribute = sleep
        listed, mapped, queued = [sleep], {{"sleep": sleep}}, collections.deque([sleep])
        curried = functools.partial(sleep, 0.05)

        def closure():
            nap = sleep
            return lambda: nap(0.05)

        closed = closure()
        scheduler = sched.scheduler()

        import guv
        guv.monkey_patch()
{TICKS}
        for nap in Holder.nap, holder.slot, plain.attribute, listed[0], mapped["sleep"], queued[0], sleep:
            assert yields(lambda: nap(0.05)), nap
        assert yields(curried) and yields(closed)
        scheduler.enter(0.05, 1, lambda: None)
        assert yields(scheduler.run)
        assert isinstance(Lock(), type(threading.Lock()))
        thread = Thread(target=sleep, args=(0.05,))
        thread.start()
        assert thread.native_id == threading.get_native_id()
        assert yields(thread.join)
        print(repr(guv.patcher.report()).split(", ")[-1])
    """)
    assert out == "0 missed>\n"


def test_locks_made_earlier_become_cooperative_and_stay_held(script: Script) -> None:
    out = script("""
        import logging, queue, threading, warnings
        warnings.simplefilter("ignore", ResourceWarning)
        handler = logging.StreamHandler()
        logging.getLogger().addHandler(handler)

        class Holder:
            shared = threading.Lock()

            def __init__(self):
                self.lock = threading.RLock()
                self.acquire = self.lock.acquire

        holder = Holder()
        held, reentrant, inside = threading.Lock(), threading.RLock(), threading.Lock()
        kinds = dict(
            condition=threading.Condition(), event=threading.Event(), semaphore=threading.Semaphore(0),
            barrier=threading.Barrier(2), queue=queue.Queue(), simple=queue.SimpleQueue(),
        )
        kinds["simple"].put("kept")
        held.acquire()
        reentrant.acquire()
        reentrant.acquire()

        import guv
        with inside:
            guv.monkey_patch()

        lock, rlock = type(threading.Lock()), type(threading.RLock())
        assert type(held) is type(Holder.shared) is type(inside) is lock
        assert type(holder.lock) is type(handler.lock) is type(logging._lock) is rlock
        assert holder.acquire.__self__ is holder.lock
        assert held.locked() and not inside.locked()

        order = []

        def take(lock, name):
            with lock:
                order.append(name)

        takers = [guv.spawn(take, *each) for each in ((held, "held"), (reentrant, "reentrant"), (inside, "inside"))]
        guv.sleep(0.01)
        assert order == ["inside"], order
        held.release()
        reentrant.release()
        guv.sleep(0.01)
        assert order == ["inside", "held"], order
        reentrant.release()
        for taker in takers:
            taker.wait()
        print(order)

        assert kinds["simple"].get() == "kept"
        for name, put, get in (
            ("event", "set", "wait"), ("semaphore", "release", "acquire"), ("barrier", "wait", "wait"),
        ):
            waiter = guv.spawn(getattr(kinds[name], get))
            guv.sleep(0)
            getattr(kinds[name], put)()
            waiter.wait()
        for name in "queue", "simple":
            waiter = guv.spawn(kinds[name].get)
            guv.sleep(0)
            kinds[name].put(name)
            assert waiter.wait() == name
        with kinds["condition"]:
            guv.spawn(lambda: (kinds["condition"].acquire(), kinds["condition"].notify(), kinds["condition"].release()))
            assert kinds["condition"].wait(5)
        print("done")
    """)
    assert out == "['inside', 'held', 'reentrant']\ndone\n"


def test_lock_freed_by_a_with_statement_that_began_before_wakes_its_waiters(script: Script) -> None:
    out = script("""
        import threading
        lock, rlock = threading.Lock(), threading.RLock()
        import guv

        def take(lock):
            with lock:
                return "taken"

        with lock, rlock:
            guv.monkey_patch()
            takers = [guv.spawn(take, lock), guv.spawn(take, rlock)]
            guv.sleep(0.01)
        print([taker.wait() for taker in takers])
    """)
    assert out == "['taken', 'taken']\n"


def test_threads_and_executors_started_earlier_go_on_natively_and_can_be_joined(script: Script) -> None:
    out = script(f"""
        import threading, time
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(1)
        native = pool.submit(threading.get_native_id).result()
        go = threading.Event()
        thread = threading.Thread(target=lambda: (go.wait(), time.sleep(0.05)))
        unstarted = threading.Thread(target=time.sleep, args=(0.05,))
        thread.start()
        import guv
        guv.monkey_patch()
{TICKS}
        go.set()
        assert yields(thread.join) and not thread.is_alive()
        assert pool.submit(threading.get_native_id).result() == native != threading.get_native_id()
        unstarted.start()
        assert unstarted.native_id == threading.get_native_id()
        assert yields(unstarted.join)
        print("done")
    """)
    assert out == "done\n"


def test_what_cannot_be_mended_is_named_in_one_warning(script: Script) -> None:
    out = script("""
        import threading, warnings

        def patch():
            mine = threading.RLock()
            import guv
            guv.monkey_patch()
            return guv

        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            guv = patch()
            guv.monkey_patch()
        [warning] = seen
        print(warning.category.__name__)
        for name in guv.patcher.report().missed:
            assert name in str(warning.message)
            print(name)
    """)
    assert out.splitlines()[0] == "MonkeyPatchWarning"
    assert out.splitlines()[1:] == ["__main__.patch (local variable 'mine')"]


def test_default_arguments_yield(script: Script) -> None:
    out = script(f"""
        import time, warnings
        def buy(price, nap=time.sleep, *, later=time.sleep, tax=2):
            nap(0.05)
            later(0.05)
            return price + tax

        class Till:
            open = lambda self, nap=time.sleep: nap(0.05)

        warnings.simplefilter("error")
        import guv
        guv.monkey_patch()
{TICKS}
        assert yields(Till().open)
        assert yields(lambda: buy(3, later=abs))
        assert yields(lambda: buy(3, abs, tax=4))
        print(buy(3), buy(3, later=print, tax=4))
    """)
    assert out == "0.05\n5 7\n"


def test_libraries_imported_earlier_yield(script: Script) -> None:
    out = script(f"""
        import concurrent.futures, http.client, http.server, logging, ssl, threading, urllib.request

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                nap(0.05)
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.create_default_context()
        from time import sleep as nap
        import guv
        guv.monkey_patch()
{TICKS}
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))

        def fetch(_=None):
            with opener.open(f"http://127.0.0.1:{{server.server_address[1]}}/") as reply:
                return reply.read()

        assert yields(fetch)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            print(list(pool.map(fetch, range(4))))
        server.shutdown()
        server.server_close()
    """)
    assert out == "[b'ok', b'ok', b'ok', b'ok']\n"


def test_modules_imported_anew_or_reloaded_are_patched_again(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import importlib, sys
        for name, path in (("_queue", "SimpleQueue"), ("socket", "socket.recv"), ("select", "epoll"), ("queue", "SimpleQueue")):
            before = importlib.import_module(name)
            del sys.modules[name]
            again = importlib.import_module(name)
            for part in path.split("."):
                before, again = getattr(before, part), getattr(again, part)
            print(name, before is again)
        import selectors
        before = selectors.EpollSelector.select
        print("selectors", importlib.reload(selectors).EpollSelector.select is before)
    """)
    assert out == "_queue True\nsocket True\nselect True\nqueue True\nselectors True\n"


def test_thread_local_data_made_earlier_is_each_greenlets_own_and_keeps_the_callers_values(script: Script) -> None:
    out = script("""
        import threading
        data = threading.local()
        data.name = "main"
        import guv; guv.monkey_patch()

        def run(name):
            before = hasattr(data, "name")
            data.name = name
            guv.sleep(0)
            return before, data.name

        print([each.wait() for each in [guv.spawn(run, name) for name in "ab"]], data.name)
    """)
    assert out == "[(False, 'a'), (False, 'b')] main\n"
