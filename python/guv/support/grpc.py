"""grpcio: the C core keeps its own threads; what waits for it in Python does so in native threads.

Each channel and each server has one native thread that waits for the core's events. Calls that block become calls with
a future, of which any number share that thread: unary calls, streams, `channel_ready_future`, servers and their
handlers, which run in the (patched) thread pool given to `grpc.server`. ``grpc.aio`` has one native thread that tells
the loops of asyncio.

Differs: an error of a blocking call is the future itself (a `grpc.RpcError` and `grpc.Call`, as always), not grpcio's
private class for finished calls.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import grpc
from grpc import _channel
from grpc._cython import cygrpc

from . import require
from ._native import NativeThread

MINIMUM = (1, 40)

_Channel: Any = cygrpc.Channel
_CompletionQueue: Any = cygrpc.CompletionQueue


def patch() -> None:
    """Put the green classes in the place of the core's; channels and servers made before keep theirs."""
    require(grpc, MINIMUM, grpc.__version__)
    if cygrpc.Channel is _Channel:
        cygrpc.Channel = Channel
        cygrpc.CompletionQueue = CompletionQueue
        cygrpc.threading = _Threading()
        for kind in (_channel._UnaryUnaryMultiCallable, _channel._StreamUnaryMultiCallable):
            kind.__call__ = _call
            kind.with_call = _with_call


class Channel(_Channel):  # type: ignore[misc]
    """The core's channel; waiting for its events yields."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # the core's class takes its arguments in __new__
        self._events = NativeThread()
        self._states = NativeThread()

    def next_call_event(self) -> Any:
        return self._events.call(super().next_call_event)

    def watch_connectivity_state(self, *args: Any) -> Any:
        return self._states.call(super().watch_connectivity_state, *args)


class CompletionQueue(_CompletionQueue):  # type: ignore[misc]
    """The core's queue of events for a server; waiting for the next yields."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # the core's class takes its arguments in __new__
        self._events = NativeThread()

    def poll(self, deadline: float | None = None) -> Any:
        return self._events.call(super().poll, deadline)


class _Threading:
    """`threading` as the core sees it: the thread of ``grpc.aio`` that waits for the core's events does so natively."""

    @staticmethod
    def Thread(**kwargs: Any) -> threading.Thread:
        target: Any = kwargs.get("target")
        if getattr(target, "__name__", None) == "_poll_wrapper":
            kwargs["target"] = partial(NativeThread().call, target)
        return threading.Thread(**kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(threading, name)


def _call(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
    """A unary reply, waited for through a future."""
    return self.future(request, *args, **kwargs).result()


def _with_call(self: Any, request: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """As `_call`, with the call's metadata."""
    future = self.future(request, *args, **kwargs)
    return future.result(), future
