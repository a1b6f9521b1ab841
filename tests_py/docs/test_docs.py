"""What README and docs say is true as far as a program can tell: code compiles and prints what they show, links lead
somewhere, names exist.

A ``python`` block that is directly followed by a ``text`` block prints exactly that, on every hub.
"""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import guv

Script = Callable[..., str]

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "bench" / "README.md"])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
INLINE = re.compile(r"`(guv(?:\.\w+)+)`")


@dataclass(frozen=True)
class Block:
    """A piece of code on a page."""

    page: str
    line: int
    code: str
    printed: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def python_blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = list(FENCE.finditer(text))
    blocks = []
    for number, match in enumerate(found):
        if match[1] != "python":
            continue
        following = found[number + 1] if number + 1 < len(found) else None
        shows = following is not None and following[1] == "text" and not text[match.end() : following.start()].strip()
        printed = following[2] if shows and following is not None else None
        blocks.append(Block(str(page.relative_to(ROOT)), text.count("\n", 0, match.start()) + 1, match[2], printed))
    return blocks


BLOCKS = [block for page in PAGES for block in python_blocks(page)]
SHOWN = [block for block in BLOCKS if block.printed is not None]


def prose(page: str) -> str:
    """The page without its code blocks."""
    return FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_python_block_compiles(block: Block) -> None:
    ast.parse(block.code, filename=str(block))


@pytest.mark.parametrize("block", SHOWN, ids=str)
def test_python_block_prints_what_the_page_shows(block: Block, script: Script) -> None:
    assert script(block.code) == block.printed


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_files_and_headings_that_exist(name: str) -> None:
    page = ROOT / name
    broken = []
    for target in LINK.findall(prose(name)):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


def _exists(name: str) -> bool:
    """Whether a dotted name can be imported. One that needs a library which is not installed counts as existing."""
    parts = name.split(".")
    found: object = guv
    for number, part in enumerate(parts[1:], 2):
        try:
            found = getattr(found, part)
        except (AttributeError, ImportError):
            try:
                found = importlib.import_module(".".join(parts[:number]))
            except ModuleNotFoundError as error:
                return not str(error.name).startswith("guv")
            except ImportError:
                return True
    return True


@pytest.mark.parametrize("name", NAMES)
def test_names_of_guv_exist(name: str) -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(guv.__file__).parent.rglob("*.py"))
    loggers = set(re.findall(r'getLogger\("([\w.]+)"\)', sources))
    wrong = sorted({found for found in INLINE.findall(prose(name)) if found not in loggers and not _exists(found)})
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_make_targets_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(re.findall(r"`make ([a-z][a-z-]*)", text)) | set(
        re.findall(r"^make ([a-z][a-z-]*)", text, re.MULTILINE)
    )
    assert named <= targets


def test_every_page_is_reached_from_the_index() -> None:
    reached = {(ROOT / "docs" / link.partition("#")[0]).resolve() for link in LINK.findall(prose("docs/index.md"))}
    pages = {page for page in PAGES if page.parent == ROOT / "docs" and page.name != "index.md"}
    assert sorted(page.name for page in pages - reached) == []


def test_reference_has_every_public_name() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    source = ast.parse(Path(guv.__file__).read_text(encoding="utf-8"))
    imported = [alias for node in ast.walk(source) if isinstance(node, ast.ImportFrom) for alias in node.names]
    public = {alias.name for alias in imported if alias.asname == alias.name and not alias.name.startswith("_")}
    assert "spawn" in public
    assert sorted(name for name in public if f"guv.{name}" not in text) == []


def test_code_is_written_for_readers_of_any_place() -> None:
    """No page names the machine that it was written on."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True)
    for name in listed.stdout.split() or NAMES:
        assert "/root/" not in (ROOT / name).read_text(encoding="utf-8"), name
