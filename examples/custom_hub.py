"""A hub of one's own: guv on `select.poll`, in forty lines. Here it runs fifty conversations.

    python examples/custom_hub.py

`guv.hubs.abc.AbstractHub` schedules greenlets and knows who waits for what. A loop adds three methods. It is handed
*operations* and returns *completions*, both plain ints: see `guv.hubs.wire`.
"""

import errno
import os
import select
import socket
import time

import guv
from guv.hubs import abc, get_hub, use_hub, wire
from guv.patcher import original

IN, OUT = select.POLLIN | select.POLLPRI, select.POLLOUT
TROUBLE = select.POLLERR | select.POLLHUP  # whoever waits shall try, and see the error
blocking = original("select")  # the poll of a patched program is cooperative: it would wait for this hub


class Hub(abc.AbstractHub):
    def __init__(self):
        super().__init__()
        self.deadlines = {}  # token -> nanoseconds
        self.bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def exchange(self, timeout):
        ops, self.ops = self.ops, []
        for i in range(0, len(ops), 2):  # WATCH, ARM, FORGET: for loops that keep registrations; this one looks
            if ops[i] & 255 == wire.TIMER:
                self.deadlines[ops[i] >> 8] = ops[i + 1]
            elif ops[i] & 255 == wire.CANCEL:
                self.deadlines.pop(ops[i] >> 8, None)
        poll = blocking.poll()
        poll.register(self.bell, IN)
        for fd, descriptor in self.fds.items():
            if descriptor.awaited():
                poll.register(fd, IN * bool(descriptor.reader) | OUT * bool(descriptor.writer))
        if timeout and self.deadlines:
            timeout = max(0, min(self.deadlines.values()) - time.monotonic_ns())
        completions = []
        for fd, bits in poll.poll(-1 if timeout < 0 else -(-timeout // 1_000_000)):  # rounded up: never early
            if fd == self.bell:
                os.eventfd_read(fd)
            elif bits & select.POLLNVAL:
                completions.append(fd << 16 | errno.EBADF << 8 | wire.IS_ERROR)
            else:
                completions.append(fd << 16 | (wire.READABLE if bits & (IN | TROUBLE) else 0)
                                   | (wire.WRITABLE if bits & (OUT | TROUBLE) else 0))  # fmt: skip
        now = time.monotonic_ns()
        due = sorted((deadline, token) for token, deadline in self.deadlines.items() if deadline <= now)
        for _, token in due:
            del self.deadlines[token]
        return completions + [token << 16 | wire.IS_TIMER for _, token in due]

    def wake(self):
        os.eventfd_write(self.bell, 1)

    def close(self):
        self.closed = True
        os.close(self.bell)


def converse(number):
    left, right = socket.socketpair()
    with left, right:
        guv.spawn_after(0.001 * number, left.sendall, b"%d" % number)
        return int(right.recv(100))


if __name__ == "__main__":
    use_hub(Hub)
    guv.monkey_patch()
    print(get_hub().__class__, sum(guv.GreenPool().imap(converse, range(50))))
