"""Put the table of ``make bench BENCH_ARGS="--markdown FILE"`` into README.md: ``put_speed.py FILE...``."""

from __future__ import annotations

import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
BEGIN, END = "<!-- make bench -->\n", "<!-- end -->"


def main() -> None:
    """Replace what stands between the two marks."""
    text = README.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    table = "\n".join(Path(name).read_text(encoding="utf-8") for name in sys.argv[1:])
    README.write_text(f"{head}{BEGIN}\n{table}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
