"""pyfakefs: its file system, which it puts into every module that has imported `os`, stays out of guv.

The event loop reads real files and descriptors while the program that it serves sees the fake ones. Nothing here
yields or blocks.
"""

from __future__ import annotations

from typing import Any

from pyfakefs.fake_filesystem_unittest import Patcher

from .._rebind import is_private


def patch() -> None:
    """Have pyfakefs pass guv's modules over."""
    if not isinstance(Patcher.SKIPMODULES, Skipped):
        Patcher.SKIPMODULES = Skipped(Patcher.SKIPMODULES)


class Skipped(set[Any]):
    """The modules that pyfakefs leaves alone: its own choice, and all of guv's, those imported later among them."""

    def __contains__(self, module: object) -> bool:
        return super().__contains__(module) or is_private(getattr(module, "__name__", None))
