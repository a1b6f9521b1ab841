"""The standard library's blocking modules, cooperative; usable without patching:
``from guv.green import socket``."""
