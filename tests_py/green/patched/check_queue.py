"""Queues: a thread that looks into one in a loop, or always finds something there, lets the others run."""

from __future__ import annotations

import queue
import time
from concurrent.futures import ThreadPoolExecutor

import pytest


def by_get(q):
    try:
        return q.get_nowait()
    except queue.Empty:
        return None


LOOKS = [by_get, lambda q: None if q.empty() else q.get(), lambda q: q.get() if q.qsize() else None]


@pytest.mark.parametrize("kind", [queue.Queue, queue.LifoQueue, queue.SimpleQueue])
@pytest.mark.parametrize("look", LOOKS)
def test_thread_that_looks_into_a_queue_all_the_time_lets_others_fill_it(task, kind, look):
    q = kind()

    def spin():
        while True:
            found = look(q)
            if found is not None:
                return found

    spinning = task(spin)
    time.sleep(0.01)
    q.put("item")
    assert spinning.result() == "item"


def test_pool_thread_that_always_finds_work_lets_others_run():
    with ThreadPoolExecutor(1) as pool:
        done = []

        def again():
            if not done:
                pool.submit(again)

        pool.submit(again)
        time.sleep(0.01)
        done.append(True)
