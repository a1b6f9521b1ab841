"""`threading.Condition` and what stands on it, where a wait leaves a note instead of a lock."""

from __future__ import annotations

from collections.abc import Callable

Script = Callable[..., str]


def test_condition_notify_wakes_in_order_of_arrival(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import threading, time
        condition, order = threading.Condition(), []
        def waiter(i):
            with condition:
                assert condition.wait()
                order.append(i)
        threads = [threading.Thread(target=waiter, args=(i,)) for i in range(5)]
        for t in threads: t.start()
        while len(condition._waiters) < 5: time.sleep(0)
        with condition:
            condition.notify(2)
        while len(order) < 2: time.sleep(0)
        assert len(condition._waiters) == 3
        with condition:
            condition.notify_all()
        for t in threads: t.join()
        print(order)
    """)
    assert out == "[0, 1, 2, 3, 4]\n"


def test_condition_wait_times_out_and_leaves_no_note(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import threading
        for lock in threading.Lock(), threading.RLock():
            condition = threading.Condition(lock)
            with condition:
                print(condition.wait(0.01), condition.wait(0), condition.wait(-1), len(condition._waiters))
    """)
    assert out == "False False False 0\n" * 2


def test_condition_without_the_lock_raises(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import threading
        for lock in threading.Lock(), threading.RLock():
            condition = threading.Condition(lock)
            for call in condition.wait, condition.notify, condition.notify_all:
                try: call()
                except RuntimeError as error: print(error)
    """)
    expected = ["cannot wait on un-acquired lock", *["cannot notify on un-acquired lock"] * 2]
    assert out.splitlines() == expected * 2


def test_condition_of_a_recursive_lock_is_released_wholly(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import threading
        condition = threading.Condition()
        def notifier():
            with condition:
                condition.notify()
        with condition, condition:
            threading.Thread(target=notifier).start()
            print(condition.wait(10), condition._lock._recursion_count())
    """)
    assert out == "True 2\n"


def test_condition_waiter_killed_after_its_notification_passes_it_on(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import threading
        condition, woken = threading.Condition(threading.Lock()), []
        def waiter(i):
            with condition:
                condition.wait()
                woken.append(i)
        first, second = guv.spawn(waiter, 1), guv.spawn(waiter, 2)
        while len(condition._waiters) < 2: guv.sleep(0)
        with condition:
            condition.notify()
        first.kill()
        second.wait()
        print(woken, len(condition._waiters))
    """)
    assert out == "[2] 0\n"


def test_condition_waiter_killed_while_it_takes_the_lock_again_has_it_and_passes_the_notification_on(
    script: Script,
) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import threading
        for lock in threading.Lock(), threading.RLock():
            condition, woken = threading.Condition(lock), []
            def waiter(i):
                with condition:
                    condition.wait()
                    woken.append(i)
            first, second = guv.spawn(waiter, 1), guv.spawn(waiter, 2)
            while len(condition._waiters) < 2: guv.sleep(0)
            with condition:
                condition.notify()
                guv.sleep(0)
                first.kill()
                guv.sleep(0)
                print(first.ready())
            second.wait()
            print(woken, first.ready(), len(condition._waiters), lock.acquire(False))
    """)
    assert out == "False\n[2] True 0 True\n" * 2


def test_condition_serves_native_threads_and_greenlets_alike(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import threading
        from guv._originals import start_new_thread
        condition, state = threading.Condition(threading.Lock()), []
        def native():
            with condition:
                state.append("native")
                condition.notify()
                while "green" not in state:
                    condition.wait()
                state.append("native again")
                condition.notify()
        with condition:
            start_new_thread(native, ())
            while "native" not in state:
                assert condition.wait(10)
            state.append("green")
            condition.notify()
            while "native again" not in state:
                assert condition.wait(10)
        print(state)
    """)
    assert out == "['native', 'green', 'native again']\n"


def test_simple_queue_hands_each_item_to_one_getter(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import queue, random, threading, time
        rnd, q, got = random.Random(7), queue.SimpleQueue(), []
        def feed(items):
            for item in items:
                q.put(item)
                if rnd.random() > 0.5: time.sleep(rnd.random() * 1e-3)
        def consume():
            while (item := q.get()) is not None:
                got.append(item)
        feeders = [threading.Thread(target=feed, args=(range(i * 100, i * 100 + 100),)) for i in range(20)]
        getters = [threading.Thread(target=consume) for _ in range(20)]
        for t in feeders + getters: t.start()
        for t in feeders: t.join()
        for _ in getters: q.put(None)
        for t in getters: t.join()
        print(sorted(got) == list(range(2000)), q.empty(), len(q._waiters))
    """)
    assert out == "True True 0\n"


def test_simple_queue_getter_killed_after_its_item_came_leaves_it_to_the_next(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import queue
        q = queue.SimpleQueue()
        first, second = guv.spawn(q.get), guv.spawn(q.get)
        while len(q._waiters) < 2: guv.sleep(0)
        q.put("item")
        first.kill()
        print(second.wait(), q.qsize())
    """)
    assert out == "item 0\n"


def test_simple_queue_get_times_out(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import queue
        q = queue.SimpleQueue()
        for arguments in {"timeout": 0.01}, {"timeout": 0}, {"block": False}:
            try: q.get(**arguments)
            except queue.Empty: print("empty", len(q._waiters))
    """)
    assert out == "empty 0\n" * 3


def test_simple_queue_item_from_a_native_thread_wakes_a_greenlet(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import queue
        from guv._originals import start_new_thread
        there, back = queue.SimpleQueue(), queue.SimpleQueue()
        def native():
            while (item := there.get()) is not None:
                back.put(item + 1)
        start_new_thread(native, ())
        n = 0
        for _ in range(200):
            there.put(n)
            n = back.get(timeout=10)
        there.put(None)
        print(n)
    """)
    assert out == "200\n"
