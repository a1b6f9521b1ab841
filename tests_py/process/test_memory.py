"""Memory, threads and descriptors stay what they are over many operations of every kind: the Go part allocates nothing
per operation, and what hubs and lookups leave behind is collected."""

from __future__ import annotations

from typing import Any

import pytest

#: Arguments: how many operations of the cheap kinds; the dear ones are done less often.
PROGRAM = """
import gc, os, resource, socket, sys
import guv
guv.monkey_patch()
from guv._originals import start_new_thread
from guv.const import READ
from guv.hubs.current import all_hubs, get_hub
from guv.testing._leaks import open_descriptors

hub = get_hub()

def waits(n):
    "Each byte is waited for, on owned sockets by recv and on a foreign descriptor by trampoline."
    def echo():
        while data := b.recv(9):
            b.sendall(data)
    a, b = socket.socketpair()
    r, w = os.pipe()
    served = guv.spawn(echo)
    for _ in range(n // 4):
        a.sendall(b"x")
        a.recv(9)
        guv.spawn_n(os.write, w, b"y")
        guv.trampoline(r, READ)
        os.read(r, 9)
    a.close()
    served.wait()
    b.close(), os.close(r), os.close(w)

def timers(n):
    "Half of them come to their end, half are cancelled; with a thousand others that are armed all the time."
    def nap(times):
        for _ in range(times):
            guv.sleep(1e-6)
            with guv.Timeout(60):
                guv.gyield()
            hub.schedule_call_global(60, int).cancel()
    armed = [hub.schedule_call_global(3600, int) for _ in range(1000)]
    for each in [guv.spawn(nap, n // 300) for _ in range(100)]:
        each.wait()
    for timer in armed:
        timer.cancel()

def spawns(n):
    for _ in range(n // 100):
        for each in [guv.spawn(int) for _ in range(90)]:
            each.wait()
        for each in [guv.spawn(guv.sleep, 60) for _ in range(10)]:
            guv.gyield()
            each.kill()

def descriptors(n):
    "Each is registered and waited for until the peer goes or it is closed; the numbers are used again and again."
    def read(sock):
        try:
            guv.with_timeout(60, sock.recv, 1)
        except OSError:
            pass
    for i in range(n // 10):
        a, b = socket.socketpair()
        waiting = guv.spawn(read, a)
        guv.gyield()
        if i % 2:
            a.close()
        else:
            b.close()
        waiting.wait()
        a.close(), b.close()

def calls(n):
    left = [n // 10]
    def send():
        while left[0] > 0:
            if len(hub.mail) < 1000:
                left[0] -= 1
                hub.call_soon_threadsafe(int)
    start_new_thread(send, ())
    while left[0] > 0:
        guv.sleep(.001)

def lookups(n):
    def look():
        for _ in range(n // 2000):
            socket.getaddrinfo("localhost", 80)
    for each in [guv.spawn(look) for _ in range(10)]:
        each.wait()

def hubs(n):
    ended = []
    def run():
        guv.sleep(1e-6)
        ended.append(1)
    for i in range(n // 2000):
        start_new_thread(run, ())
        while i - len(ended) > 6:
            guv.sleep(.0005)
    while len(all_hubs()) > 1 or len(ended) < n // 2000:
        guv.sleep(.001)

KINDS = waits, timers, spawns, descriptors, calls, lookups, hubs

def state():
    gc.collect()
    with open("/proc/self/statm") as statm:
        resident = int(statm.read().split()[1]) * resource.getpagesize()
    return resident, len(os.listdir("/proc/self/task")), len(open_descriptors())

def once(n):
    for kind in KINDS:
        kind(n)
        print(kind.__name__, n, *state(), file=log, flush=True)

log = open(sys.argv[2], "w") if sys.argv[2:] else open(os.devnull, "w")
total = int(sys.argv[1])
once(max(total // 10, 20_000))       # all caches and pools get their size
before = state()
once(total)
after = state()
log.close()
assert after[0] - before[0] < 16 << 20, (before, after)      # Go collects when 8 MiB of garbage are there
assert after[1] - before[1] < 8 and after[2] == before[2], (before, after)
"""


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_operationsOfEveryKind_100000OfEach_leaveNothing(script: Any) -> None:
    script(PROGRAM, "100000", deadline=220)
