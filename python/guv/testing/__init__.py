"""Tests that are exact and fast: no sleeping, no guessing at when something has happened.

======================  =========================================================================
`MockClock`             time that passes only when everybody waits, and then at once
`wait_all_blocked`      go on when nobody else can
`assert_switches`       the block yields; `assert_no_switches`: it does not
`leak_check`            the block leaves no greenlet, timer or descriptor behind
======================  =========================================================================

``pytest -p guv.testing`` runs each test in a fresh hub with a deadline; see ``docs/testing.md``. It needs pytest, the
rest does not.
"""

from __future__ import annotations

import sys
from typing import Any

from ._blocked import wait_all_blocked as wait_all_blocked
from ._clock import MockClock as MockClock
from ._leaks import leak_check as leak_check
from ._switches import assert_no_switches as assert_no_switches
from ._switches import assert_switches as assert_switches


def pytest_addoption(parser: Any, pluginmanager: Any) -> None:
    """How pytest takes this module for a plugin; the rest is in a module of its own, which imports pytest."""
    from ._plugin import add_options

    add_options(parser)
    pluginmanager.register(sys.modules[add_options.__module__], "guv-testing")
