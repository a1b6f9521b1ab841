"""Waiting for descriptors, by the name of gevent's programs: `select` if that is patched, else `guv.green.select`."""

from .patcher._facade import names_of

__getattr__ = names_of("select")
