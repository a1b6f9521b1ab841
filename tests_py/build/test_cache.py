"""The build cache: what changes a key, what does not, and that the folder stays small."""

import os
from pathlib import Path

import pytest

from guv_build import cache


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    for name, text in {
        "go.mod": "module m\n\ngo 1.26.0\n",
        "go.sum": "",
        "pyext/a.go": "package pyext\n",
        "hub/wheel/wheel.go": "package wheel\n",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GUV_BUILD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make_module(tmp_path: Path, content: bytes) -> Path:
    module = tmp_path / "module.so"
    module.write_bytes(content)
    return module


def test_digest_same_sources_elsewhere_is_equal(tree, tmp_path):
    before = cache.digest(tree, ["3.12"])
    assert before == cache.digest(tree.rename(tmp_path / "elsewhere"), ["3.12"])


@pytest.mark.parametrize("name", ["go.mod", "go.sum", "pyext/a.go", "hub/wheel/wheel.go", "trampoline/new.go"])
def test_digest_source_changed_or_added_differs(tree, name):
    before = cache.digest(tree, [])
    path = tree / name
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write("// changed\n")
    assert before != cache.digest(tree, [])


def test_digest_source_renamed_differs(tree):
    before = cache.digest(tree, [])
    (tree / "pyext/a.go").rename(tree / "pyext/b.go")
    assert before != cache.digest(tree, [])


@pytest.mark.parametrize("name", ["pyext/a_test.go", "hub/README.md", "tests_go/x.go"])
def test_digest_file_outside_the_module_is_ignored(tree, name):
    before = cache.digest(tree, [])
    path = tree / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("anything")
    assert before == cache.digest(tree, [])


def test_digest_facts_split_differently_differ(tree):
    assert cache.digest(tree, ["ab", "c"]) != cache.digest(tree, ["a", "bc"])


def test_lookup_after_store_gives_the_same_bytes(folder, tmp_path):
    assert cache.lookup("key") is None
    cache.store("key", make_module(tmp_path, b"module"))
    found = cache.lookup("key")
    assert found is not None
    assert found.read_bytes() == b"module"


def test_store_over_the_limit_drops_what_was_used_longest_ago(folder, tmp_path):
    module = make_module(tmp_path, b"module")
    for age in range(cache.KEEP):
        cache.store(f"key{age}", module)
        os.utime(folder / f"key{age}.so", (1000 - age, 1000 - age))
    oldest = cache.KEEP - 1
    assert cache.lookup(f"key{oldest}") is not None  # a use: no longer the oldest
    cache.store("new", module)
    names = {path.stem for path in folder.iterdir()}
    assert names == {"new", *(f"key{age}" for age in range(cache.KEEP))} - {f"key{oldest - 1}"}


def test_store_unwritable_folder_is_no_error(tmp_path, monkeypatch):
    blocker = tmp_path / "file"
    blocker.touch()
    monkeypatch.setenv("GUV_BUILD_CACHE", str(blocker / "below"))
    cache.store("key", make_module(tmp_path, b"module"))
    assert cache.lookup("key") is None


def test_cache_folder_set_to_nothing_turns_the_cache_off(tmp_path, monkeypatch):
    monkeypatch.setenv("GUV_BUILD_CACHE", "")
    cache.store("key", make_module(tmp_path, b"module"))
    assert cache.cache_folder() is None
    assert cache.lookup("key") is None


def test_cache_folder_follows_xdg_then_home(monkeypatch):
    monkeypatch.delenv("GUV_BUILD_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache.cache_folder() == Path("/xdg/guv")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert cache.cache_folder() == Path("/home/somebody/.cache/guv")


def test_place_atomically_replaces_the_file_not_its_content(tmp_path):
    target = tmp_path / "target.so"
    target.write_bytes(b"old")
    with target.open("rb") as mapped:
        cache.place_atomically(make_module(tmp_path, b"new"), target)
        assert mapped.read() == b"old"
    assert target.read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["module.so", "target.so"]


def test_place_atomically_missing_source_leaves_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        cache.place_atomically(tmp_path / "missing", tmp_path / "target.so")
    assert list(tmp_path.iterdir()) == []
