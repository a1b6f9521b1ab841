"""What `monkey_patch` replaces: its keywords, and the green modules that each brings in.

A green module lists its replacements in ``PATCHES``: tuples (module, path, replacement), where
the path is an attribute of that module of the standard library or of a class in it
(``"socket.recv"``: the method of class `socket`, replaced in place so that subclasses and earlier imports follow).
Optional are ``before_patch()`` and ``after_patch()``, called around the replacing, once.
"""

from typing import Final

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "threading": ("guv.green.thread", "guv.green.threading"),
    "queue": ("guv.green.queue",),
    "time": ("guv.green.time",),
    # TLS over green sockets has to be green
    "socket": ("guv.green.socket", "guv.green.names", "guv.green.ssl"),
    "signal": ("guv.green.signal",),
    "ssl": ("guv.green.socket", "guv.green.ssl"),
    "select": ("guv.green.select", "guv.green.selectors"),
    "os": ("guv.green.os", "guv.green.fcntl", "guv.green.io"),
    "subprocess": ("guv.green.subprocess",),
    "multiprocessing": ("guv.green.multiprocessing",),
}

#: Groups that only patch when asked for by name.
OFF_BY_DEFAULT: Final = frozenset[str]()
