"""Choosing a hub, calling into it, and what becomes of exceptions there."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from types import ModuleType, TracebackType

import pytest
from greenlet import GreenletExit, getcurrent, greenlet

import guv
from guv.const import READ, WRITE
from guv.exceptions import HubClosedError
from guv.hubs import epoll, get_hub, notify_opened, use_hub
from guv.hubs.abc import BULK, AbstractHub, AbstractTimer
from guv.hubs.current import current_hub, drop_hub

Script = Callable[..., str]


# ---- which hub ----


def test_get_hub_in_one_thread_is_the_same(any_hub: AbstractHub) -> None:
    assert get_hub() is any_hub
    assert guv.spawn(get_hub).wait() is any_hub


def test_get_hub_in_another_thread_is_another_and_is_closed_with_the_thread(any_hub: AbstractHub) -> None:
    seen = []

    def run() -> None:
        seen.append(get_hub())
        guv.sleep(0)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen[0] is not any_hub
    assert type(seen[0]) is type(any_hub)
    assert seen[0].closed
    assert not any_hub.closed


@pytest.mark.parametrize("how", ["name", "path", "module", "class"])
def test_use_hub_takes_a_name_a_module_or_a_class(how: str) -> None:
    given: str | ModuleType | type[AbstractHub] = {
        "name": "epoll", "path": "guv.hubs.epoll", "module": epoll, "class": epoll.Hub,
    }[how]  # fmt: skip
    use_hub(given)
    try:
        assert type(get_hub()) is epoll.Hub
        assert guv.spawn(lambda: 3).wait() == 3
    finally:
        drop_hub()


def test_use_hub_with_an_unknown_name_says_what_can_be_given() -> None:
    with pytest.raises(ValueError, match=r"no hub called 'libuv'.*'hub'.*'epoll'.*class Hub"):
        use_hub("libuv")


@pytest.mark.parametrize("wrong", [socket, int, AbstractHub])
def test_use_hub_with_something_that_is_no_hub_is_a_type_error(wrong: ModuleType | type) -> None:
    with pytest.raises(TypeError):
        use_hub(wrong)  # type: ignore[arg-type]
    drop_hub()


def test_use_hub_with_a_module_that_fails_to_import_passes_the_error_on(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = os.path.join(str(tmp_path), "loops")
    os.mkdir(folder)
    with open(os.path.join(folder, "broken.py"), "w") as module:
        module.write("import surely_not_installed\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="surely_not_installed"):
        use_hub("loops.broken")


def test_use_hub_closes_the_hub_that_was_there(hub: AbstractHub) -> None:
    use_hub("epoll")
    try:
        assert hub.closed
        assert get_hub() is not hub
        with pytest.raises(HubClosedError):
            hub.call_soon_threadsafe(print)
    finally:
        drop_hub()


def test_use_hub_keeps_no_descriptor_of_the_hub_that_was_there(hub: AbstractHub) -> None:
    guv.sleep(0)
    drop_hub()
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(20):
        use_hub(type(hub))
        guv.sleep(0)
    drop_hub()
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_environment_names_the_default_hub(script: Script, hub_kind: str) -> None:
    code = "from guv.hubs import get_hub, get_default_hub; print(type(get_hub()) is get_default_hub(), type(get_hub()).__module__)"
    assert script(code) == f"True guv.hubs.{hub_kind}\n"


def test_environment_with_an_unknown_hub_is_refused_at_the_first_wait(script: Script) -> None:
    code = """
    import os
    os.environ["GUV_HUB"] = "pyuv"
    import guv
    guv.monkey_patch()
    try:
        guv.sleep(0)
    except ValueError as error:
        print(error)
    """
    assert "no hub called 'pyuv'" in script(code)


def test_hub_is_a_greenlet_and_the_parent_of_what_it_starts(any_hub: AbstractHub) -> None:
    assert isinstance(any_hub, greenlet)
    assert any_hub.parent is getcurrent()
    assert guv.spawn(lambda: getcurrent().parent).wait() is any_hub


def test_abstract_hub_asks_for_a_loop() -> None:
    with pytest.raises(TypeError, match=r"exchange|close|wake"):
        AbstractHub()  # type: ignore[abstract]


# ---- calls ----


def test_schedule_call_now_runs_in_the_hub_in_order_at_the_next_turn(any_hub: AbstractHub) -> None:
    seen: list[object] = []
    any_hub.schedule_call_now(seen.append, 1)
    any_hub.schedule_call_now(lambda **kwargs: seen.append(kwargs), two=2)
    any_hub.schedule_call_now(lambda: seen.append(getcurrent()))
    assert seen == []
    guv.gyield()
    assert seen == [1, {"two": 2}, any_hub]


def test_schedule_call_now_from_a_call_belongs_to_the_turn_after(any_hub: AbstractHub) -> None:
    order: list[str] = []

    def first() -> None:
        order.append("first")
        any_hub.schedule_call_now(order.append, "second")

    any_hub.schedule_call_now(first)
    guv.gyield()
    order.append("main")
    guv.gyield()
    assert order == ["first", "main", "second"]


def test_schedule_call_global_fires_in_order_of_the_deadlines(any_hub: AbstractHub) -> None:
    order: list[int] = []
    for ms in (15, 5, 10):
        any_hub.schedule_call_global(ms / 1000, order.append, ms)
    guv.sleep(0.03)
    assert order == [5, 10, 15]


def test_many_timers_set_at_once_fire_in_order_but_the_cancelled_ones(any_hub: AbstractHub) -> None:
    for _ in range(2):  # with new tokens, then with some that are free
        called: list[int] = []
        count = 3 * BULK + 1
        timers = [any_hub.schedule_call_global(0, called.append, i) for i in range(count)]
        for timer in timers[::3]:
            timer.cancel()
        timeouts = [guv.Timeout(60) for _ in range(BULK)]
        while any(timer.pending for timer in timers):
            guv.sleep(0)
            guv.sleep(0.001)
        assert called == [i for i in range(count) if i % 3]
        for timeout in timeouts:
            timeout.cancel()
        assert any_hub.statistics().timers == 0


def test_timer_is_pending_until_it_is_cancelled_or_has_fired(any_hub: AbstractHub) -> None:
    seen: list[str] = []
    fired, cancelled = (any_hub.schedule_call_global(0.001, seen.append, name) for name in ("fired", "cancelled"))
    assert isinstance(fired, AbstractTimer)
    assert (fired.pending, cancelled.pending) == (True, True)
    cancelled.cancel()
    cancelled.cancel()
    guv.sleep(0.01)
    assert (fired.pending, cancelled.pending) == (False, False)
    fired.cancel()
    assert seen == ["fired"]


def test_call_from_another_thread_ends_a_wait_that_nothing_else_would(any_hub: AbstractHub) -> None:
    current, seen = getcurrent(), []

    def call() -> None:
        for n in range(100):
            any_hub.call_soon_threadsafe(seen.append, n)
        any_hub.call_soon_threadsafe(any_hub.ready.append, current)

    thread = threading.Thread(target=call)
    thread.start()
    guv.gyield(switch_back=False)
    thread.join()
    assert seen == list(range(100))


def test_abort_ends_the_hub_and_returns_to_the_main_greenlet(script: Script) -> None:
    code = """
    import guv
    from guv.hubs import get_hub
    hub = get_hub()
    hub.schedule_call_now(hub.abort)
    guv.gyield(switch_back=False)
    print("back in main", hub.dead, hub.closed)
    print(guv.spawn(lambda: 7).wait(), get_hub() is hub)
    """
    assert script(code) == "back in main True True\n7 False\n"


# ---- listeners ----


def test_listener_whose_descriptor_is_closed_gets_the_error(any_hub: AbstractHub) -> None:
    r, w = os.pipe()
    seen: list[object] = []
    any_hub.add(READ, r, seen.append, seen.append, ("ready",))
    guv.gyield()
    any_hub.forget(r)
    os.close(r)
    guv.gyield()
    os.close(w)
    assert [type(one) for one in seen] == [OSError]
    assert isinstance(seen[0], OSError)
    assert seen[0].errno == 9


def test_listeners_of_both_directions_share_a_descriptor(any_hub: AbstractHub) -> None:
    left, right = socket.socketpair()
    with left, right:
        seen: list[str] = []
        writable = any_hub.add(WRITE, left.fileno(), lambda: (seen.append("writable"), any_hub.remove(writable)))
        readable = any_hub.add(READ, left.fileno(), lambda: (seen.append("readable"), any_hub.remove(readable)))
        assert all(left.fileno() in waiting for waiting in any_hub.listeners.values())
        guv.sleep(0.005)
        right.send(b"x")
        guv.sleep(0.005)
        assert seen == ["writable", "readable"]


def test_notify_opened_wakes_waiters_of_the_older_file(any_hub: AbstractHub) -> None:
    r, w = os.pipe()
    waiting = guv.spawn(guv.trampoline, r, READ)
    guv.gyield()
    assert notify_opened(r) is True
    with pytest.raises(OSError, match="Bad file descriptor"):
        waiting.wait()
    assert notify_opened(r) is False
    os.close(r)
    os.close(w)


def test_hub_can_not_wait_for_itself(any_hub: AbstractHub, reported: list[BaseException]) -> None:
    r, w = os.pipe()
    any_hub.schedule_call_now(guv.trampoline, r, READ)
    guv.gyield()
    os.close(r)
    os.close(w)
    assert [str(error) for error in reported] == [
        "trampoline() can't be called from the hub: a callback must not block"
    ]


# ---- exceptions ----


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """What the hub reports through `sys.excepthook`."""
    errors: list[BaseException] = []

    def hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        errors.append(error)

    monkeypatch.setattr(sys, "excepthook", hook)
    return errors


def fail(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize("where", ["call", "timer", "listener", "greenlet", "bare greenlet"])
def test_exception_is_reported_and_everything_else_goes_on(
    where: str, any_hub: AbstractHub, reported: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    error = KeyError("lost")
    ends = socket.socketpair()
    if where == "call":
        any_hub.schedule_call_now(fail, error)
    elif where == "timer":
        any_hub.schedule_call_global(0, fail, error)
    elif where == "listener":
        any_hub.add(WRITE, ends[0].fileno(), fail, None, (error,))
    elif where == "greenlet":
        guv.spawn(fail, error)
    else:
        guv.spawn_n(fail, error)
    others = [guv.spawn(guv.sleep, 0.005) for _ in range(3)]
    for other in others:
        other.wait()
    assert reported == [error]
    assert "Exception in <" in capsys.readouterr().err
    for end in ends:
        end.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), SystemError("bug")], ids=repr)
@pytest.mark.parametrize("where", ["call", "greenlet", "bare greenlet"])
def test_exception_that_ends_programs_is_raised_in_main(
    where: str, error: BaseException, any_hub: AbstractHub, reported: list[BaseException]
) -> None:
    start = {"call": any_hub.schedule_call_now, "greenlet": guv.spawn, "bare greenlet": guv.spawn_n}[where]
    start(fail, error)
    with pytest.raises(type(error)) as caught:
        guv.sleep(5)
    assert caught.value is error
    assert reported == []
    guv.sleep(0.001)  # the hub goes on


def test_greenlet_exit_is_silent(
    any_hub: AbstractHub, reported: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    guv.spawn(fail, GreenletExit())
    guv.spawn_n(fail, GreenletExit())
    any_hub.schedule_call_now(fail, GreenletExit())
    guv.sleep(0.001)
    assert reported == []
    assert capsys.readouterr().err == ""


def test_failing_excepthook_loses_nothing_else(any_hub: AbstractHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", lambda *args: fail(RuntimeError("the hook is broken")))
    guv.spawn(fail, KeyError("lost"))
    assert guv.spawn(lambda: guv.sleep(0.001) or "goes on").wait() == "goes on"


# ---- nothing can happen any more ----

DEADLOCKS = {
    "of main alone": ("Queue().get()", "it waits on <Queue", "no other greenlet exists"),
    "of two greenlets": (
        "q = Queue(); guv.spawn(Event().wait); guv.spawn(q.get); guv.gyield(); Semaphore(0).acquire()",
        "it waits on <Semaphore",
        "2 other greenlets wait: <GreenThread",
    ),
    "in a join": ("guv.spawn(Event().wait).wait()", "it waits on <GreenThread", "1 other greenlet waits"),
}


@pytest.mark.parametrize("case", DEADLOCKS)
def test_deadlock_names_who_waits_for_what(case: str, script: Script) -> None:
    code, *texts = DEADLOCKS[case]
    head = "import guv\nfrom guv.event import Event\nfrom guv.queue import Queue\nfrom guv.semaphore import Semaphore\n"
    told = script(
        f"{head}from guv.exceptions import DeadlockError\ntry: {code}\nexcept DeadlockError as error: print(error)"
    )
    assert "nothing can wake the main greenlet" in told
    for text in texts:
        assert text in told


NO_DEADLOCKS = {
    "a timer is armed": "guv.spawn_after(0.03, event.send, 1)",
    "a descriptor is waited for": (
        "r, w = os.pipe(); guv.spawn(lambda: (guv.trampoline(r, 1), event.send(1))); "
        "os.system(f'(sleep 0.03; echo) >&{w} &')"
    ),
    "another thread could": "from threading import Timer; hub = get_hub(); Timer(0.03, lambda: hub.call_soon_threadsafe(event.send, 1)).start()",
    "a signal handler is installed": (
        "import signal; signal.signal(signal.SIGALRM, lambda *a: event.send(1)); signal.setitimer(signal.ITIMER_REAL, 0.03)"
    ),
    "a native thread works": "from guv import tpool; guv.spawn(lambda: (tpool.execute(time.sleep, 0.03), event.send(1)))",
}


@pytest.mark.parametrize("case", NO_DEADLOCKS)
def test_wait_that_something_can_end_is_no_deadlock(case: str, script: Script) -> None:
    head = "import os, time\nimport guv\nfrom guv.event import Event\nfrom guv.hubs import get_hub\nevent = Event()\n"
    code = NO_DEADLOCKS[case].replace(">&{w}", ">/proc/{os.getpid()}/fd/{w}")
    assert script(f"{head}{code}\nprint(event.wait())") == "1\n"


def test_current_hub_is_none_where_nobody_has_waited() -> None:
    drop_hub()
    assert current_hub() is None
