"""Joining a thread that others join too, and giving up."""

from __future__ import annotations

from collections.abc import Callable

Script = Callable[..., str]


def test_join_by_many_at_once_returns_for_all(script: Script) -> None:
    assert (
        script(
            """
        import guv
        guv.monkey_patch()
        import threading
        gate = threading.Event()
        thread = threading.Thread(target=gate.wait)
        thread.start()
        joined = []
        def join(timeout):
            thread.join(timeout)
            joined.append(thread.is_alive())
        joiners = [threading.Thread(target=join, args=(timeout,)) for timeout in (None, 20, None, 20)]
        for joiner in joiners:
            joiner.start()
        guv.gyield()
        gate.set()
        thread.join()
        for joiner in joiners:
            joiner.join()
        print(joined)
        """
        )
        == "[False, False, False, False]\n"
    )


def test_join_given_up_leaves_the_thread_alive(script: Script) -> None:
    assert (
        script(
            """
        import guv
        guv.monkey_patch()
        import threading
        gate = threading.Event()
        thread = threading.Thread(target=gate.wait)
        thread.start()
        with guv.Timeout(0.01, False):
            thread.join()
        print(thread.is_alive())
        killed = guv.spawn(thread.join)
        guv.gyield()
        killed.kill()
        print(thread.is_alive())
        gate.set()
        thread.join()
        print(thread.is_alive())
        """
        )
        == "True\nTrue\nFalse\n"
    )
