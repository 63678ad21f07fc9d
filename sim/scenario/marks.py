"""Where every key and value of a scenario stands in its file, so that each error can point at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

Path: TypeAlias = tuple[str | int, ...]


class Mark(NamedTuple):
    """A place in a file; both count from 1."""

    line: int
    column: int


class Marks:
    """Marks of keys and values by path, as in ("hosts", "students.itb.ac.id", "mta").

    A path that the file does not hold stands where the nearest one above it does.
    """

    def __init__(self, source: str = "") -> None:
        self.keys: dict[Path, Mark] = {}
        self.values: dict[Path, Mark] = {(): Mark(1, 1)}
        self.blocks: dict[Path, str] = {}
        self._lines = source.split("\n")

    def key(self, path: Path) -> Mark:
        """The mark of the key; of the item itself in a list."""
        return self.keys[path] if path in self.keys else self.value(path)

    def value(self, path: Path) -> Mark:
        return self.values[_known(path, self.values)]

    def inside(self, path: Path, line: int) -> Mark:
        """The place of a line of a text; exact in block scalars (`|`), else where the text begins."""
        path = _known(path, self.values)
        start = self.values[path]
        if path not in self.blocks:
            return start
        wanted = self.blocks[path].split("\n")[line - 1 : line]
        found = self._lines[start.line + line - 1 : start.line + line]
        if wanted and found and found[0].endswith(wanted[0]):
            return Mark(start.line + line, len(found[0]) - len(wanted[0].lstrip()) + 1)
        return start

    def comment_after(self, path: Path) -> str:
        """The comment on the line of a key, behind its colon and nothing else; empty where there is none."""
        if path not in self.keys:
            return ""
        place = self.keys[path]
        rest = self._lines[place.line - 1][place.column - 1 :].partition(":")[2].strip()
        return rest if rest.startswith("#") else ""


def _known(path: Path, known: Mapping[Path, Mark]) -> Path:
    while path not in known:
        path = path[:-1]
    return path
