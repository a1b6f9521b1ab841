"""Check what a wheel carries: ``check_wheel.py WHEEL``.

One extension module and nothing else of gopy's; typed; linked against the C library only, with no path of the build
machine, no symbol table; and portable enough for a manylinux tag, which is printed.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

_ALLOWED_LIBRARIES = re.compile(r"(libc|libpthread|libdl|libresolv|libm|ld-linux-[\w-]+)\.so\.\d+")


def check_content(names: list[str]) -> list[str]:
    """Return complaints about the list of files in the wheel."""
    complaints = []
    extension = [name for name in names if name.startswith("guv/_ext/")]
    modules = [name for name in extension if re.fullmatch(r"guv/_ext/_pyext\.cpython-\d+-[\w-]+\.so", name)]
    if len(modules) != 1 or sorted(extension) != sorted(["guv/_ext/__init__.py", *modules]):
        complaints.append(f"guv/_ext should hold an empty __init__.py and one module, but holds {extension}")
    complaints += [f"{name} should be there" for name in ("guv/__init__.py", "guv/py.typed") if name not in names]
    stray = [name for name in names if not re.match(r"guv(-[^/]+\.dist-info)?/", name)]
    if stray:
        complaints.append(f"files outside the package: {stray}")
    return complaints


def check_module(data: bytes) -> list[str]:
    """Return complaints about the extension module."""
    complaints = []
    elf = ELFFile(io.BytesIO(data))
    if elf.get_section_by_name(".symtab") is not None:
        complaints.append("the extension is not stripped")
    for section in elf.iter_sections():
        if not isinstance(section, DynamicSection):
            continue
        for tag in section.iter_tags():
            if tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH"):
                complaints.append(f"the extension carries a library path of the build machine: {tag}")
            if tag.entry.d_tag == "DT_NEEDED" and not _ALLOWED_LIBRARIES.fullmatch(tag.needed):
                complaints.append(f"the extension links {tag.needed}")
    return complaints


def manylinux_tag(wheel: Path) -> str | None:
    """Return the manylinux tag that auditwheel finds the wheel consistent with, or None."""
    shown = subprocess.run(
        [sys.executable, "-m", "auditwheel", "show", str(wheel)], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r'"(manylinux_\w+)"', shown)
    return found[1] if found else None


def main() -> int:
    """Check the wheel and print its tag and sizes, or what is wrong with it."""
    wheel = Path(sys.argv[1])
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        complaints = check_content(names)
        module = next((name for name in names if name.endswith(".so")), None)
        data = archive.read(module) if module else b""
    if module:
        complaints += check_module(data)
    tag = manylinux_tag(wheel)
    if tag is None:
        complaints.append("auditwheel finds no manylinux tag for the wheel")
    for complaint in complaints:
        print(f"{wheel.name}: {complaint}")
    if not complaints:
        print(f"{wheel.name}: {wheel.stat().st_size:,} bytes, extension {len(data):,} bytes, {tag}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
