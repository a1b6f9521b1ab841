"""Concurrent network programs in plain blocking Python.

``import guv; guv.monkey_patch()`` makes the blocking calls of the standard library cooperative:
a program's threads become greenlets that share one thread of the operating system. Importing guv
patches nothing and starts nothing.
"""

from ._version import __version__ as __version__
from .greenthread import GreenThread as GreenThread
from .greenthread import cancel as cancel
from .greenthread import kill as kill
from .greenthread import sleep as sleep
from .greenthread import spawn as spawn
from .greenthread import spawn_after as spawn_after
from .greenthread import spawn_n as spawn_n
from .hubs.switch import gyield as gyield
from .hubs.switch import trampoline as trampoline
from .timeout import Timeout as Timeout
from .timeout import with_timeout as with_timeout
from .patcher import monkey_patch as monkey_patch
