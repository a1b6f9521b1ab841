"""What `monkey_patch` replaces: its keywords, and the green modules that each brings in.

A green module lists its replacements in ``PATCHES``: tuples (module, path, replacement), where
the path is an attribute of that module of the standard library or of a class in it
(``"socket.recv"``: the method of class `socket`, replaced in place so that subclasses and earlier imports follow).
Optional are ``TWINS``, a dict from native types to functions that make the replacement of an instance that exists
already, and ``before_patch()`` and ``after_patch()``, called around the replacing, once.
"""

from typing import Final

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "threading": ("guv.green.thread", "guv.green.threading", "guv.green.condition", "guv.green.sys"),
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

#: Keywords of the original guv, of eventlet and of gevent that mean one of ours.
ALIASES: Final = {
    "thread": "threading",
    "_thread": "threading",
    "selectors": "select",
    "dns": "socket",
    "builtins": "os",
    "__builtin__": "os",
    "fcntl": "os",
    "io": "os",
    "mysqlclient": "MySQLdb",
}

#: Modules that work by standing on others: patched when those are.
FOLLOW: Final = {
    "queue": "threading",
    "concurrent.futures": "threading",
    "logging": "threading",
    "sched": "time",
}

#: Keywords that ask for something that guv does without being asked, or that has no meaning here.
EXPLAINED: Final = {
    "sys": "sys.stdin is part of os",
    "Event": "threading.Event needs no patch of its own",
    "aggressive": "select and selectors stay complete and are cooperative",
    "contextvars": "each greenlet has a context of its own",
    "asyncio": "asyncio runs on the patched select",
    "thread_name": "the keyword is threading",
}
