"""The version, in this one place: ``pyproject.toml`` reads it from here."""

__version__ = "1.0.0.dev0"

#: Its numbers, for comparisons.
version_info = (1, 0, 0)
