"""Signals reach the program as without guv: promptly, none lost, and nothing that Go installs is felt."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from typing import Any

import pytest

HEAD = """
import os, signal, socket, sys, threading, time
import guv
if sys.argv[1:2] != ["unpatched"]:
    guv.monkey_patch()
from guv import _originals as native
from guv.hubs.current import get_hub

def soon(number, delay=.02):
    "Send a signal from a native thread."
    native.start_new_thread(lambda: (native.time_sleep(delay), os.kill(os.getpid(), number)), ())
"""


def test_signal_inEachState_isHandledPromptly(script: Any) -> None:
    code = """
    import queue, select, subprocess
    class Term(BaseException):
        pass
    def terminate(*_):
        raise Term
    signal.signal(signal.SIGTERM, terminate)
    a, b = socket.socketpair()
    lock = threading.Lock()
    lock.acquire()
    forever = threading.Event()
    def join():
        thread = threading.Thread(target=forever.wait, daemon=True)
        thread.start()
        thread.join()
    program = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    spinning = []
    def spin():
        while spinning:
            guv.sleep(0)
    def busy():
        spinning[:] = [1]
        for _ in range(5):
            guv.spawn(spin)
        try:
            forever.wait()
        finally:
            spinning.clear()
    states = {
        "sleep": lambda: time.sleep(60),
        "recv": lambda: a.recv(1),
        "join": join,
        "Event.wait": forever.wait,
        "Queue.get": queue.Queue().get,
        "Lock.acquire": lock.acquire,
        "select": lambda: select.select([a], [], []),
        "subprocess": program.wait,
        "waitpid": lambda: os.waitpid(program.pid, 0),
        "guv's event": lambda: __import__("guv.event").event.Event().wait(),
        "busy hub": busy,
    }
    for name, state in states.items():
        for number, kind in (signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Term):
            sent = native.monotonic() + .02
            soon(number)
            try:
                state()
            except kind:
                assert native.monotonic() - sent < 2, (name, kind)
            else:
                raise AssertionError((name, kind))
    program.kill()
    program.wait()
    forever.set()
    a.close()
    b.close()
    """
    script(HEAD + _flat(code))


SENDER = """
import os, random, select, signal, sys, time
pid, count, seed, acks = map(int, sys.argv[1:])
choose = random.Random(seed)
for i in range(count):
    end = time.perf_counter() + choose.random() * 3e-4
    while time.perf_counter() < end:
        pass
    os.kill(pid, signal.SIGUSR1)
    if not select.select([acks], [], [], 15)[0]:
        sys.exit(f"signal {i} of {count} with seed {seed} was lost")
    os.read(acks, 1)
"""

STRESS = """
import random, subprocess
count, seed = int(sys.argv[2]), random.SystemRandom().randrange(1 << 30)
acks, ack = os.pipe()
handled = 0
def handler(*_):
    global handled
    handled += 1
    native.os_write(ack, b"a")
signal.signal(signal.SIGUSR1, handler)
sender = subprocess.Popen([sys.executable, "-S", "-c", sys.argv[3], str(os.getpid()), str(count), str(seed), str(acks)],
                          pass_fds=[acks])
choose = random.Random(seed)
a, b = socket.socketpair()
gate = threading.Lock()
def knock():
    for _ in range(3):
        with gate:
            guv.sleep(0)
def states():
    yield lambda: guv.sleep(0)
    yield lambda: guv.sleep(choose.random() / 5000)
    yield lambda: (b.send(b"x"), a.recv(1))
    yield lambda: [guv.spawn(knock) for _ in range(3)][-1].wait()
    yield lambda: sum(range(choose.randrange(5000)))
    yield lambda: guv.spawn(int).wait()
    def patience():
        with guv.Timeout(choose.random() / 5000, False):
            a.recv(1)
    yield patience
kinds = list(states())
while sender.poll() is None:
    choose.choice(kinds)()
assert sender.returncode == 0, sender.returncode
assert handled == count, (handled, count)
for it in a, b:
    it.close()
"""


def test_signals_500AtRandomMoments_noneIsLost(script: Any) -> None:
    script(HEAD + STRESS, "patched", "500", SENDER)


@pytest.mark.slow
def test_signals_10000AtRandomMoments_noneIsLost(script: Any) -> None:
    script(HEAD + STRESS, "patched", "10000", SENDER, deadline=58)


def test_handler_spawnsPutsSetsRaises_asAnyCode(script: Any) -> None:
    code = """
    import queue
    box, ready, ran = queue.Queue(), threading.Event(), []
    def handler(number, frame):
        guv.spawn(ran.append, number)
        box.put(number)
        ready.set()
        time.sleep(.001)                 # even wait
        raise LookupError(number)
    signal.signal(signal.SIGUSR1, handler)
    for wait in lambda: time.sleep(60), lambda: [guv.sleep(0) for _ in iter(int, 1)]:
        soon(signal.SIGUSR1)
        try:
            wait()
        except LookupError as error:
            assert error.args == (signal.SIGUSR1,)
        assert box.get() == signal.SIGUSR1 and ready.is_set()
        guv.sleep(0)
        ready.clear()
    assert ran == [signal.SIGUSR1] * 2
    """
    script(HEAD + _flat(code))


def test_handler_whileMainWaits_actsForTheMainThread(script: Any) -> None:
    code = """
    import asyncio
    own, lock, seen = threading.local(), threading.RLock(), []
    own.name = "main"
    async def main():
        ready = asyncio.Event()
        def handler(*_):
            with lock:
                own.met = True
                seen.append((threading.current_thread() is threading.main_thread(), own.name))
            asyncio.get_running_loop().call_soon_threadsafe(ready.set)
        signal.signal(signal.SIGUSR1, handler)
        soon(signal.SIGUSR1)
        await ready.wait()
        green = threading.Timer(.01, os.kill, (os.getpid(), signal.SIGUSR1))
        ready.clear()
        green.start()
        await ready.wait()
    with lock:
        asyncio.run(main())
    print(seen, own.name, own.met)
    """
    out = script(HEAD + _flat(code))
    assert out == "[(True, 'main'), (True, 'main')] main True\n"


@pytest.mark.parametrize("order", ["before the hub", "after"])
def test_setWakeupFd_ofTheProgram_getsEverySignal(script: Any, order: str) -> None:
    code = """
    signal.signal(signal.SIGUSR1, lambda *_: None)
    out, into = socket.socketpair()
    into.setblocking(False)
    if sys.argv[2] == "after":
        guv.sleep(0)
    assert signal.set_wakeup_fd(into.fileno()) == -1
    for _ in range(3):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert out.recv(9) == bytes([signal.SIGUSR1])
    assert signal.set_wakeup_fd(-1) == into.fileno()
    os.kill(os.getpid(), signal.SIGUSR1)
    guv.sleep(.01)
    out.setblocking(False)
    try:
        raise AssertionError(out.recv(9))
    except BlockingIOError:
        pass
    out.close()
    into.close()
    """
    script(HEAD + _flat(code), "patched", order)


def test_loading_dispositionsMasksAndLimits_areAsBefore(script: Any) -> None:
    code = """
    import ctypes, resource
    class Action(ctypes.Structure):
        _fields_ = [("handler", ctypes.c_void_p), ("mask", ctypes.c_uint64 * 16), ("flags", ctypes.c_int),
                    ("restorer", ctypes.c_void_p)]
    libc = ctypes.CDLL(None)
    def state():
        found = {}
        for number in sorted(signal.valid_signals()):
            action = Action()
            if libc.sigaction(int(number), None, ctypes.byref(action)) == 0:
                found[int(number)] = (action.handler, action.flags & 0xffffffff)
        with open("/proc/self/status") as status:
            found["masks"] = [line for line in status if line.startswith(("SigBlk", "SigIgn", "ShdPnd"))]
        found["limits"] = [resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")]
        return found
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    signal.signal(signal.SIGURG, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, lambda *_: None)
    before = state()
    guv.sleep(.001)
    native.time_sleep(.05)               # the runtime starts on a thread of its own
    guv.sleep(.001)
    after = state()
    if os.environ["GUV_HUB"] == "hub":   # Go turns these into panics, and passes on what is not its own
        for number in signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE:
            del before[number], after[number]
    changed = {key: (value, after[key]) for key, value in before.items() if value != after[key]}
    assert not changed, changed
    """
    script(HEAD + _flat(code))


def test_timersAndChildren_handlersOfTheProgram_areCalled(script: Any) -> None:
    code = """
    import subprocess
    seen = {}
    def handler(number, frame):
        seen[number] = seen.get(number, 0) + 1
    for number in signal.SIGCHLD, signal.SIGALRM, signal.SIGPROF, signal.SIGVTALRM:
        signal.signal(number, handler)
    assert subprocess.run(["true"]).returncode == 0
    while signal.SIGCHLD not in seen:
        guv.sleep(.001)
    signal.setitimer(signal.ITIMER_REAL, .01)
    while signal.SIGALRM not in seen:
        time.sleep(1)                    # is not ended by it, as the manual says
        break
    assert seen[signal.SIGALRM] == 1
    signal.setitimer(signal.ITIMER_PROF, .002, .002)
    signal.setitimer(signal.ITIMER_VIRTUAL, .002, .002)
    def burn():
        while min(seen.get(signal.SIGPROF, 0), seen.get(signal.SIGVTALRM, 0)) < 5:
            sum(range(1000))
            guv.sleep(0)
    guv.spawn(burn).wait()
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    a, b = socket.socketpair()
    b.close()
    for _ in range(2):                   # SIGPIPE stays ignored
        try:
            a.send(b"x")
            raise AssertionError
        except BrokenPipeError:
            pass
    a.close()
    shown = subprocess.run(["sh", "-c", "kill -PIPE $$; echo alive"], capture_output=True)
    assert shown.returncode == -signal.SIGPIPE and not shown.stdout, shown      # and children get the default
    """
    script(HEAD + _flat(code))


def test_twoFastTimers_duringYields_doNotNestUntilTheStackIsFull(script: Any) -> None:
    code = """
    seen = {}
    def handler(number, frame):
        seen[number] = seen.get(number, 0) + 1
    numbers = signal.SIGPROF, signal.SIGVTALRM, signal.SIGALRM
    for number in numbers:
        signal.signal(number, handler)
    timers = signal.ITIMER_PROF, signal.ITIMER_VIRTUAL, signal.ITIMER_REAL
    for timer in timers:
        signal.setitimer(timer, .0005, .0005)
    def burn():
        while min(seen.get(number, 0) for number in numbers) < 20:
            for _ in range(20):
                guv.sleep(0)
    guv.spawn(burn).wait()
    for timer in timers:
        signal.setitimer(timer, 0)
    """
    script(HEAD + _flat(code))


def test_cProfile_overGreenlets_countsCalls(script: Any) -> None:
    code = """
    import cProfile, pstats
    def leaf():
        guv.sleep(0)
    def work():
        for _ in range(10):
            leaf()
    profile = cProfile.Profile()
    profile.enable()
    for g in [guv.spawn(work) for _ in range(5)]:
        g.wait()
    profile.disable()
    calls = {name: entry[1] for (_, _, name), entry in pstats.Stats(profile).stats.items()}
    assert calls["leaf"] == 50 and calls["work"] == 5, calls
    """
    script(HEAD + _flat(code))


def test_faulthandler_dumpOnSignal_showsThePythonStack(script: Any) -> None:
    code = """
    import faulthandler
    faulthandler.register(signal.SIGUSR2)
    sent = []
    def waits_here():
        while not sent:
            time.sleep(.001)
    def send():
        os.kill(os.getpid(), signal.SIGUSR2)
        sent.append(1)
    native.start_new_thread(send, ())
    waits_here()
    """
    script(HEAD + _flat(code), stderr="waits_here")


def test_faulthandler_crash_isReportedAndEndsByTheSignal(script: Any) -> None:
    code = """
    import faulthandler
    faulthandler.enable()
    guv.sleep(.001)
    def crashes_here():
        faulthandler._sigsegv()
    crashes_here()
    """
    script(HEAD + _flat(code), status=-signal.SIGSEGV, stderr="crashes_here")


PY_SPY = shutil.which("py-spy", path=os.pathsep.join((os.path.dirname(sys.executable), os.environ.get("PATH", ""))))


@pytest.mark.skipif(PY_SPY is None, reason="py-spy is not installed")
def test_pySpy_ofAParkedProgram_showsItsStack(script: Any) -> None:
    code = """
    import subprocess
    def waits_here():
        for _ in range(20):                      # at some moments it is the hub that runs
            shown = subprocess.run([sys.argv[2], "dump", "--pid", str(os.getpid())], capture_output=True, text=True)
            if "waits_here" in shown.stdout or "not permitted" in shown.stderr.lower():
                print("seen")
                return
        print(shown)
    waits_here()
    """
    assert script(HEAD + _flat(code), "patched", str(PY_SPY)) == "seen\n"


def _flat(code: str) -> str:
    import textwrap

    return textwrap.dedent(code)
