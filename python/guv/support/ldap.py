"""python-ldap: a native thread for each connection, in which libldap waits.

Its calls are made there one after the other, as python-ldap's own lock of a connection has it; reading and setting
options does not wait and stays where it is. `ldap.initialize` never waits.

A caller that is killed goes at once; the call runs on, and the connection's next call waits for it. So give
connections a limit, ``OPT_NETWORK_TIMEOUT`` and ``OPT_TIMEOUT``. A forked child that goes on with a connection has a
thread of its own for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import ldap
from ldap.ldapobject import SimpleLDAPObject

from . import require
from ._native import NativeThread

MINIMUM = (3, 4)

_OPTIONS = ("get_option", "set_option")
_ldap_call: Any = SimpleLDAPObject._ldap_call

#: Not attributes of the connections, which may be pickled.
_threads: WeakKeyDictionary[Any, NativeThread] = WeakKeyDictionary()
os.register_at_fork(after_in_child=_threads.clear)


def patch() -> None:
    """Have the calls of all connections made in native threads."""
    require(ldap, MINIMUM, ldap.__version__)
    SimpleLDAPObject._ldap_call = call


def call(self: Any, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """As `SimpleLDAPObject._ldap_call`, which calls a function of libldap; yields until it has ended."""
    if func.__name__ in _OPTIONS:
        return _ldap_call(self, func, *args, **kwargs)
    thread = _threads.get(self)
    if thread is None:
        thread = _threads[self] = NativeThread()

    def in_thread(*args: Any, **kwargs: Any) -> Any:
        return thread.call(lambda: func(*args, **kwargs))

    in_thread.__name__ = func.__name__  # python-ldap's trace prints it
    return _ldap_call(self, in_thread, *args, **kwargs)
