"""When support modules are applied, and when not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Script = Callable[..., str]


def test_support_module_is_applied_before_and_after_the_import(script: Script, tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text("")
    (tmp_path / "second.py").write_text("")
    (tmp_path / "third.py").write_text("")
    for name in ("first", "second", "third"):
        (tmp_path / f"support_{name}.py").write_text(
            f"import {name}\nprint('applied', {name!r})\ndef patch(): {name}.green = True\n"
        )
    assert script(
        """
        import sys
        sys.path.insert(0, ".")
        import first
        from guv import support
        for name in ("first", "second", "third"):
            support.activate(name, "support_" + name)
        import second
        print(first.green, second.green)
        print({name: state for name, state in support.report().items() if "support" not in name})
        """
    ) == (
        "applied first\napplied second\nTrue True\n"
        "{'first': 'active', 'second': 'active', 'third': 'waits for the import'}\n"
    )


def test_support_module_that_fails_warns_and_is_reported(script: Script, tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("")
    (tmp_path / "support_old.py").write_text(
        "import old\nfrom guv.support import require\ndef patch(): require(old, (2, 1), '2.0.9')\n"
    )
    assert script(
        """
        import sys, warnings
        sys.path.insert(0, ".")
        from guv import support
        support.activate("old", "support_old")
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            import old
        print(told[0].message)
        print(support.report()["old"])
        """
    ) == (
        "old stays as it is and may block all greenlets: guv supports old from version 2.1 on, this is 2.0.9\n"
        "failed: guv supports old from version 2.1 on, this is 2.0.9\n"
    )


def test_support_module_switched_off_by_keyword_is_not_applied(script: Script) -> None:
    assert (
        script(
            """
        import guv
        guv.monkey_patch(sqlite3=False)
        import sqlite3
        print("guv.support.sqlite3" in __import__("sys").modules)
        """
        )
        == "False\n"
    )


def test_support_of_absent_libraries_costs_no_import(script: Script) -> None:
    assert (
        script(
            """
        import sys, guv
        guv.monkey_patch()
        print([name for name in sys.modules if name.startswith("guv.support.") and "._" not in name])
        """
        )
        == "[]\n"
    )


def test_support_module_of_another_package_is_found_by_its_entry_point(script: Script, tmp_path: Path) -> None:
    (tmp_path / "gadget.py").write_text("")
    (tmp_path / "gadget_guv.py").write_text("import gadget\ndef patch(): gadget.green = True\n")
    info = tmp_path / "gadget_guv-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gadget-guv\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[guv.support]\ngadget = gadget_guv\n")
    assert (
        script(
            """
        import sys
        sys.path.insert(0, ".")
        import guv
        guv.monkey_patch()
        import gadget
        print(gadget.green)
        """
        )
        == "True\n"
    )


def test_report_of_the_patcher_lists_libraries(script: Script) -> None:
    assert (
        script(
            """
        import guv, guv.patcher, sqlite3
        guv.monkey_patch()
        libraries = guv.patcher.report().libraries
        print(libraries["sqlite3"], libraries["psycopg2"])
        print("  sqlite3: active" in str(guv.patcher.report()))
        """
        )
        == "active waits for the import\nTrue\n"
    )
