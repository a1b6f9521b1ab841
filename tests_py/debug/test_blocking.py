"""The detection of a blocked hub, on both hubs, in fresh processes. The thresholds are small, and nothing depends on
how late a report is."""

from __future__ import annotations

from typing import Any

HEAD = """
import os, sys, time, threading
import guv, guv.debug
from guv._originals import allocate_lock, monotonic, time_sleep

seen, rung = [], allocate_lock()
rung.acquire()

def note(block):
    seen.append(block)
    rung.release()

def spin():
    while not seen:      # pure Python, which never yields
        pass

"""


def test_hubBlockingDetection_greenletSpins_isNamedWithItsLineAndStack(script: Any) -> None:
    code = """
    guv.debug.hub_blocking_detection(True, 0.02, note)
    spinner = guv.spawn(spin)
    spinner.wait()
    block, = seen
    assert block.seconds >= 0.02 and not block.over and block.thread == "MainThread", block
    assert block.ident == threading.get_ident() and block.greenlet is spinner
    assert block.function == "spin" and block.filename == __file__ and block.line in (14, 15), block
    assert [call.name for call in block.stack][-1] == "spin"
    assert "in spin" in str(block) and "is blocked for" in str(block)
    """
    script(HEAD + _flat(code))


def test_hubBlockingDetection_patchedProgram_namesTheThreadThatBlocks(script: Any) -> None:
    code = """
    guv.monkey_patch()
    guv.debug.hub_blocking_detection(True, 0.02, note)
    thread = threading.Thread(target=spin, name="spinner")
    thread.start()
    thread.join()
    assert seen[0].function == "spin" and seen[0].name == "greenlet spinner" and seen[0].thread == "MainThread", seen
    """
    script(HEAD + _flat(code))


def test_hubBlockingDetection_callThatKeepsTheGil_isFoundOnItsReturn(script: Any) -> None:
    code = """
    guv.debug.hub_blocking_detection(True, 0.02, note)
    guv.gyield()
    def slow():
        while not seen:
            sum(range(3_000_000))       # keeps the GIL for some tens of milliseconds
    guv.spawn(slow).wait()
    assert seen[0].function == "slow", seen
    """
    script(HEAD + _flat(code))


def test_hubBlockingDetection_blockingCall_isReportedOnceWhileItLasts(script: Any) -> None:
    code = """
    def wait():
        rung.acquire()                  # a native lock: the report comes while it blocks, and ends it
        time_sleep(0.1)                 # no second report of this turn
    def again():
        rung.acquire()
    def note_these(block):              # not that a slow machine stops this program somewhere else
        if block.function in ("wait", "again"):
            note(block)
    guv.debug.hub_blocking_detection(True, 0.01, note_these)
    guv.gyield()
    guv.spawn(wait).wait()
    guv.spawn(again).wait()
    assert [block.function for block in seen] == ["wait", "again"], seen
    """
    script(HEAD + _flat(code))


def test_hubBlockingDetection_hubWaitsOrTurns_reportsNothing(script: Any) -> None:
    code = """
    guv.debug.hub_blocking_detection(True, 0.5, note)
    longest = 0
    def watched(wait, seconds):
        global longest
        began = monotonic()
        wait(seconds)
        longest = max(longest, monotonic() - began - seconds)
    watched(guv.sleep, 1.2)
    for _ in range(1000): watched(guv.sleep, 0)
    print(len(seen) if longest < 0.2 else 0)    # else the machine has stopped this program, which is reported rightly
    """
    assert script(HEAD + _flat(code)) == "0\n"


def test_hubBlockingDetection_turnedOff_reportsNothingAndLeavesNoThreadOrDescriptor(script: Any) -> None:
    code = """
    guv.gyield()
    from guv._originals import thread_count
    def pipes():    # Go's runtime makes an epoll and an eventfd, once, for its first timer
        with os.scandir("/proc/self/fd") as found:
            return [f.name for f in found if "pipe:" in os.readlink(f.path)]
    before = pipes()
    for _ in range(3):
        guv.debug.hub_blocking_detection(True, 20, note)
        guv.debug.hub_blocking_detection(True, 10, note)     # in place of the first
        guv.debug.hub_blocking_detection(False)
        guv.debug.hub_blocking_detection()
    time_sleep(0.05)
    deadline = monotonic() + 20
    while thread_count() and monotonic() < deadline: time_sleep(0.001)
    print(thread_count(), pipes() == before, seen)
    """
    assert script(HEAD + _flat(code)) == "0 True []\n"


def test_leakCheck_goRuntimeMakesItsTimer_isNoLeak(script: Any) -> None:
    code = """
    from guv.testing import leak_check
    guv.gyield()
    with leak_check():
        guv.debug.hub_blocking_detection(True, 0.02, note)   # Go's first timer, for which it opens two descriptors
        guv.spawn(spin).wait()
        guv.debug.hub_blocking_detection(False)
        while any("pipe:" in what for what in open_descriptors().values() if what not in before): time_sleep(0.001)
    """
    head = "from guv.testing._leaks import open_descriptors\nguv.gyield()\nbefore = set(open_descriptors().values())\n"
    script(HEAD + head + _flat(code))


def test_hubBlockingDetection_otherThreadsHub_isWatchedToo(script: Any) -> None:
    code = """
    guv.debug.hub_blocking_detection(True, 0.02, note)
    def other():
        guv.gyield()                    # makes a hub
        spin()
    thread = threading.Thread(target=other, name="worker")
    thread.start()
    thread.join()
    assert seen[0].thread == "worker" and seen[0].name == "the main greenlet", seen
    """
    script(HEAD + _flat(code))


def test_hubBlockingDetection_forkedChild_isWatchedByAThreadOfItsOwn(script: Any) -> None:
    code = """
    guv.debug.hub_blocking_detection(True, 0.02, note)
    guv.gyield()
    pid = os.fork()
    if not pid:
        del seen[:]
        try:
            guv.gyield()
            guv.spawn(spin).wait()
            os._exit(0 if seen[0].function == "spin" else 1)
        finally:
            os._exit(2)
    assert os.waitpid(pid, 0) == (pid, 0)
    """
    script(HEAD + _flat(code))


def test_hubBlockingDetection_reportRaises_isToldAndTheWatchGoesOn(script: Any) -> None:
    code = """
    def fail(block):
        note(block)
        raise KeyError("in the report")
    guv.debug.hub_blocking_detection(True, 0.02, fail)
    for _ in range(2):
        del seen[:]
        guv.spawn(spin).wait()
    guv.debug.hub_blocking_detection(False)
    """
    script(HEAD + _flat(code), stderr="KeyError: 'in the report'")


def test_hubBlockingDetection_wrongResolution_isRefused(script: Any) -> None:
    code = """
    for wrong in 0, -1, float("nan"):
        try:
            guv.debug.hub_blocking_detection(True, wrong)
        except ValueError as error:
            print(error)
    """
    assert script(HEAD + _flat(code)).count("positive number of seconds") == 3


def test_environment_GUV_BLOCKED_MS_printsTheStackOrRefusesTheValue(script: Any, environment: dict[str, str]) -> None:
    code = """
    import guv
    guv.gyield()
    def block():
        from guv._originals import time_sleep
        for _ in range(8): time_sleep(0.05)
    guv.spawn(block).wait()
    """
    environment["GUV_BLOCKED_MS"] = "50"
    script(_flat(code), stderr="by greenlet GreenThread-")
    environment["GUV_BLOCKED_MS"] = "soon"
    script("import guv", status=1, stderr="GUV_BLOCKED_MS must be a positive number of milliseconds, not 'soon'")


def _flat(code: str) -> str:
    import textwrap

    return textwrap.dedent(code)
