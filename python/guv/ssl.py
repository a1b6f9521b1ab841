"""TLS, by the name that gevent's programs import: `ssl` if that is patched, else `guv.green.ssl`."""

from .patcher._facade import names_of

__getattr__ = names_of("ssl")
