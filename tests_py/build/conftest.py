"""Let these tests import ``guv_build`` from ``tools/``, which is in a checkout and in an unpacked sdist."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
