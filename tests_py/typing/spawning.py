"""Checked by mypy, never run: what the type checker knows of guv's calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from typing_extensions import assert_type

import guv
from guv import AsyncResult, Event, GreenPool, GreenThread, Group, TaskGroup
from guv.asyncio import spawn_for_awaitable
from guv.pools import Pool
from guv.queue import PriorityQueue, Queue


def number(text: str, *, base: int = 10) -> int:
    return int(text, base)


def spawning() -> None:
    assert_type(guv.spawn(number, "7"), GreenThread[int])
    assert_type(guv.spawn(number, "7", base=8).wait(), int)
    assert_type(guv.spawn_after(1, number, "7").wait(), int)
    assert_type(guv.spawn(number, "7").value, int | None)
    assert_type(guv.spawn(number, "7").exception, BaseException | None)
    guv.spawn(number, 7)  # type: ignore[arg-type]
    guv.spawn(number)  # type: ignore[call-arg]
    guv.spawn(number, "7", radix=8)  # type: ignore[call-arg]
    guv.spawn_after("1", number, "7")  # type: ignore[arg-type]
    assert_type(guv.with_timeout(1, number, "7"), int)


def pools() -> None:
    pool = GreenPool(3)
    assert_type(pool.spawn(number, "7").wait(), int)
    pool.spawn(number, 7)  # type: ignore[arg-type]
    assert_type(pool.map(number, ["7"]), list[int])
    assert_type(list(pool.imap(number, ["7"])), list[int])
    assert_type(pool.apply(number, ("7",)), int)
    assert_type(next(pool.imap_unordered(number, ["7"])), int)
    assert_type(Group().spawn(number, "7"), GreenThread[int])
    things: Pool[str] = Pool(create=lambda: "thing")
    with things.item() as thing:
        assert_type(thing, str)


async def coroutines() -> None:
    assert_type(await guv.spawn(number, "7"), int)
    assert_type(spawn_for_awaitable(asyncio.sleep(1, "slept")), GreenThread[str])


def groups() -> None:
    with TaskGroup() as group, guv.shield():
        assert_type(group.spawn(number, "7").wait(), int)
        group.spawn(number, 7)  # type: ignore[arg-type]


def waiting(threads: list[GreenThread[int]]) -> Iterator[int]:
    assert_type(guv.joinall(threads), list[GreenThread[int]])
    assert_type(guv.wait(threads, timeout=1.5), list[GreenThread[int]])
    for thread in guv.iwait(threads):
        yield thread.wait()
    assert_type(guv.wait(timeout=1.5), bool)
    guv.wait([1])  # type: ignore[type-var]


def primitives() -> None:
    event: Event[str] = Event()
    assert_type(event.wait(), str)
    result: AsyncResult[int] = AsyncResult()
    assert_type(result.get(timeout=1), int)
    assert_type(result.value, int | None)
    queue: Queue[int] = Queue(3)
    queue.put("text")  # type: ignore[arg-type]
    assert_type(queue.get(), int)
    assert_type(PriorityQueue[str](items=["a"]).peek(), str)
