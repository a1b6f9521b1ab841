"""What `monkey_patch` has done, as data and as text."""

from __future__ import annotations

from .. import support


class Report:
    """Names are dotted, the module first: ``"time.sleep"``, ``"socket.socket.recv"``."""

    __slots__ = ("groups", "missed", "rebound")

    def __init__(self) -> None:
        #: group -> what was replaced at its place of definition
        self.groups: dict[str, list[str]] = {}
        #: where else a replaced object stood by name (``from time import sleep``, class attributes)
        self.rebound: list[str] = []
        #: what still holds the blocking object
        self.missed: list[str] = []

    @property
    def libraries(self) -> dict[str, str]:
        """For each library of `guv.support`: ``active``, ``waits for the import``, or why it could not be applied."""
        return support.report()

    def touched(self) -> set[str]:
        """The modules in which something was replaced; of classes, those that define them."""
        names = [name for group in self.groups.values() for name in group] + self.rebound
        found = set()
        for name in names:
            while "." in name:
                name = name.rpartition(".")[0]
                found.add(name)
        return found

    def __str__(self) -> str:
        lines = []
        for group, names in self.groups.items():
            lines.append(f"{group}:")
            lines += [f"  {name}" for name in names]
        for title, names in (
            ("also replaced where it was imported", self.rebound),
            ("could not be replaced", self.missed),
        ):
            if names:
                lines.append(f"{title}:")
                lines += [f"  {name}" for name in names]
        if self.libraries:
            lines.append("libraries of guv.support:")
            lines += [f"  {name}: {state}" for name, state in self.libraries.items()]
        return "\n".join(lines) or "nothing is patched"

    def __repr__(self) -> str:
        count = sum(map(len, self.groups.values()))
        return (
            f"<Report of {', '.join(self.groups) or 'no groups'}: {count} replaced, {len(self.rebound)} rebound, "
            f"{len(self.missed)} missed>"
        )
