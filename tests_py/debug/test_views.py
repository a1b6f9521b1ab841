"""What guv.debug shows of greenlets, descriptors, timers and spawns, and its switches; on both hubs."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

HEAD = """
import os, sys, threading
import guv, guv.debug, guv.event
from guv.exceptions import DeadlockError, WrongThreadError
from guv.hubs import get_hub

def settle():
    for _ in range(9): guv.gyield()

"""

CASES = {
    "greenletStacks_everyKindOfGreenlet_saysWhatItWaitsFor": (
        """
        r, w = os.pipe(); event = guv.event.Event()
        def waits(): event.wait()
        one, two = guv.spawn(waits), guv.spawn(guv.trampoline, r, 1)
        settle()
        three = guv.spawn(waits)
        states = {s.greenlet: s for s in guv.debug.greenlet_stacks()}
        print(states[one].waits_for.split(" at ")[0], states[two].waits_for, states[three].waits_for)
        main = states[get_hub().main]
        print(main.name, main.waits_for, main.stack[-1].name, "waits" in [c.name for c in states[one].stack], states[one].waiting)
        print(len(states), "waits" in str(states[one]))
        """,
        "Event.wait trampoline to start\nmain running <module> True None\n5 True\n",
    ),
    "trackSwitches_on_countsAndTellsSinceWhen": (
        """
        guv.gyield()
        print(get_hub().statistics().switches, end=" ")
        guv.debug.track_switches(); guv.debug.track_switches()
        t = guv.spawn(guv.sleep, 60); guv.sleep(0.01)
        state, = (s for s in guv.debug.greenlet_stacks() if s.greenlet is t)
        print(state.waiting >= 0.005, get_hub().statistics().switches >= 3, end=" ")
        guv.debug.track_switches(False); guv.debug.track_switches(False)
        print(get_hub().statistics().switches)
        import greenlet; print(greenlet.gettrace())
        """,
        "None True True None\nNone\n",
    ),
    "trackSwitches_beneathAnotherTraceFunction_callsItAndLeavesIt": (
        """
        import greenlet
        below, above = [], []
        def first(event, args): below.append(event)
        def last(event, args): above.append(event); track(event, args)
        greenlet.settrace(first); guv.debug.track_switches()
        track = greenlet.settrace(last)
        guv.sleep(0.001); guv.debug.track_switches(False); guv.sleep(0.001)
        print(len(below) == len(above) > 1, greenlet.gettrace() is last)
        """,
        "True True\n",
    ),
    "formatHubListeners_twoDirectionsAndACrowd_namesEach": (
        """
        r, w = os.pipe()
        print(repr(guv.debug.format_hub_listeners()), repr(guv.debug.format_hub_timers()))
        ts = [guv.spawn(guv.trampoline, r, 1), guv.spawn(guv.trampoline, r, 3), guv.spawn(guv.trampoline, r, 1)]
        settle()
        get_hub().add(1, w, print)
        text = guv.debug.format_hub_listeners()
        assert all(t.name in text for t in ts), text
        assert text.count(f"read {r}:") == 3 and text.count(f"write {r}:") == 1 and f"read {w}: calls " in text, text
        assert "File" not in text
        guv.debug.hub_listener_stacks(True)
        assert "wait_armed" in guv.debug.format_hub_listeners()
        """,
        "'' ''\n",
    ),
    "formatHubTimers_everyKind_isListedNextFirst": (
        """
        r, w = os.pipe()
        guv.spawn(guv.trampoline, r, 1, 40); guv.spawn(guv.sleep, 30); guv.gyield(); guv.gyield()
        get_hub().schedule_call_global(20, print)
        with guv.Timeout(10):
            lines = guv.debug.format_hub_timers().splitlines()
            times = [float(line.split()[1]) for line in lines]
            print([round(t, -1) for t in times])
            assert "Timeout" in lines[0] and "calls <built-in function print>" in lines[1] and "sleep" in lines[2], lines
            assert "trampoline" in lines[3], lines
            guv.debug.hub_timer_stacks(True)
            assert "sleep_until" in guv.debug.format_hub_timers()
        print(len(guv.debug.format_hub_timers().splitlines()) > 3)
        """,
        "[10.0, 20.0, 30.0, 40.0]\nTrue\n",
    ),
    "spawnTree_nestedSpawns_showsParentsPlacesAndForgetsTheEnded": (
        """
        import guv.greenpool
        guv.debug.track_spawns(); guv.debug.track_spawns()
        event = guv.event.Event()
        def leaf(): event.wait()
        def branch():
            guv.spawn(leaf); guv.spawn_n(leaf); guv.spawn_after(60, leaf); event.wait()
        guv.spawn(branch); guv.spawn(int); guv.sleep(0.001)
        top, = guv.debug.spawn_tree()
        print(top.name, len(top.children), len(top.children[0].children), top.children[0].stack[-1].name)
        print(guv.debug.format_spawn_tree().count("in branch"), guv.debug.format_spawn_tree().count("    "))
        event.send(); guv.sleep(0.001)
        print(guv.debug.format_spawn_tree().count("\\n"), guv.debug.spawn_tree()[0].name)
        guv.debug.track_spawns(False); guv.spawn(leaf); print(guv.debug.spawn_tree(), guv.spawn_n is guv.greenthread.spawn_n)
        """,
        "main 1 3 <module>\n3 7\n1 (ended)\n[] True\n",
    ),
    "spawnTree_patchedThreads_areGreenletsOfTheTree": (
        """
        guv.monkey_patch(); guv.debug.track_spawns()
        stop = threading.Event()
        def outer():
            inner = threading.Thread(target=stop.wait, name="inner"); inner.start(); inner.join()
        thread = threading.Thread(target=outer, name="outer"); thread.start(); guv.sleep(0.005)
        top, = guv.debug.spawn_tree()
        print(top.name, top.children[0].name, top.children[0].children[0].name); stop.set(); thread.join()
        """,
        "main outer inner\n",
    ),
    "hubExceptions_off_areNotReported": (
        """
        guv.debug.hub_exceptions(False)
        guv.spawn(lambda: 1 / 0); get_hub().schedule_call_now(lambda: 1 / 0); guv.sleep(0.001); print("quiet")
        """,
        "quiet\n",
    ),
    "hubPreventMultipleReaders_on_refusesASecondReaderOnly": (
        """
        r, w = os.pipe(); guv.debug.hub_prevent_multiple_readers()
        first = guv.spawn(guv.trampoline, r, 1); guv.gyield()
        try: guv.trampoline(r, 1)
        except RuntimeError as e: print("already for the same direction" in str(e), end=" ")
        other = guv.spawn(guv.trampoline, w, 2); os.write(w, b"x"); print(first.wait(), other.wait(), end=" ")
        guv.debug.hub_prevent_multiple_readers(False)
        print(sorted(t.wait() for t in [guv.spawn(guv.trampoline, r, 1) for _ in range(2)]))
        """,
        "True 1 2 [1, 1]\n",
    ),
    "deadlockDetection_rules_overrideTheHandlers": (
        """
        import signal
        signal.signal(signal.SIGUSR1, lambda *a: None)
        guv.debug.deadlock_detection(True)
        try: guv.event.Event().wait()
        except DeadlockError: print("raised", end=" ")
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        guv.debug.deadlock_detection(False)
        def rescue(): event.send("waited on")
        event = guv.event.Event()
        from guv._originals import start_new_thread, time_sleep
        start_new_thread(lambda h: (time_sleep(0.1), h.call_soon_threadsafe(rescue)), (get_hub(),))
        print(event.wait())
        """,
        "raised waited on\n",
    ),
    "statistics_countEventsTimersAndJobs": (
        """
        r, w = os.pipe(); os.write(w, b"x"); guv.trampoline(r, 1); guv.sleep(0.001)
        guv.spawn(guv.sleep, 60); guv.spawn(guv.trampoline, w, 1); guv.gyield(); guv.gyield(); guv.spawn(int)
        get_hub().poll(0)
        s = get_hub().statistics()
        print(s.turns > 1, s.events, s.timers_fired, s.timers, s.ready, s.waited_on, s.stale_events, s.jobs)
        try: s.turns = 1
        except AttributeError as e: print(type(e).__name__)
        def elsewhere(hub):
            try: hub.statistics()
            except WrongThreadError as e: print("only in its own thread" in str(e))
        t = threading.Thread(target=elsewhere, args=(get_hub(),)); t.start(); t.join()
        """,
        "True 1 1 1 1 1 0 0\nFrozenInstanceError\nTrue\n",
    ),
    "statistics_longestTurn_isKnownWhileBlockingIsWatched": (
        """
        guv.debug.hub_blocking_detection(True, 30)
        from guv._originals import time_sleep
        guv.gyield(); guv.sleep(0.001); time_sleep(0.02); guv.sleep(0.001)
        print(get_hub().statistics().longest_turn >= 0.02)
        """,
        "True\n",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_debug(case: str, script: Any) -> None:
    code, expected = CASES[case]
    assert script(HEAD + textwrap.dedent(code)) == expected


def test_spew_someLines_printsThemWithGreenletAndValuesUntilUnspew(script: Any) -> None:
    code = """
    import guv, guv.debug
    def work(n):
        doubled = n * 2
        return doubled
    def quiet():
        return 1
    guv.debug.spew(["__main__"], show_values=True)
    work(21)
    guv.spawn(work, 4).wait()
    guv.debug.unspew()
    quiet()
    """
    script(textwrap.dedent(code), stderr="__main__:5: ")
    script(textwrap.dedent(code), stderr="n=21")


def test_environment_GUV_LEAKS_reportsWhatIsLeftAtExit(script: Any, environment: dict[str, str]) -> None:
    environment["GUV_LEAKS"] = "1"
    code = """
    import os, guv
    r, w = os.pipe()
    def reader(): guv.trampoline(r, 1, 60)
    {}
    guv.gyield(); guv.gyield()
    """
    script(textwrap.dedent(code).format("guv.spawn(int)"))
    script(textwrap.dedent(code).format("guv.spawn(reader)"), stderr="1 greenlet has not ended:")
    script(textwrap.dedent(code).format("guv.spawn(reader)"), stderr="listeners that are left:\nread ")
    script(textwrap.dedent(code).format("guv.spawn(reader)"), stderr="timers that are left:\nin ")
    environment["GUV_LEAKS"] = "yes"
    script("import guv", status=1, stderr="GUV_LEAKS must be 0 or 1, not 'yes'")


def test_environment_GUV_TRACK_SPAWNS_givesGreenThreadsTheirSpawningStack(
    script: Any, environment: dict[str, str]
) -> None:
    program = """
        import guv
        def child(): pass
        def parent(): return guv.spawn(child)
        first = guv.spawn(parent)
        second = first.wait()
        print([frame.name for frame in second.spawning_stack][-1:], second.spawning_greenlet is first)
    """
    assert script(program) == "[] False\n"
    environment["GUV_TRACK_SPAWNS"] = "1"
    assert script(program) == "['parent'] True\n"
    environment["GUV_TRACK_SPAWNS"] = "2"
    script("import guv", status=1, stderr="GUV_TRACK_SPAWNS must be 0 or 1, not '2'")
