"""Both sides of the border agree: functions, their arguments, error codes, and the words in the rings."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from guv import _border
from guv._surface import Extension
from guv.exceptions import ExtensionError, HubClosedError, InternalError
from guv.hubs import hub, wire

ROOT = Path(__file__).resolve().parents[2]


def constants(path: str) -> dict[str, int]:
    """The constants that a Go file gives a plain number."""
    found = re.findall(r"^\t(\w+) += (-?\d+)\b", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    return {name: int(value) for name, value in found}


def declared() -> dict[str, list[str]]:
    """What `Extension` says there is: function -> names of its arguments."""
    return {
        name: list(inspect.signature(function).parameters)[1:]
        for name, function in vars(Extension).items()
        if name.startswith("pyext_")
    }


def test_declared_functions_are_those_of_the_go_package() -> None:
    exported = {}
    for path in (ROOT / "pyext").glob("*.go"):
        if not path.name.endswith("_test.go"):
            text = path.read_text(encoding="utf-8")
            for name, arguments in re.findall(r"^func ([A-Z]\w*)\((.*?) int64\) \(\w+ int64\)", text, re.MULTILINE):
                exported[f"pyext_{name}"] = arguments.split(", ")
    assert declared() == exported


def test_declared_functions_are_those_of_the_built_module() -> None:
    try:
        built = _border.extension()
    except ExtensionError as error:
        pytest.skip(str(error))
    found = {}
    for name in dir(built):
        if name.startswith("pyext_"):
            head = getattr(built, name).__doc__.splitlines()[0]  # "pyext_Poll(id, submitted, timeoutNs)"
            found[name] = head.partition("(")[2].rstrip(")").split(", ")
    assert declared() == found


def test_error_codes_are_equal_on_both_sides() -> None:
    codes = {name: value for name, value in constants("pyext/codes.go").items() if name.startswith("Code")}
    assert codes == {"CodePanic": _border.PANIC, "CodeClosed": _border.CLOSED, "CodeArgument": _border.ARGUMENT}


def test_words_of_the_rings_are_equal_on_both_sides() -> None:
    words = constants("trampoline/words.go")
    assert {name: words[name] for name in ("OpWatch", "OpArm", "OpForget", "OpTimer", "OpCancel")} == {
        "OpWatch": wire.WATCH, "OpArm": wire.ARM, "OpForget": wire.FORGET, "OpTimer": wire.TIMER,
        "OpCancel": wire.CANCEL,
    }  # fmt: skip
    assert {name: words[name] for name in ("Readable", "Writable", "Priority", "HangUp", "Failed")} == {
        "Readable": wire.READABLE, "Writable": wire.WRITABLE, "Priority": wire.PRIORITY, "HangUp": wire.HANGUP,
        "Failed": wire.FAILED,
    }  # fmt: skip
    assert {name: words[name] for name in ("KindPosted", "KindError", "KindTimer")} == {
        "KindPosted": wire.IS_LOOKUP, "KindError": wire.IS_ERROR, "KindTimer": wire.IS_TIMER,
    }  # fmt: skip
    assert (words["idShift"], words["errnoShift"], words["outShift"]) == (8, 8, 16)


def test_counters_are_numbered_as_in_go() -> None:
    numbers = constants("pyext/codes.go")
    named = {
        "turns": "StatPolls", "events": "StatEvents", "stale_events": "StatStale", "timers_fired": "StatFired",
        "timers_cancelled": "StatCancelled", "longest_turn": "StatLongest",
    }  # fmt: skip
    assert {name: numbers[there] for name, there in named.items()} == hub._COUNTERS


@pytest.mark.parametrize(
    ("result", "kind", "text"),
    [
        (-9, OSError, "Bad file descriptor"),
        (_border.CLOSED, HubClosedError, "the hub is closed"),
        (_border.ARGUMENT, InternalError, "refused an argument"),
    ],
)
def test_negative_result_is_raised(result: int, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        _border.check(result)


def test_result_that_is_no_error_is_returned() -> None:
    assert [_border.check(value) for value in (0, 7)] == [0, 7]


def test_hub_that_was_never_opened_is_closed() -> None:
    try:
        extension = _border.extension()
    except ExtensionError as error:
        pytest.skip(str(error))
    assert extension.pyext_Poll(1 << 40, 0, 0) == _border.CLOSED
