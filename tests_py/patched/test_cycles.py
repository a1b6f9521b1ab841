"""The patched standard library leaves no more cycles of references behind than the plain one."""

from __future__ import annotations

from collections.abc import Callable

Script = Callable[..., str]

PROGRAM = """
    import guv; guv.monkey_patch()
    import asyncio, gc, os, queue, select, selectors, socket, subprocess, threading, time
    from concurrent.futures import ThreadPoolExecutor

    def outcome(call, *args, **kwargs):
        try: call(*args, **kwargs)
        except Exception: pass

    def of_threads():
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()

    def of_executors():
        with ThreadPoolExecutor(1) as executor:
            executor.submit(int, "x").exception()

    def of_sockets_with_a_limit():
        one, other = socket.socketpair()
        one.settimeout(0.001)
        outcome(one.recv, 1)
        one.close()
        other.close()

    def of_queues_and_locks_with_a_limit():
        outcome(queue.Queue().get, timeout=0.001)
        outcome(queue.SimpleQueue().get, timeout=0.001)
        threading.Event().wait(0.001)
        threading.Semaphore(0).acquire(timeout=0.001)
        condition = threading.Condition()
        with condition:
            condition.wait(0.001)

    def of_select_and_poll():
        end, other = os.pipe()
        select.select([end], [], [], 0.001)
        asked = select.poll()
        asked.register(end, select.POLLIN)
        asked.poll(1)
        with selectors.DefaultSelector() as selector:
            selector.register(end, selectors.EVENT_READ)
            selector.select(0.001)
        os.close(end)
        os.close(other)

    def of_lookups():
        socket.getaddrinfo("localhost", 80)
        socket.gethostbyaddr("127.0.0.1")
        outcome(socket.getaddrinfo, "127.0.0.1", "no-such-service")
        killed = guv.spawn(socket.getaddrinfo, "localhost", 81)
        guv.gyield()
        killed.kill()

    def of_asyncio():
        asyncio.run(asyncio.sleep(0.001))

    def of_processes():
        outcome(lambda: subprocess.run(["sleep", "9"], timeout=0.01))

    def rest():
        time.sleep(0.02)  # what native threads do at their ends

    for operate in [value for name, value in sorted(globals().items()) if name.startswith("of_")]:
        operate(); rest(); gc.collect(); gc.disable()
        for _ in range(5): operate()
        rest()
        print(operate.__name__, gc.collect())
        gc.enable()
"""


def test_operations_of_the_patched_library_leave_no_cycles(script: Script) -> None:
    told = script(PROGRAM).splitlines()
    assert len(told) == 8
    assert [line for line in told if not line.endswith(" 0")] == []
