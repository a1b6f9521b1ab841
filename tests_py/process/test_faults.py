"""What the kernel refuses and what a program takes away: the hub goes on, and only those concerned see an error."""

from __future__ import annotations

from typing import Any

import pytest

PATCHED = "import guv; guv.monkey_patch()\n"

PAIRS = """
import os, posix, signal, socket, sys
import guv
if "patched" in sys.argv:
    guv.monkey_patch()
from guv.green._greensocket import make_green
def pair():
    return [make_green(s) for s in socket.socketpair()]
def work():
    guv.sleep(.001)
    a, b = pair()
    with a, b:
        guv.spawn(b.sendall, b"hello")
        assert a.recv(5) == b"hello"
"""


@pytest.mark.parametrize("way", ["patched", "raw"])
def test_closeAll_underARunningHub_closedSocketsFailAllElseGoesOn(script: Any, way: str) -> None:
    code = """
    work()
    failed, fired, signals, mail = [], [], [], []
    def wait(sock):
        try:
            sock.recv(1)
        except OSError as error:
            failed.append(error.errno)
    pairs = [pair() for _ in range(30)]
    waiting = [guv.spawn(wait, sock) for both in pairs for sock in both]
    late = pair()
    high = [socket.socket(fileno=os.dup2(sock.fileno(), 240 + i)) for i, sock in enumerate(late)]
    high = [make_green(sock) for sock in high]
    reader = guv.spawn(high[0].recv, 1)
    guv.spawn_after(.02, fired.append, 1)
    signal.signal(signal.SIGUSR1, lambda *_: signals.append(1))
    guv.sleep(.001)
    (os if "patched" in sys.argv else posix).closerange(3, 240)
    for sock in late + sum(pairs, []):
        sock.detach()
    opened = pair()                 # takes numbers that the loop or its waiters had
    new = guv.spawn(opened[0].recv, 1)
    work()
    for g in waiting:
        g.wait()
    import errno
    assert failed == [errno.EBADF] * 60, failed
    opened[1].send(b"n")
    assert new.wait() == b"n"
    high[1].send(b"o")
    assert reader.wait() == b"o"
    os.kill(os.getpid(), signal.SIGUSR1)
    while not (fired and signals):
        guv.sleep(.001)
    from guv._originals import start_new_thread
    hub = guv.hubs.get_hub()
    guv.spawn_after(.01, start_new_thread, lambda: hub.call_soon_threadsafe(mail.append, 1), ())
    while not mail:
        guv.sleep(.001)
    for sock in opened + high:
        sock.close()
    """
    script(PAIRS + _flat(code), way)


def test_doubleForkDaemon_closesAllDescriptors_eachGenerationWorks(script: Any) -> None:
    code = """
    work()
    reports, report = os.pipe()
    report = os.dup2(report, 1000)
    def generation(depth):
        work()
        for fd in range(3, 1000):     # as daemons do, one by one, whatever they are
            try:
                os.close(fd)
            except OSError:
                pass
        work()
        assert os.listdir("/proc/self/fd")
        if depth:
            if os.fork():
                os._exit(0)
            os.setsid()
            generation(depth - 1)
        os.write(report, b"works")
        os._exit(0)
    pid = os.fork()
    if not pid:
        generation(3)
    assert os.waitpid(pid, 0) == (pid, 0)
    os.close(report)
    assert os.read(reports, 99) == b"works"
    work()
    """
    script(PAIRS + _flat(code), "patched")


def test_wait_kernelOutOfMemory_isTriedAgain(script: Any) -> None:
    code = """
    hub = guv.hubs.get_hub()
    asked = 0
    def refuse(ident, submitted, timeout):    # of the Go hub: it has taken the operations by then
        global asked
        asked += 1
        if asked > 3:
            return poll(ident, submitted, timeout)
        hub._submit(ident, submitted)
        return -12
    class Refusing:                           # of the epoll hub
        def __getattr__(self, name):
            return getattr(epoll, name)
        def poll(self, timeout):
            global asked
            asked += 1
            if asked > 3:
                return epoll.poll(timeout)
            raise OSError(12, "out of memory")
    if hasattr(hub, "_poll"):
        poll, hub._poll = hub._poll, refuse
    else:
        epoll, hub._epoll = hub._epoll, Refusing()
    others = [guv.spawn(guv.sleep, .001) for _ in range(9)]
    guv.sleep(.001)
    for g in others:
        g.wait()
    assert asked
    """
    script("import guv\n" + _flat(code))


def test_wait_noStackLeft_onlyThatGreenletFails(script: Any) -> None:
    code = """
    import socket
    a, b = socket.socketpair()
    def deep(n):
        return deep(n - 1) if n else b.recv(1)
    def attempts():
        errors = 0
        for n in range(880, 1000, 3):
            sender = guv.spawn_after(.0001, a.send, b"x")
            try:
                assert deep(n) == b"x"
            except RecursionError:
                errors += 1
                sender.wait()
                assert b.recv(1) == b"x"
        return errors
    assert attempts()
    assert guv.spawn(attempts).wait() is not None
    guv.sleep(.001)
    a.close()
    b.close()
    """
    script(PATCHED + _flat(code))


def test_getHub_noDescriptorsLeft_raisesAndLaterWorks(script: Any) -> None:
    code = """
    import os, resource
    import guv
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    from guv.hubs.current import drop_hub
    guv.sleep(0)                                 # loading the extension needs some as well
    drop_hub()
    taken = [os.dup(0) for _ in range(16)]
    before = sorted(os.listdir("/proc/self/fd"))
    for room in range(4):                        # a hub needs four
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(taken) + 1 + room, hard))
        try:
            guv.sleep(.001)
        except OSError as error:
            assert error.errno == 24, error
        else:
            raise AssertionError(room)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert sorted(os.listdir("/proc/self/fd")) == before, room
    guv.sleep(.001)
    """
    script(_flat(code))


def test_accept_noDescriptorsLeft_serverPausesAndLosesNobody(script: Any) -> None:
    code = """
    import logging, os, resource, socket
    from guv import server
    logged = []
    handler = logging.Handler()
    handler.emit = lambda record: logged.append(record.getMessage())
    logging.getLogger("guv.server").addHandler(handler)
    server._PAUSE = .01

    clients, count = [], 40
    listener = server.listen(("127.0.0.1", 0))
    def echo(sock, _):
        sock.sendall(sock.recv(9))
        sock.recv(1)                          # until the client is done
        sock.close()
    served = server.Server(listener, echo)
    served.start()
    for _ in range(count):
        clients.append(socket.create_connection(served.address))
        guv.sleep(0)                          # not accepted one by one: whenever
    for client in clients[:20]:
        client.sendall(b"early")
        assert client.recv(9) == b"early"
    more = [socket.socket() for _ in range(10)]
    highest = max(fd for fd in map(int, os.listdir("/proc/self/fd")) if fd < 512)  # the hub has some beyond
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
    for client in more:
        client.connect(served.address)
    accepts = 0
    from guv.green import socket as green
    real = green.accept
    def counted(sock):
        global accepts
        accepts += 1
        return real(sock)
    green.accept = counted
    guv.sleep(.1)
    assert accepts <= 30, accepts             # it pauses, it does not spin
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for client in clients[20:] + more:
        client.sendall(b"late")
        assert client.recv(9) == b"late"
    assert any("Too many open files" in text for text in logged), logged
    for client in clients + more:
        client.close()
    served.stop()
    """
    script(PATCHED + _flat(code))


@pytest.mark.slow
def test_descriptors_numberReused100000Times_neverMixedUp(script: Any) -> None:
    code = """
    import os, socket
    numbers = set()
    for i in range(100_000):
        a, b = socket.socketpair()
        numbers.add(a.fileno())
        if i % 4 == 0:
            waiter = guv.spawn(a.recv, 1)       # registered, and closed or answered while it waits
            guv.sleep(0)
            if i % 8:
                b.send(b"x")
                assert waiter.wait() == b"x"
            else:
                a.close()
                try:
                    waiter.wait()
                except OSError as error:
                    assert error.errno == 9, error
                else:
                    raise AssertionError(i)
        elif i % 4 == 1:
            os.close(a.detach())
        else:
            b.send(b"y")
            assert a.recv(2) == b"y", i
        a.close()
        b.close()
    assert len(numbers) < 10, numbers
    """
    script(PATCHED + _flat(code), deadline=55)


def _flat(code: str) -> str:
    import textwrap

    return textwrap.dedent(code)
