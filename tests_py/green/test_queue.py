"""`queue.Queue` under the patch: items and places go to those who wait, in order, and a kill or an expiry loses none."""

from __future__ import annotations

from collections.abc import Callable

Script = Callable[..., str]


def test_queue_put_hands_its_item_to_the_one_who_waits(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import queue
        q = queue.Queue(1)
        first, second = guv.spawn(q.get), guv.spawn(q.get)
        while len(q.not_empty._waiters) < 2: guv.sleep(0)
        q.put("a"); q.put("b"); q.put("c")
        print(q.qsize(), q.unfinished_tasks, first.wait(), second.wait(), q.get_nowait())
    """)
    assert out == "1 3 a b c\n"


def test_queue_getter_killed_after_its_item_came_leaves_it_to_the_next(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import queue
        for kind in queue.Queue, queue.LifoQueue:
            q = kind()
            first, second = guv.spawn(q.get), guv.spawn(q.get)
            while len(q.not_empty._waiters) < 2: guv.sleep(0)
            q.put("item")
            first.kill()
            print(second.wait(), q.qsize(), q.unfinished_tasks, q.mutex.locked())
            q.put("alone")
            last = guv.spawn(q.get)
            guv.sleep(0)
            print(last.wait(), q.qsize())
    """)
    assert out == "item 0 1 False\nalone 0\n" * 2


def test_queue_getter_killed_with_its_item_puts_it_back_in_front(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import queue
        q = queue.Queue()
        getter = guv.spawn(q.get)
        while not q.not_empty._waiters: guv.sleep(0)
        q.put(1); q.put(2)
        with q.mutex:  # it has to wait for this
            guv.spawn(getter.kill)
            guv.sleep(0); guv.sleep(0)
            print(list(q.queue))
        guv.sleep(0)
        print(q.get(), q.get(), q.mutex.locked())
    """)
    assert out == "[2]\n1 2 False\n"


def test_queue_whose_methods_are_overridden_gets_its_items_by_them(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import queue
        class Shouting(queue.Queue):
            def _put(self, item): super()._put(item.upper())
            def _get(self): return super()._get() + "!"
        q = Shouting()
        getter = guv.spawn(q.get)
        while not q.not_empty._waiters: guv.sleep(0)
        q.put("hello")
        print(getter.wait())
    """)
    assert out == "HELLO!\n"


def test_queue_getters_of_all_kinds_are_served_in_order(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import queue, threading
        from guv._originals import start_new_thread
        q, got = queue.Queue(), []
        def get(name, **timeout): got.append((name, q.get(**timeout)))
        for n, (name, timeout) in enumerate([("plain", {}), ("timed", {"timeout": 30}), ("plain again", {})]):
            threading.Thread(target=get, args=(name,), kwargs=timeout).start()
            while len(q.not_empty._waiters) <= n: guv.sleep(0)
        start_new_thread(get, ("native",))
        while len(q.not_empty._waiters) < 4: guv.sleep(0.001)
        for item in range(4):
            q.put(item)
            while len(got) <= item: guv.sleep(0.001)
        print(got)
    """)
    assert out == "[('plain', 0), ('timed', 1), ('plain again', 2), ('native', 3)]\n"


def test_queue_putters_of_all_kinds_are_served_in_order(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import queue, threading
        from guv._originals import start_new_thread
        q = queue.Queue(1)
        q.put("first")
        for n, (name, timeout) in enumerate([("plain", {}), ("timed", {"timeout": 30}), ("plain again", {})]):
            threading.Thread(target=q.put, args=(name,), kwargs=timeout).start()
            while len(q.not_full._waiters) <= n: guv.sleep(0)
        start_new_thread(q.put, ("native",))
        while len(q.not_full._waiters) < 4: guv.sleep(0.001)
        print([q.get() for _ in range(5)], q.unfinished_tasks, len(q.not_full._waiters))
    """)
    assert out == "['first', 'plain', 'timed', 'plain again', 'native'] 5 0\n"


def test_queue_putter_killed_after_its_item_went_in_leaves_it_there(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import queue
        for timeout in None, 30:
            q = queue.Queue(1)
            q.put("first")
            waiting = [guv.spawn(q.put, item, timeout=timeout) for item in ("second", "third")]
            while len(q.not_full._waiters) < 2: guv.sleep(0)
            got = [q.get()]
            waiting[0].kill()  # its item is in
            waiting[1].kill()  # its item is not
            print(got, list(q.queue), q.unfinished_tasks, len(q.not_full._waiters), q.mutex.locked())
    """)
    assert out == "['first'] ['second'] 2 0 False\n" * 2


def test_queue_with_a_timeout_raises_what_the_original_raises(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import queue
        for kind in queue.Queue, queue.LifoQueue, queue.PriorityQueue:
            q = kind(1)
            for call in (
                lambda: q.get(timeout=0.01), lambda: q.get(timeout=0), lambda: q.get(False), lambda: q.get(timeout=-1),
                lambda: q.put(1), lambda: q.put(2, timeout=0.01), lambda: q.put(2, timeout=0), lambda: q.put(2, False),
                lambda: q.put(2, timeout=-1), lambda: q.get(timeout="soon"), lambda: q.get(timeout=float("nan")),
            ):
                try: print(call(), end=" ")
                except Exception as error: print(type(error).__name__, end=" ")
            print(q.qsize(), q.unfinished_tasks, len(q.not_empty._waiters), len(q.not_full._waiters), q.mutex.locked())
    """)
    each = "Empty Empty Empty ValueError None Full Full Full ValueError TypeError 1 0 1 0 0 False"
    assert out == f"{each}\n" * 3


def test_queue_whose_waiters_are_killed_and_late_at_random_loses_nothing(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import queue, random
        for seed in range(60):
            dice = random.Random(seed)
            q = [queue.Queue, queue.LifoQueue, queue.PriorityQueue][seed % 3](dice.choice([0, 1, 3, 6]))
            accepted, got, unsure = [], [], set()
            def put(item, timeout):
                try: q.put(item, timeout=timeout)
                except queue.Full: return
                except BaseException: unsure.add(item); raise  # killed: it may have gone in in that moment
                accepted.append(item)
            def get(timeout):
                try: got.append(q.get(timeout=timeout))
                except queue.Empty: pass
            workers = []
            for item in range(120):
                timeout = dice.choice([None, None, 0.0005, 5])
                workers.append(guv.spawn(put, item, timeout) if dice.random() < 0.5 else guv.spawn(get, timeout))
                for _ in range(dice.randrange(3)):
                    guv.sleep(dice.choice([0, 0, 0.0005]))
                if dice.random() < 0.3:
                    guv.spawn(dice.choice(workers).kill)
            for worker in workers: worker.kill()
            while q.qsize(): got.append(q.get_nowait())
            assert len(got) == len(set(got)), (seed, "twice")
            assert set(accepted) <= set(got) <= set(accepted) | unsure, (seed, set(accepted) ^ set(got), unsure)
            assert q.unfinished_tasks == len(got) and not q.not_empty._waiters and not q.not_full._waiters, seed
            assert not q.mutex.locked(), seed
        print("nothing lost")
    """)
    assert out == "nothing lost\n"


def test_queue_getters_are_woken_one_by_one_and_run_in_one_turn(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import queue
        for kind in queue.Queue, queue.LifoQueue, queue.PriorityQueue:
            q, got = kind(), []
            def take(name): got.append((name, q.get()))
            getters = [guv.spawn(take, name) for name in "abc"]
            while len(q.not_empty._waiters) < 3: guv.sleep(0)
            for item in range(4): q.put(item)
            size = q.qsize()
            guv.sleep(0)
            print(size, got, q.get_nowait(), q.unfinished_tasks)
    """)
    assert out == (
        "3 [('a', 0), ('b', 1), ('c', 2)] 3 4\n"
        "3 [('a', 0), ('b', 3), ('c', 2)] 1 4\n"
        "3 [('a', 0), ('b', 1), ('c', 2)] 3 4\n"
    )


def test_queue_putters_are_woken_one_by_one_and_their_items_can_be_had_without_waiting(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import queue
        q = queue.Queue(6)
        for _ in range(6): q.put("x")
        def fill(name):
            while True: q.put(name)
        putters = [guv.spawn(fill, name) for name in "abc"]
        while len(q.not_full._waiters) < 3: guv.sleep(0)
        for _ in range(6): q.get()
        print(list(q.queue), q.get_nowait(), q.get_nowait())
        guv.sleep(0)
        print("".join(q.queue), len(q.not_full._waiters))
    """)
    assert out == "['a'] a b\ncaaaaa 3\n"


def test_queue_of_native_threads_and_greenlets_wakes_each_at_once(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import queue, time
        from guv._originals import start_new_thread, time_sleep
        q, got = queue.Queue(), []
        green = [guv.spawn(q.get) for _ in range(2)]
        while len(q.not_empty._waiters) < 2: guv.sleep(0)
        start_new_thread(lambda: got.append(q.get()), ())
        while len(q.not_empty._waiters) < 3: guv.sleep(0.001)
        for item in range(3): q.put(item)
        while not got: time_sleep(0.001)  # this thread's greenlets do not run meanwhile
        print(got, [thread.wait() for thread in green])
    """)
    assert out == "[2] [0, 1]\n"


def test_queue_task_done_of_a_held_queue_waits_for_its_lock(script: Script) -> None:
    out = script("""
        import guv; guv.monkey_patch()
        import queue
        q = queue.Queue()
        for item in range(3): q.put(item)
        with q.mutex:
            done = guv.spawn(q.task_done)
            guv.sleep(0); guv.sleep(0)
            print(q.unfinished_tasks, done.ready())
        done.wait()
        joined = guv.spawn(q.join)
        guv.sleep(0)
        q.task_done()
        guv.sleep(0)
        print(q.unfinished_tasks, joined.ready())
        q.task_done()
        joined.wait()
        try: q.task_done()
        except ValueError as error: print(error)
    """)
    assert out == "3 False\n1 False\ntask_done() called too many times\n"
