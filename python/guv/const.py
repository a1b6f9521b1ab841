"""The event kinds that a descriptor can be waited for."""

from typing import Final

READ: Final = 1
WRITE: Final = 2
