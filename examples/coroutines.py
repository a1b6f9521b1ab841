"""Coroutines beside greenthreads: each waits for the other.

python examples/coroutines.py
"""

import asyncio
import time

import guv
from guv.asyncio import spawn_for_awaitable

guv.monkey_patch()


def blocking(number):
    time.sleep(0.001)  # plain code, of a library that knows nothing of asyncio
    return number * number


async def squares(numbers):
    return await asyncio.gather(*(guv.spawn(blocking, number) for number in numbers))


if __name__ == "__main__":
    print(spawn_for_awaitable(squares(range(5))).wait())
    print(asyncio.run(squares([7])))
