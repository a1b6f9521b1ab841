"""A hub for each thread of the operating system, the door between them, and what misuse is told."""

from __future__ import annotations

from typing import Any

import pytest

NATIVE = """
import os, sys
import guv
from guv._originals import allocate_lock, start_new_thread, time_sleep
from guv.hubs.current import all_hubs, drop_hub, get_hub

def in_thread(function, *args):
    "Run it in a native thread and wait natively; its error is raised here."
    done, errors = allocate_lock(), []
    done.acquire()
    def run():
        try:
            function(*args)
        except BaseException as error:
            errors.append(error)
        finally:
            done.release()
    start_new_thread(run, ())
    done.acquire()
    for error in errors:
        raise error

def raises(kind, function, *args):
    try:
        function(*args)
    except kind as error:
        return error
    raise AssertionError(f"{function} did not raise {kind}")
"""


def test_hub_ofEachThread_isItsOwnAndGoesWithIt(script: Any) -> None:
    code = """
    mine = get_hub()
    seen = []
    def other():
        guv.sleep(.001)
        assert get_hub() is not mine
        seen.append(get_hub())
        assert set(all_hubs()) == {mine, get_hub()}
    in_thread(other)
    while len(all_hubs()) > 1:               # the thread's locals go when it has ended
        time_sleep(.001)
    assert all_hubs() == [mine] and seen[0].closed
    """
    script(NATIVE + _flat(code))


def test_callSoonThreadsafe_manyThreads_eachCallArrivesOnceInOrder(script: Any) -> None:
    code = """
    hub, got = get_hub(), []
    def send(name):
        for i in range(500):
            hub.call_soon_threadsafe(got.append, (name, i))
    for name in range(8):
        start_new_thread(send, (name,))
    while len(got) < 8 * 500:
        guv.sleep(.001)
    for name in range(8):
        assert [i for sender, i in got if sender == name] == list(range(500))
    """
    script(NATIVE + _flat(code))


def test_callSoonThreadsafe_idleHub_wakesAtOnce(script: Any) -> None:
    code = """
    hub, event = get_hub(), guv.event.TEvent() if hasattr(guv, "event") else None
    from guv.event import TEvent
    event = TEvent()
    start_new_thread(lambda: (time_sleep(.02), hub.call_soon_threadsafe(event.set)), ())
    assert event.wait(20)
    """
    script(NATIVE + _flat(code))


def test_hub_usedInAnotherThread_raisesWrongThreadError(script: Any) -> None:
    code = """
    import pickle
    from greenlet import error as greenlet_error
    from guv.exceptions import WrongThreadError
    from functools import partial
    from guv.greenthread import throw
    hub = get_hub()
    parked = guv.spawn_n(guv.sleep, 99)      # a plain greenlet
    thread, timer = guv.spawn(guv.sleep, 99), hub.schedule_call_global(99, print)
    guv.sleep(.001)
    r, w = os.pipe()
    def misuse():
        for attempt in (
            (hub.schedule_call_now, print), (hub.schedule_call_global, 1, print), (hub.add, 1, r, print),
        ):
            error = raises(WrongThreadError, *attempt)
            assert "call_soon_threadsafe" in str(error) and isinstance(error, RuntimeError)
        assert "different thread" in str(raises(greenlet_error, parked.switch))
        for attempt in thread.throw, timer.cancel, partial(throw, thread), partial(throw, parked):
            assert "call_soon_threadsafe" in str(raises(WrongThreadError, attempt)), attempt
        del parked.hub
        assert "another thread" in str(raises(WrongThreadError, guv.kill, parked))
        guv.sleep(.001)                      # this thread's hub is none the worse
    in_thread(misuse)
    assert not parked.dead and not thread.dead and timer.pending
    guv.sleep(.001)
    assert str(pickle.loads(pickle.dumps(WrongThreadError("here")))) == "here"
    """
    script(NATIVE + _flat(code))


def test_kill_fromAnotherThread_endsItThere(script: Any) -> None:
    code = """
    sleeper = guv.spawn(guv.sleep, 99)
    unstarted = guv.spawn_after(99, print)
    guv.sleep(.001)
    in_thread(lambda: (sleeper.kill(), unstarted.kill()))
    from greenlet import GreenletExit
    for g in sleeper, unstarted:
        raises(GreenletExit, g.wait)
    """
    script(NATIVE + _flat(code))


def test_hub_closed_raisesHubClosedError(script: Any) -> None:
    code = """
    from guv.exceptions import HubClosedError
    ended = []
    def other():
        ended.append(guv.spawn(guv.sleep, 99))
        guv.sleep(.001)
    in_thread(other)
    while not ended[0].dead:                 # soon it is as dead as its thread
        time_sleep(.001)
    ended[0].kill()
    raises(HubClosedError, ended[0].wait)
    raises(HubClosedError, ended[0].hub.call_soon_threadsafe, print)
    old = get_hub()
    sleeper = guv.spawn(guv.sleep, 99)
    guv.sleep(.001)
    drop_hub()
    for attempt in (
        (old.schedule_call_now, print), (old.schedule_call_global, 1, print), (old.add, 1, 0, print),
        (old.call_soon_threadsafe, print), (sleeper.wait,),
    ):
        raises(HubClosedError, *attempt)
    sleeper.kill()                           # left alone: it never runs
    old.wake()                               # harmless: it may be under way when the hub closes
    guv.sleep(.001)
    assert get_hub() is not old
    """
    script(NATIVE + _flat(code))


def test_import_inSubinterpreter_isRefusedAndSaysWhy(script: Any) -> None:
    code = """
    import sys
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    program = f"import sys; sys.path[:] = {sys.path!r}\\ntry: import guv\\nexcept ImportError as e: print(e, flush=True)"
    for arguments in ((), ("legacy",)) if sys.version_info >= (3, 13) else ((),):
        interpreter = interpreters.create(*arguments)
        if hasattr(interpreters, "exec"):
            interpreters.exec(interpreter, program)
        else:
            interpreters.run_string(interpreter, program)
        interpreters.destroy(interpreter)
    """
    for line in script(_flat(code)).splitlines():
        assert line.startswith("guv can't be used in a subinterpreter"), line


CHURN = """
import resource
from guv.testing._leaks import open_descriptors     # but what Go's runtime opens for itself, sooner or later
def life(depth):
    hub = get_hub()
    g = guv.spawn(guv.sleep, .0001)
    guv.sleep(0)
    hub.call_soon_threadsafe(int)
    g.wait()
def state():
    import gc
    gc.collect()
    with open("/proc/self/statm") as statm:
        resident = int(statm.read().split()[1]) * resource.getpagesize()
    return open_descriptors(), resident
def churn(threads):
    running, free = 0, allocate_lock()
    ended = []
    def run():
        try:
            life(1)
        finally:
            ended.append(1)
    for i in range(threads):
        start_new_thread(run, ())
        while i - len(ended) > 7:
            guv.sleep(.0005)
    while len(ended) < threads:
        guv.sleep(.001)
    while len(all_hubs()) > 1:
        guv.sleep(.001)
guv.sleep(.001)
churn(200)
fds, before = state()
churn(int(sys.argv[1]))
for _ in range(1000):
    after_fds, after = state()
    if fds == after_fds:                     # the last thread may still be closing
        break
    guv.sleep(.001)
assert fds == after_fds, (fds, after_fds)
print(f"{(after - before) / 1024:.0f} kB more after {sys.argv[1]} threads", file=sys.stdout)
assert after - before < 20 << 20, (before, after)  # Go collects when 8 MiB of garbage are there
"""


def test_threads_thousandWithAHubEach_nothingIsLeft(script: Any) -> None:
    script(NATIVE + CHURN, "1000")


@pytest.mark.slow
def test_threads_10000WithAHubEach_nothingIsLeft(script: Any) -> None:
    script(NATIVE + CHURN, "10000", deadline=58)


def _flat(code: str) -> str:
    import textwrap

    return textwrap.dedent(code)
