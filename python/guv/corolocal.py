"""Data of each greenlet's own, by the names of eventlet: `local`, and `get_ident` of the calling greenlet."""

from .hubs.ident import get_ident as get_ident
from .local import local as local

__all__ = ["get_ident", "local"]
