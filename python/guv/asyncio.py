"""Between greenthreads and coroutines: each may wait for the other.

A coroutine says ``await thread`` of a `GreenThread`, a greenlet ``spawn_for_awaitable(...).wait()`` of a coroutine.
Loops of :mod:`asyncio` run in greenlets of their own, several beside each other, after `guv.monkey_patch`; without the
patch a loop blocks its thread, so it has to run in another one than the greenlets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from greenlet import GreenletExit

from .event import AsyncResult
from .greenthread import GreenThread, spawn

T = TypeVar("T")


def outcome(thread: GreenThread[T]) -> asyncio.Future[T]:
    """A future of the running event loop that gets what `thread` ends with. Cancelling it kills `thread`.

    A killed thread cancels the future. Raises RuntimeError if no event loop runs. Never yields.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle() -> None:
        if future.done():
            return
        error = thread.exception
        if error is None:
            future.set_result(thread.wait())
        elif isinstance(error, GreenletExit):
            future.cancel()
        elif isinstance(error, StopIteration):
            wrapped = RuntimeError("a greenthread raised StopIteration, which no coroutine can raise")
            wrapped.__cause__ = error
            future.set_exception(wrapped)
        else:
            future.set_exception(error)

    def ended(_: GreenThread[T]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle)

    def cancelled(_: asyncio.Future[T]) -> None:
        if future.cancelled() and not thread.ready():
            thread.hub.call_soon_threadsafe(thread.kill)

    future.add_done_callback(cancelled)
    thread.link(ended)
    return future


def spawn_for_awaitable(awaitable: Awaitable[T], loop: asyncio.AbstractEventLoop | None = None) -> GreenThread[T]:
    """Have `awaitable` run to its end, in `loop`, or in one of its own; the greenthread gives its result.

    `loop` runs in another greenlet or thread, which may be a native one. Killing the greenthread cancels `awaitable`.
    Never yields.
    """

    async def whole() -> T:
        return await awaitable

    def run() -> T:
        if loop is None:
            return asyncio.run(whole())
        future = asyncio.run_coroutine_threadsafe(whole(), loop)
        ended: AsyncResult[Any] = AsyncResult()
        future.add_done_callback(ended.set)
        try:
            ended.wait()
            return future.result()
        finally:
            future.cancel()
            del future, ended  # an exception's traceback has this frame

    return spawn(run)
