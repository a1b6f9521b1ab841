"""The one exception of the build: a sentence for the person who runs it."""

from __future__ import annotations


class BuildError(Exception):
    """The extension cannot be built; the text says why and what to do, and is all that the user should see."""
