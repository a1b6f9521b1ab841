"""Who waits for whom: events, a semaphore, a condition, greenlet-local data, waiting for a mix of them.

python examples/synchronisation.py
"""

import guv
from guv import AsyncResult, Condition, Semaphore, TEvent
from guv.local import local

request = local()  # each greenlet sees attributes of its own


def handle(name, door):
    request.user = name
    with door:  # at most two at a time, in order of arrival
        guv.sleep(0.001)
    return request.user


def consume(condition, stock):
    with condition:
        condition.wait_for(lambda: stock)
        return stock.pop()


def supply(condition, stock):
    with condition:
        stock.append("bread")
        condition.notify()


if __name__ == "__main__":
    door = Semaphore(2)
    visitors = [guv.spawn(handle, name, door) for name in ("ann", "ben", "cleo")]
    print([visitor.wait() for visitor in visitors], hasattr(request, "user"))

    condition, stock = Condition(), []
    hungry = guv.spawn(consume, condition, stock)
    guv.spawn_after(0.001, supply, condition, stock)
    print(hungry.wait())

    answer, alarm = AsyncResult(), TEvent()
    guv.spawn_after(0.001, alarm.set)
    guv.spawn_after(0.01, answer.set, 42)
    for thing in guv.iwait([answer, alarm], timeout=10):
        print(type(thing).__name__, "is ready")
    print(answer.get())
