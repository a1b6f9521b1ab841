"""How this process looks names up; read from its environment once, and checked at once."""

from __future__ import annotations

import os
from importlib.util import find_spec

#: Whether name lookups are cooperative.
ENABLED = not os.environ.get("GUV_NO_GREENDNS")

#: Who looks them up: "system", the C library, or "dnspython".
CHOSEN = os.environ.get("GUV_RESOLVER") or "system"

if CHOSEN not in ("system", "dnspython"):
    raise ValueError(f"GUV_RESOLVER={CHOSEN!r} is unknown: set it to 'system' or 'dnspython', or leave it out")
if CHOSEN == "dnspython" and find_spec("dns") is None:
    raise ImportError("GUV_RESOLVER=dnspython needs the package dnspython: pip install dnspython")
