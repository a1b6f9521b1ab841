"""Child processes, by the name of gevent's programs: `subprocess` if that is patched, else `guv.green.subprocess`."""

from .patcher._facade import names_of

__getattr__ = names_of("subprocess")
