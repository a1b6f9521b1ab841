"""A forked child has the forking greenlet and nothing else; parent and child don't disturb each other."""

from __future__ import annotations

from typing import Any

import pytest

HEAD = """
import os, socket, sys
import guv

if sys.argv[1:] != ["unpatched"]:
    guv.monkey_patch()

def work():
    guv.sleep(.001)
    a, b = socket.socketpair()
    with a, b:
        guv.spawn(b.sendall, b"hello").wait() if sys.argv[1:] else guv.spawn(b.sendall, b"hello")
        assert a.recv(5) == b"hello"

def child(function, *args):
    pid = os.fork()
    if not pid:
        try:
            function(*args)
            status = 0
        except BaseException:
            import traceback
            traceback.print_exc()
            status = 1
        os._exit(status)
    return pid

def reap(pid):
    assert os.waitpid(pid, 0) == (pid, 0)
"""


@pytest.mark.parametrize("patched", [[], ["unpatched"]])
def test_fork_nested20Deep_eachChildHasAWorkingHub(script: Any, patched: list[str]) -> None:
    code = """
    def nest(depth):
        work()
        if depth:
            reap(child(nest, depth - 1))
        work()
    nest(20)
    """
    script(HEAD + _flat(code), *patched)


def test_fork_childInheritsSocket_usesItAtOnce(script: Any) -> None:
    code = """
    a, b = socket.socketpair()
    waiter = guv.spawn(b.recv, 1)   # registered in the parent's loop, and waited for
    guv.sleep(.001)
    waiter.kill()
    pid = child(lambda: b.sendall(b"got " + b.recv(1)))
    a.sendall(b"2")
    reap(pid)
    assert a.recv(9) == b"got 2"
    work()
    a.close()
    b.close()
    """
    script(HEAD + _flat(code))


def test_fork_parentsGreenlets_neverRunInTheChild(script: Any) -> None:
    code = """
    def loop(name):
        try:
            while True:
                guv.sleep(.001)
                ran.append(os.getpid())
        finally:
            print("finally in", "child" if os.getpid() != parent else "parent")
    ran, parent = [], os.getpid()
    greenlets = [guv.spawn(loop, i) for i in range(10)]
    guv.sleep(.01)
    def look():
        del ran[:], greenlets[:]
        import gc
        gc.collect()
        guv.sleep(.02)
        assert not ran, ran
    reap(child(look))
    for g in greenlets:
        g.kill()
    guv.sleep(0)
    """
    assert script(HEAD + _flat(code)) == "finally in parent\n" * 10


def test_fork_whoWaitedInTheParent_isHandedNothingInTheChild(script: Any) -> None:
    code = """
    import guv.queue, queue, threading
    queues = guv.queue.Queue(), queue.Queue(), queue.SimpleQueue()
    semaphore, lock = guv.Semaphore(0), threading.Lock()
    lock.acquire()
    waiters = [guv.spawn(q.get) for q in queues] + [guv.spawn(semaphore.acquire), guv.spawn(lock.acquire)]
    guv.sleep(0)
    def take():
        for q in queues:
            q.put("child's")
            assert q.get(timeout=10) == "child's"
        semaphore.release()
        assert semaphore.acquire(timeout=10)
        lock.release()
        assert lock.acquire(timeout=10)
    reap(child(take))
    for q in queues:
        q.put("parent's")
    semaphore.release()
    lock.release()
    print([waiter.wait() for waiter in waiters])
    """
    printed = script("import guv; guv.monkey_patch()\n" + HEAD + _flat(code))
    assert printed == '["parent\'s", "parent\'s", "parent\'s", True, True]\n'


def test_fork_inGreenlet_onlyItGoesOnAndItsEndEndsTheChild(script: Any) -> None:
    code = """
    def forker():
        pid = os.fork()
        if not pid:
            work()
            print("child works", flush=True)
            return                   # as a thread's return would, this ends the process
        assert os.waitpid(pid, 0) == (pid, 0)
        print("parent goes on", flush=True)
    guv.spawn(forker).wait()
    print("main goes on", flush=True)
    """
    assert script(HEAD + _flat(code)) == "child works\nparent goes on\nmain goes on\n"


def test_fork_inGreenletOfAChildsGreenlet_nestedDeep_eachEndsWithItsOwnStatus(script: Any) -> None:
    code = """
    def nest(depth):
        guv.sleep(.001)
        pid = os.fork()
        if not pid:
            work()
            if depth:
                guv.spawn(nest, depth - 1).wait() if depth % 2 else nest(depth - 1)
            os._exit(depth)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == depth
        work()
    guv.spawn(nest, 9).wait()
    """
    script(HEAD + _flat(code))


def test_fork_ofABusyHub_childHasItselfOnlyAndParentGoesOn(script: Any) -> None:
    code = """
    import resource, time
    pairs = [socket.socketpair() for _ in range(1000)]
    echoes = [guv.spawn(lambda b=b: b.sendall(b.recv(9))) for _, b in pairs]
    sleepers = [guv.spawn_after(60, print, "never") for _ in range(1000)]
    late = []
    soon = [guv.spawn_after(.05, late.append, i) for i in range(100)]
    found = [guv.spawn(socket.getaddrinfo, "localhost", port) for port in range(1, 200)]
    guv.sleep(0)                               # the names are being looked up
    def look():
        before = list(late)
        guv.sleep(.1)
        assert late == before                  # nobody else's timers
        a, b = pairs[0]
        work()
        assert socket.getaddrinfo("localhost", 80)
        import threading
        threads = [threading.Thread(target=work) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        reap(child(work))
        for a, _ in pairs[:100]:
            a.close()                          # the parent's registrations stay
    children = [child(look) for _ in range(2)]
    for pid in children:
        reap(pid)
    for a, b in pairs:
        a.sendall(b"parent")
    for (a, b), g in zip(pairs, echoes):
        g.wait()
        assert a.recv(9) == b"parent"
    for g in found:
        assert g.wait()
    for g in soon:
        g.wait()
    assert late == list(range(100))
    for g in sleepers:
        g.kill()
    for a, b in pairs:
        a.close()
        b.close()
    """
    script(HEAD + _flat(code))


def test_fork_ofAThreadWithAHub_childIsThatThread(script: Any) -> None:
    code = """
    import warnings
    warnings.simplefilter("ignore")            # a real thread: Python 3.12 rightly warns
    from guv._originals import start_new_thread, allocate_lock
    done = allocate_lock()
    done.acquire()
    results = []
    def other():
        guv.sleep(.001)
        pid = os.fork()
        if not pid:
            work()
            os._exit(5)
        results.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        done.release()
    work()
    guv.spawn(guv.sleep, 99)
    start_new_thread(other, ())
    done.acquire()
    assert results == [5]
    work()
    """
    script(HEAD + _flat(code))


def test_fork_largeHeap_isNotCopied(script: Any) -> None:
    code = """
    heap = [[i] for i in range(300_000)]       # 20 MB and more
    parked = [guv.spawn(guv.sleep, 99) for _ in range(100)]
    guv.sleep(.001)
    def private():
        with open("/proc/self/smaps_rollup") as smaps:
            return sum(int(line.split()[1]) for line in smaps if line.startswith("Private_Dirty"))
    def look():
        assert private() < 8_000, private()
    reap(child(look))
    """
    script(HEAD + _flat(code))


def test_forkpty_andPtyFork_childTalksOverTheTerminal(script: Any) -> None:
    code = """
    import pty
    work()
    for fork in os.forkpty, pty.fork:
        pid, fd = fork()
        if not pid:
            work()
            line = os.read(0, 99)
            os.write(1, b"got " + line)
            os._exit(0)
        os.write(fd, b"line\\n")
        said = b""
        while b"got line" not in said:
            said += os.read(fd, 99)
        reap(pid)
        os.close(fd)
    """
    script(HEAD + _flat(code))


def test_fork_childExecs_inheritsNoneOfGuvsDescriptors(script: Any) -> None:
    code = """
    work()
    program = "import os; print(sorted(int(fd) for fd in os.listdir('/proc/self/fd')))"
    pid = os.fork()
    if not pid:
        work()
        os.execv(sys.executable, [sys.executable, "-S", "-E", "-c", program])
    reap(pid)
    import subprocess
    assert subprocess.run([sys.executable, "-S", "-E", "-c", program], stdout=1, close_fds=False).returncode == 0
    """
    assert script(HEAD + _flat(code)) == "[0, 1, 2, 3]\n" * 2  # 3 is listdir's own


@pytest.mark.parametrize(
    "method",
    ["fork", pytest.param("forkserver", marks=pytest.mark.slow), pytest.param("spawn", marks=pytest.mark.slow)],
)
def test_multiprocessing_startMethod_processesAndPoolWork(script: Any, method: str) -> None:
    code = """
    import multiprocessing, warnings
    warnings.simplefilter("ignore")            # a pool has threads, and forks
    def square(n):
        guv.sleep(.0001)
        return n * n
    def talk(connection):
        connection.send(connection.recv() + 1)
        work()
    if __name__ == "__main__":
        work()
        context = multiprocessing.get_context(sys.argv[1])
        ours, theirs = context.Pipe()
        process = context.Process(target=talk, args=(theirs,))
        process.start()
        ours.send(41)
        assert ours.recv() == 42
        process.join()
        assert process.exitcode == 0
        ticks = []
        def tick():
            while True:
                guv.sleep(.001)
                ticks.append(1)
        ticker = guv.spawn(tick)
        with context.Pool(2) as pool:          # under load: several greenlets use it at once
            users = [guv.spawn(pool.map, square, range(i, i + 50), 5) for i in range(8)]
            for i, user in enumerate(users):
                assert user.wait() == [n * n for n in range(i, i + 50)]
        ticker.kill()
        assert len(ticks) > 3
        ours.close()
        theirs.close()
    """
    script(HEAD + _flat(code), method)


def test_fork_greenletOfChildExits_statusIsTheChilds(script: Any) -> None:
    code = """
    def forker():
        pid = os.fork()
        if not pid:
            guv.spawn(sys.exit, 7)
            guv.sleep(9)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status))
    guv.spawn(forker).wait()
    """
    assert script(HEAD + _flat(code)) == "7\n"


def test_fork_childClosesAllDescriptors_worksOn(script: Any) -> None:
    code = """
    work()
    def daemon():
        os.closerange(3, 256)
        work()
    reap(child(daemon))
    def twice():
        reap(child(daemon))
    reap(child(twice))
    """
    script(HEAD + _flat(code))


def test_fork_parentClosedLoopsNumbers_childLeavesTheirNewOwnersAlone(script: Any) -> None:
    code = """
    work()
    first, second = os.pipe()
    for fd in range(3, 600):         # a program that closes and replaces what is not its own
        try:
            kind = os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            continue
        if "eventpoll" in kind or "eventfd" in kind:
            os.dup2(second, fd)
            print(fd)
    pid = os.fork()
    if not pid:
        import stat
        ok = all(stat.S_ISFIFO(os.fstat(int(fd)).st_mode) for fd in (first, second))
        ok &= os.readlink(f"/proc/self/fd/{fds[-1]}").startswith("pipe:") if (fds := [
            fd for fd in range(3, 600) if os.path.exists(f"/proc/self/fd/{fd}")
            and os.readlink(f"/proc/self/fd/{fd}").startswith("pipe:")]) else False
        os._exit(0 if ok and len(fds) >= 4 else 1)
    from guv._originals import waitpid
    os._exit(os.waitstatus_to_exitcode(waitpid(pid, 0)[1]))
    """
    script(HEAD + _flat(code))


def test_fork_withHubInAnotherThread_childHasNone(script: Any) -> None:
    code = """
    from guv._originals import start_new_thread, allocate_lock
    from guv.hubs.current import all_hubs
    up = allocate_lock()
    up.acquire()
    def other():
        guv.sleep(.001)
        up.release()
        guv.sleep(9)
    work()
    start_new_thread(other, ())
    up.acquire()
    assert len(all_hubs()) == 2
    def look():
        assert not all_hubs()
        work()
    import warnings
    warnings.simplefilter("ignore")  # a real thread: Python 3.12 rightly warns
    reap(child(look))
    """
    script(HEAD + _flat(code))


def test_fork_withManyThreadsHubs_childClosesNoneOfThemInGo(script: Any) -> None:
    """Their thread-local data goes before the handlers of `register_at_fork` run."""
    code = """
    import warnings
    warnings.simplefilter("ignore")
    from guv._originals import start_new_thread
    from guv.hubs.current import all_hubs, get_hub
    work()
    parent, kind = os.getpid(), type(get_hub())
    close = kind.close
    def watched(hub):
        if os.getpid() != parent and hub in inherited:
            os._exit(9)
        close(hub)
    for _ in range(10):
        start_new_thread(guv.sleep, (99,))
    while len(all_hubs()) < 11:
        guv.sleep(.001)
    inherited = all_hubs()
    kind.close = watched
    for _ in range(3):
        reap(child(work))
    """
    script(HEAD + _flat(code))


def test_fork_goThreadsOnly_noWarning_realThreadStillWarns(script: Any) -> None:
    code = """
    import warnings
    from guv._originals import allocate_lock, start_new_thread, time_sleep
    up = allocate_lock()
    up.acquire()
    work()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reap(child(work))
        assert not caught, caught[0]
        start_new_thread(lambda: (up.release(), time_sleep(9)), ())
        up.acquire()
        reap(child(work))
        assert len(caught) == (sys.version_info >= (3, 12)), caught
    """
    script(HEAD + _flat(code))


def test_fork_withoutHub_childPaysNothing(script: Any) -> None:
    code = """
    from guv import _border
    from guv.hubs.current import all_hubs
    def look():
        assert not all_hubs() and not _border._inherited
    reap(child(look))
    """
    script(HEAD.replace("os.waitpid(pid, 0)", "__import__('guv._originals')._originals.waitpid(pid, 0)") + _flat(code))


def test_fork_memoryFilesRefused_temporaryFileServes(script: Any) -> None:
    code = """
    from guv import _border
    def refuse(source):
        raise PermissionError(1, "memfd_create is not allowed here")
    _border.memory_file = refuse
    work()
    reap(child(work))
    """
    script(HEAD + _flat(code))


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_fork_thousandTimes_noDescriptorAndNoMemoryLeaks(script: Any) -> None:
    code = """
    work()
    def resident():
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * 4096
    for _ in range(20):
        reap(child(guv.sleep, .0001))
    before, memory = sorted(os.listdir("/proc/self/fd")), resident()
    for _ in range(1000):
        reap(child(guv.sleep, .0001))
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert resident() - memory < 4 << 20, (memory, resident())
    """
    script(HEAD + _flat(code), deadline=220)


def _flat(code: str) -> str:
    import textwrap

    return textwrap.dedent(code)
