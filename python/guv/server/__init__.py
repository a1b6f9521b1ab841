"""Servers on streams: `listen`, `connect`, `serve`, and `Server` for those that want to be stopped gracefully.

Everything here yields where it would block, whether `monkey_patch` was called or not: without it, accepted sockets are
`GreenSocket` objects.
"""

from ._datagram import DatagramServer as DatagramServer
from ._listening import Address as Address
from ._listening import connect as connect
from ._listening import listen as listen
from ._listening import listen_fds as listen_fds
from ._listening import wrap_ssl as wrap_ssl
from ._serving import AbstractServer as AbstractServer
from ._serving import Handle as Handle
from ._serving import Server as Server
from ._serving import StopServe as StopServe
from ._serving import serve as serve
from ._stream import StreamServer as StreamServer
