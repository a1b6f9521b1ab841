"""Producers and workers over a bounded queue: back-pressure, a clean end, every result exactly once.

python examples/worker_queue.py
"""

import guv
from guv.queue import Queue


def produce(queue, first, count):
    for number in range(first, first + count):
        queue.put(number)  # waits while the queue is full


def work(queue, results):
    for number in queue:  # ends when the queue is shut down and empty
        guv.sleep(0.001)
        results.append(number * number)
        queue.task_done()


if __name__ == "__main__":
    queue, results = Queue(maxsize=10), []
    producers = [guv.spawn(produce, queue, first, 50) for first in (0, 50)]
    workers = guv.Group()
    for _ in range(5):
        workers.spawn(work, queue, results)

    guv.joinall(producers, raise_error=True)
    queue.join()  # all that was put has been dealt with
    queue.shutdown()
    workers.join()
    print(len(results), "results, the sum of which is", sum(results))
