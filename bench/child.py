"""The measured process: ``python -m bench.child WORKLOAD LIBRARY PARAMETERS``, parameters as JSON.

Prints one line of JSON: the metrics, ``{"missing": why}``, or, for a server, its port.
"""

from __future__ import annotations

import json
import sys

from . import libraries
from .libraries import Coroutines, Missing
from .stopwatch import Metrics


def measure(workload: str, library: str, text: str) -> Metrics:
    """Set the library up before anything else is imported, then run the workload."""
    loaded = libraries.load(library)
    from .workloads import WORKLOADS

    parameters = json.loads(text)
    chosen = WORKLOADS[workload]
    if isinstance(loaded, Coroutines):
        assert chosen.coroutines is not None
        return loaded.run(chosen.coroutines(loaded, parameters))
    assert chosen.green is not None
    return chosen.green(loaded, parameters)


def main() -> None:
    workload, library, parameters = sys.argv[1:]
    try:
        answer = json.dumps(measure(workload, library, parameters))
    except Missing as missing:
        answer = json.dumps({"missing": str(missing)})
    libraries.leave(answer)


if __name__ == "__main__":
    main()
