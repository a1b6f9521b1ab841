"""Everything at once, for a long time: what breaks under load, in combination, or slowly.

    tools/soak.py --seconds 600 [--seed N] [--pairs 1000]      or: make soak [SECONDS=600]

In one patched process a server and its clients exchange data over TCP, two sockets for each pair; clients close, reset,
half-close, time out and are killed at random. Meanwhile the process forks, runs programs, gets signals, looks names up,
has native threads work for it, and starts native threads that have hubs. The time is divided into rounds; at the end of
each everything is brought to rest, and then there must be as many descriptors, greenlets, timers, registrations and
threads as before, and memory must not grow from the second round on.

Every byte is accounted for: what comes back is compared, and of connections that end in order both sides must have
counted the same. Whoever makes no progress for HANG seconds is a failure, and all stacks are printed. The seed is
printed first; it decides what happens, though not in which order.
"""

from __future__ import annotations

import guv

guv.monkey_patch()

import argparse  # noqa: E402
import errno  # noqa: E402
import faulthandler  # noqa: E402
import gc  # noqa: E402
import hashlib  # noqa: E402
import os  # noqa: E402
import random  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import struct  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Callable  # noqa: E402

from greenlet import GreenletExit, greenlet  # noqa: E402

from guv import _originals, tpool  # noqa: E402
from guv.event import TEvent  # noqa: E402
from guv.hubs.current import all_hubs, get_hub  # noqa: E402
from guv.testing._leaks import open_descriptors  # noqa: E402

HANG = 60.0  # seconds without progress
ROUND = 15.0  # seconds, at least
WARM_UP = 1  # rounds after which memory counts
SLACK = 24 << 20  # bytes that memory may differ: the allocators of C, Python and Go keep some back
LINGER_NOT = struct.pack("ii", 1, 0)  # close() resets the connection

counts: Counter[str] = Counter()
failures: list[str] = []


def fail(what: str) -> None:
    """Note a failure; the soak goes on to the end of its round."""
    failures.append(what)
    print(f"FAILED: {what}", flush=True)


# ---- the server: it echoes, counts, and says at the end how much it has got


def serve(listener: socket.socket, running: set[greenlet]) -> None:
    """Accept until the listener is closed."""
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        running.add(guv.spawn(echo, sock, running))


def echo(sock: socket.socket, running: set[greenlet]) -> None:
    """One connection: send back what comes; after the client's half-close, the count of it."""
    got = 0
    try:
        with sock:
            while data := sock.recv(65536):
                got += len(data)
                counts["server bytes"] += len(data)
                sock.sendall(data)
            sock.sendall(struct.pack("!Q", got))
    except OSError:
        pass  # the client has gone, as clients do here
    finally:
        running.discard(guv.hubs.switch.getcurrent())


# ---- the clients


class Client:
    """A greenlet that connects, talks and ends a connection in some way, again and again."""

    def __init__(self, address: tuple[str, int], seed: str) -> None:
        self.address = address
        self.random = random.Random(seed)
        self.progress = time.monotonic()
        self.doing = "nothing"
        self.sock: socket.socket | None = None  # the connection of the moment
        self.stopping = False
        self.thread = guv.spawn(self.run)

    def run(self) -> None:
        """Until stopped. A kill ends a connection, not the client."""
        while not self.stopping:
            try:
                with socket.create_connection(self.address) as sock:
                    self.talk(sock)
            except GreenletExit:
                counts["killed"] += 1
            except (ConnectionError, BrokenPipeError):
                counts["connection errors"] += 1
            self.progress = time.monotonic()

    def talk(self, sock: socket.socket) -> None:
        """Exchange some messages, then end the connection."""
        choose = self.random
        self.sock = sock
        sent = 0
        for _ in range(choose.randrange(1, 12)):
            self.progress = time.monotonic()
            if self.stopping:
                break
            what = choose.random()
            if what < 0.25:
                self.doing = "sleep"
                guv.sleep(choose.expovariate(20))
            elif what < 0.35:
                self.doing = "time out"
                sock.settimeout(choose.uniform(0.0005, 0.02))
                try:
                    fail(f"{len(sock.recv(1))} bytes of nothing")
                except TimeoutError:
                    counts["timeouts"] += 1
                sock.settimeout(None)
            else:
                self.doing = "echo"
                size = choose.choice((1, 10, 100, 1000, 10_000, 100_000)) * choose.randrange(1, 4)
                message = choose.randbytes(min(size, 4096)) * (size // 4096 + 1)
                sender = None
                if len(message) > 50_000:  # more than the buffers take: write and read side by side
                    sender = guv.spawn(sock.sendall, message)
                else:
                    sock.sendall(message)
                sent += len(message)
                try:
                    if receive(sock, len(message)) != message:
                        fail("what came back is not what was sent")
                    if sender is not None:
                        sender.wait()
                finally:
                    if sender is not None:
                        sender.kill()
                counts["echoed bytes"] += len(message)
                counts["echoes"] += 1
        self.doing = "end"
        what = choose.random()
        if what < 0.6:
            sock.shutdown(socket.SHUT_WR)
            (got,) = struct.unpack("!Q", receive(sock, 8))
            if got != sent:
                fail(f"the server got {got} bytes of {sent}")
            if sock.recv(1):
                fail("data after the end")
            counts["orderly ends"] += 1
        elif what < 0.8:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            counts["resets"] += 1
        else:
            counts["closes"] += 1


def receive(sock: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes."""
    pieces = []
    while size:
        piece = sock.recv(min(size, 65536))
        if not piece:
            raise ConnectionResetError(errno.ECONNRESET, "the end came too early")
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


# ---- what happens meanwhile


def fork(choose: random.Random) -> None:
    """A child that uses what it inherits, sleeps, spawns, looks a name up, and sometimes forks itself."""
    ours, theirs = socket.socketpair()
    text = choose.randbytes(1000)
    deep = choose.random() < 0.3
    pid = os.fork()
    if not pid:
        status = 1
        try:
            theirs.sendall(receive(theirs, len(text)))
            guv.spawn(guv.sleep, 0.001).wait()
            socket.getaddrinfo("localhost", 80)
            if deep:
                grandchild = os.fork()
                if not grandchild:
                    guv.sleep(0.001)
                    os._exit(0)
                if os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]):
                    os._exit(2)
            status = 0
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            os._exit(status)
    with ours, theirs:
        ours.sendall(text)
        if receive(ours, len(text)) != text:
            fail("a child sent something else back")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        fail(f"a forked child ended with {status}")


def run_program(choose: random.Random) -> None:
    """A program that data goes through, or one that is killed."""
    if choose.random() < 0.2:
        with subprocess.Popen(["sleep", "60"]) as program:
            guv.sleep(choose.random() / 100)
            program.kill()
        if program.returncode != -signal.SIGKILL:
            fail(f"a killed program ended with {program.returncode}")
        return
    text = choose.randbytes(choose.randrange(200_000))
    output = subprocess.run(["cat"], input=text, stdout=subprocess.PIPE, check=True, timeout=HANG).stdout
    if output != text:
        fail(f"cat gave {len(output)} bytes of {len(text)}")


handled = TEvent()


def on_signal(*_: object) -> None:
    """A handler that wakes someone, starts a greenlet and sometimes waits."""
    counts["signals handled"] += 1
    guv.spawn(guv.sleep, 0)
    if counts["signals handled"] % 10 == 0:
        guv.sleep(0)
    handled.set()


def send_signal(choose: random.Random) -> None:
    """A signal, from ourselves or by the timer, whose handler must run."""
    handled.clear()
    if choose.random() < 0.5:
        os.kill(os.getpid(), signal.SIGUSR1)
    else:
        signal.setitimer(signal.ITIMER_REAL, choose.uniform(0.0001, 0.01))
    if not handled.wait(HANG):
        fail("a signal was lost")


def look_up(choose: random.Random) -> None:
    """A name or an address, sometimes given up."""
    with guv.Timeout(choose.choice((None, 0.001, 30)), False):
        if choose.random() < 0.5:
            if not socket.getaddrinfo("localhost", choose.randrange(1, 65536), type=socket.SOCK_STREAM):
                fail("localhost has no address")
        else:
            socket.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICSERV)


def work_natively(choose: random.Random) -> None:
    """A job in the pool of native threads, sometimes given up."""
    text = choose.randbytes(5000)
    with guv.Timeout(choose.choice((None, 0.0005, 30)), False):
        if tpool.execute(lambda: hashlib.sha256(text).digest()) != hashlib.sha256(text).digest():
            fail("a native thread has miscalculated")


def start_thread(choose: random.Random) -> None:
    """A native thread with a hub of its own, which calls back."""
    hub, answer, number = get_hub(), TEvent(), choose.random()
    results: list[float] = []

    def run() -> None:
        sleeper = guv.spawn(guv.sleep, number / 100)
        guv.sleep(0)
        sleeper.wait()
        results.append(number)
        hub.call_soon_threadsafe(answer.set)

    _originals.start_new_thread(run, ())
    if not answer.wait(HANG) or results != [number]:
        fail("a native thread did not answer")


def race_timeout(choose: random.Random) -> None:
    """A timeout and what it is for, at the same moment."""
    delay = choose.random() / 500
    waiter = guv.spawn(guv.sleep, delay)
    with guv.Timeout(delay, False):
        waiter.wait()
    waiter.kill()


MEANWHILE: dict[str, tuple[Callable[[random.Random], None], float]] = {  # and how often a second
    "forks": (fork, 3),
    "programs": (run_program, 3),
    "signals": (send_signal, 20),
    "lookups": (look_up, 20),
    "pool jobs": (work_natively, 30),
    "threads": (start_thread, 5),
    "timeouts raced": (race_timeout, 100),
}


class Worker:
    """Does one of the things in `MEANWHILE` again and again."""

    def __init__(self, name: str, seed: str) -> None:
        self.name = self.doing = name
        self.random = random.Random(seed)
        self.stopping = False
        self.progress = time.monotonic()
        self.thread = guv.spawn(self.run)

    def run(self) -> None:
        """Until stopped."""
        act, rate = MEANWHILE[self.name]
        while not self.stopping:
            act(self.random)
            counts[self.name] += 1
            self.progress = time.monotonic()
            guv.sleep(self.random.expovariate(rate))


# ---- rounds


def at_rest() -> dict[str, int]:
    """What must be the same after each round."""
    gc.collect()
    hub = get_hub()
    return {
        "descriptors": len(open_descriptors()),
        "greenlets": sum(isinstance(o, greenlet) and not o.dead for o in gc.get_objects()),
        "timers": len(hub.timers) - len(hub.free),
        "registrations": len(hub.fds),
        "hubs": len(all_hubs()),
        "native threads of Python": _originals.thread_count(),
    }


def memory() -> int:
    """Bytes that are resident."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def one_round(number: int, seconds: float, seed: int, pairs: int) -> None:
    """Start everything, let it go on for `seconds`, and bring it to rest."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    connections: set[greenlet] = set()
    server = guv.spawn(serve, listener, connections)
    address = listener.getsockname()
    busy: list[Client | Worker] = [Client(address, f"{seed} {number} {i}") for i in range(pairs)]
    clients = busy[:]
    busy += [Worker(name, f"{seed} {number} {name}") for name in MEANWHILE]
    choose = random.Random(f"{seed} {number}")
    end = time.monotonic() + seconds
    while time.monotonic() < end and len(failures) < 20:
        faulthandler.dump_traceback_later(2 * HANG, exit=True)
        guv.sleep(0.05)
        for _ in range(choose.randrange(5)):
            victim = choose.choice(clients)
            if victim.thread and not victim.stopping:
                victim.thread.kill()
        look_for_hangs(busy)
    for one in busy:
        one.stopping = True
    while any(not one.thread.dead for one in busy):
        guv.sleep(0.05)
        if not look_for_hangs(busy):
            break
    listener.close()
    server.wait()
    with guv.Timeout(HANG, False):
        while connections:
            guv.sleep(0.01)
    if connections:
        fail(f"{len(connections)} connections of the server have not ended")


def look_for_hangs(busy: list[Client | Worker]) -> bool:
    """False if somebody who has not ended makes no progress."""
    now = time.monotonic()
    hung = [one for one in busy if now - one.progress > HANG and not one.thread.dead]
    if hung:
        fail(f"{len(hung)} make no progress, the first one with {hung[0].doing}")
        for one in hung[:5]:
            frame = one.thread.gr_frame
            while frame is not None:
                print(f"    {frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}")
                frame = frame.f_back
            if isinstance(one, Client) and one.sock is not None:
                print(f"    {describe(one.sock)}")
            print()
    return not hung


def describe(sock: socket.socket) -> str:
    """What the hub believes of a socket, and what the kernel says."""
    fd = sock.fileno()
    known = get_hub().fds.get(fd)
    poll = _originals.poll()
    poll.register(fd)
    hints = "" if known is None else f", readable {known.readable}, writable {known.writable}, error {known.error}"
    return f"{sock!r}: the hub knows {known!r}{hints}; the kernel says {poll.poll(0)}"


def main() -> int:
    """Run the rounds; the exit status is 1 if anything failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--pairs", type=int, default=1000, help="of sockets")
    options = parser.parse_args()
    print(
        f"seed {options.seed}, {options.seconds:.0f} s, {2 * options.pairs} sockets, {type(get_hub()).__module__}",
        flush=True,
    )
    for number in signal.SIGUSR1, signal.SIGALRM:
        signal.signal(number, on_signal)
    tpool.IDLE_SECONDS = 0.2

    began = time.monotonic()
    rounds = max(3, int(options.seconds // max(ROUND, options.seconds / 12)))
    rest: dict[str, int] = {}
    sizes = []
    for number in range(rounds):
        one_round(number, options.seconds / rounds, options.seed, options.pairs)
        deadline = time.monotonic() + 10
        while True:  # native threads take their time to end
            guv.sleep(0.3)
            now = at_rest()
            if not rest or now == rest or time.monotonic() > deadline:
                break
        sizes.append(memory())
        print(f"round {number + 1} of {rounds}: {sizes[-1] >> 20} MiB, {now}", flush=True)
        if number >= WARM_UP and now != rest:
            fail(f"after round {number + 1} there are {now}, where {rest} were before")
        rest = rest if number > WARM_UP else now
        if failures:
            break
    faulthandler.cancel_dump_traceback_later()
    if len(sizes) > WARM_UP + 1 and sizes[-1] - sizes[WARM_UP] > SLACK:
        fail(f"memory has grown by {(sizes[-1] - sizes[WARM_UP]) >> 20} MiB: {[size >> 20 for size in sizes]} MiB")
    print(f"{time.monotonic() - began:.0f} s: " + ", ".join(f"{n:,} {what}" for what, n in sorted(counts.items())))
    print(f"{len(failures)} failures, seed {options.seed}" if failures else f"all well, seed {options.seed}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
