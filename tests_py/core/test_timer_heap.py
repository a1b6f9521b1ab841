"""The heap of timers against a plain dict: any sequence of set, cancel and time passing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guv.hubs.heap import TimerHeap

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(0, 9), st.integers(1, 50)),
        st.tuples(st.just("cancel"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("pass"), st.just(0), st.integers(0, 20)),
    ),
    max_size=60,
)


@given(STEPS)
def test_heap_agrees_with_a_dict(steps: list[tuple[str, int, int]]) -> None:
    heap, model, now = TimerHeap(), dict[int, tuple[int, int]](), 0
    for order, (step, token, number) in enumerate(steps):
        if step == "set":
            heap.set(token, now + number)
            model[token] = now + number, order
        elif step == "cancel":
            assert heap.cancel(token) is (model.pop(token, None) is not None)
        else:
            now += number
            due = sorted((when, token) for token, when in model.items() if when[0] <= now)
            assert list(heap.due(now)) == [token for _, token in due]
            for _, gone in due:
                del model[gone]
        assert heap.next() == min((deadline for deadline, _ in model.values()), default=None)
        assert [heap.deadline(token) for token in range(10)] == [model.get(token, (0, 0))[0] for token in range(10)]
