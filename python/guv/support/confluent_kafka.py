"""confluent-kafka: what waits in librdkafka for the broker runs in native threads.

A consumer has one native thread of its own for `poll` and `consume`, a producer for `poll` and `flush`; all other calls
that ask the broker go through `guv.tpool`. Calls with a time-out of 0 are made directly. Messages that came while the
caller was killed, or after its `guv.Timeout`, are what the next `poll` or `consume` returns.

Differs: callbacks (delivery reports, rebalances, statistics, errors) run in the native thread if the call waits.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import confluent_kafka
from confluent_kafka import cimpl

from .. import _originals
from .._rebind import rebind
from . import blocking, require
from ._native import NativeThread

MINIMUM = (1, 9)
STEP = 0.2  # seconds: how long a native thread waits before it looks whether it still has to

T = TypeVar("T")
_Consumer: Any = cimpl.Consumer
_Producer: Any = cimpl.Producer
_AdminClient: Any = cimpl._AdminClientImpl


def patch() -> None:
    """Put the green classes in the place of the library's, also below its classes written in Python."""
    require(confluent_kafka, MINIMUM, confluent_kafka.__version__)
    if cimpl.Consumer is not _Consumer:
        return
    for old, new in ((_Consumer, Consumer), (_Producer, Producer), (_AdminClient, AdminClient)):
        for derived in old.__subclasses__():
            if derived is not new:
                derived.__bases__ = tuple(new if base is old else base for base in derived.__bases__)
    rebind([(_Consumer, Consumer), (_Producer, Producer), (_AdminClient, AdminClient)])


class _Waiting:
    """A call that a native thread makes again and again, until it has something or nobody waits any more."""

    def __init__(self, timeout: float | None) -> None:
        limited = timeout is not None and timeout >= 0
        self.due = _originals.monotonic() + timeout if limited else None  # type: ignore[operator]
        self.wanted = True

    def repeat(self, call: Callable[[float], T], enough: Callable[[T], object]) -> T:
        """In the native thread: the result of the last `call` (of its time-out in seconds)."""
        while True:
            left = STEP if self.due is None else self.due - _originals.monotonic()
            result = call(max(0.0, min(left, STEP)))
            if enough(result) or left <= 0 or not self.wanted:
                return result


class _State:
    """What guv keeps for a consumer or producer."""

    __slots__ = ("arrived", "thread")

    def __init__(self) -> None:
        self.thread = NativeThread()
        self.arrived: deque[Any] = deque()  # messages that the thread has taken


#: By id of the object, which removes it at its end: the library's classes have no room for attributes, and ours can't
#: have more or they could not be put below others.
_states: dict[int, _State] = {}


class _Green:
    """What the green classes have in common."""

    __slots__ = ()

    def __del__(self) -> None:
        _states.pop(id(self), None)

    def _guv_state(self) -> _State:
        state = _states.get(id(self))
        if state is None:
            state = _states[id(self)] = _State()
        return state

    def _guv_wait(self, timeout: float | None, call: Callable[[float], T], enough: Callable[[T], object]) -> T:
        """Have `call` repeated in the object's own thread; yields."""
        waiting = _Waiting(timeout)
        repeat: Callable[..., T] = waiting.repeat
        try:
            return self._guv_state().thread.call(repeat, call, enough)
        finally:
            waiting.wanted = False


class Consumer(_Green, _Consumer):  # type: ignore[misc]
    """`confluent_kafka.Consumer`; `poll`, `consume` and what asks the broker yield."""

    __slots__ = ()

    def poll(self, timeout: float | None = None) -> Any:
        """As ``Consumer.poll``: a message, or None after `timeout` seconds. Yields."""
        arrived = self._guv_state().arrived
        if not arrived:
            if timeout == 0:
                return super().poll(0)
            self._guv_wait(timeout, self._guv_poll, bool)
        return arrived.popleft() if arrived else None

    def _guv_poll(self, seconds: float) -> bool:
        message = _Consumer.poll(self, seconds)
        if message is not None:
            self._guv_state().arrived.append(message)
        return message is not None

    def consume(self, num_messages: int = 1, timeout: float | None = None) -> list[Any]:
        """As ``Consumer.consume``: up to `num_messages`, as many as there are after `timeout` seconds. Yields."""
        arrived = self._guv_state().arrived
        if len(arrived) < num_messages:
            if timeout == 0 and not arrived:
                return super().consume(num_messages, 0)  # type: ignore[no-any-return]
            self._guv_wait(timeout, partial(self._guv_consume, num_messages), bool)
        return [arrived.popleft() for _ in range(min(num_messages, len(arrived)))]

    def _guv_consume(self, wanted: int, seconds: float) -> bool:
        arrived = self._guv_state().arrived
        missing = wanted - len(arrived)
        if missing > 0:
            arrived.extend(_Consumer.consume(self, missing, seconds))
        return len(arrived) >= wanted


class Producer(_Green, _Producer):  # type: ignore[misc]
    """`confluent_kafka.Producer`; `poll`, `flush` and what asks the broker yield."""

    __slots__ = ()

    def poll(self, timeout: float | None = None) -> Any:
        """As ``Producer.poll``: how many callbacks were called. Yields for up to `timeout` seconds."""
        if timeout == 0:
            return super().poll(0)
        return self._guv_wait(timeout, partial(_Producer.poll, self), bool)

    def flush(self, timeout: float | None = None) -> Any:
        """As ``Producer.flush``: how many messages are still not delivered. Yields for up to `timeout` seconds."""
        if timeout == 0:
            return super().flush(0)
        return self._guv_wait(timeout, partial(_Producer.flush, self), operator.not_)


class AdminClient(_AdminClient):  # type: ignore[misc]
    """The base of `confluent_kafka.admin.AdminClient`; `poll` and the lists yield. The other calls give futures."""

    __slots__ = ()


def _has(kind: type, *names: str) -> list[str]:
    return [name for name in names if hasattr(kind, name)]


_ASK = "list_topics", "cluster_id", "close"
blocking(
    Consumer,
    _has(_Consumer, *_ASK, "commit", "committed", "get_watermark_offsets", "offsets_for_times", "seek", "unsubscribe"),
)
blocking(
    Producer,
    _has(
        _Producer, *_ASK, "init_transactions", "commit_transaction", "abort_transaction", "send_offsets_to_transaction"
    ),
)
blocking(AdminClient, _has(_AdminClient, "list_topics", "list_groups", "poll", "cluster_id"))
