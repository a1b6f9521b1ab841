"""A support module: a C function made cooperative by `guv.trampoline`. Here inotify, which tells of changes to files.

    python examples/support_module.py FOLDER

The rule: put the library into its non-blocking mode, call it, and where it says "would block", wait for its
descriptor and call it again. See `guv.support` for what else a support module promises.
"""

import ctypes
import errno
import os
import struct
import sys

import guv
from guv.const import READ

libc = ctypes.CDLL(None, use_errno=True)
CLOSE_WRITE, MOVED_TO, DELETE = 0x8, 0x80, 0x200
EVENT = struct.Struct("iIII")


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


class Changes:
    """Names of files that are written, moved in or deleted in a folder. Iterating yields to other greenlets."""

    def __init__(self, folder):
        self.fd = check(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        check(libc.inotify_add_watch(self.fd, os.fsencode(folder), CLOSE_WRITE | MOVED_TO | DELETE))
        self._buffer = ctypes.create_string_buffer(65536)

    def read(self, timeout=None):
        """The next names; raises TimeoutError after `timeout` seconds without one."""
        while True:
            try:
                size = check(libc.read(self.fd, self._buffer, len(self._buffer)))  # C: knows nothing of greenlets
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    raise
                guv.trampoline(self.fd, READ, timeout, TimeoutError)
            else:
                return list(self._names(self._buffer.raw[:size]))

    def _names(self, data):
        while data:
            *_, length = EVENT.unpack_from(data)
            name, data = data[EVENT.size : EVENT.size + length], data[EVENT.size + length :]
            yield os.fsdecode(name.rstrip(b"\0"))

    def close(self):
        guv.hubs.get_hub().forget(self.fd)  # wakes who waits, with OSError(EBADF)
        os.close(self.fd)


if __name__ == "__main__":
    changes = Changes(sys.argv[1])
    print("watching", flush=True)
    while True:
        print(*changes.read(), flush=True)
