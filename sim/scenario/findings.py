"""From things found wrong, by whichever check, to Problems in the order of their lines."""

from __future__ import annotations

from typing import NamedTuple

from ..notation.errors import NotationError
from .errors import MOST_SHOWN, Problem, ScenarioError
from .marks import Mark, Marks, Path

_LONGEST_NAME = 120


class Finding(NamedTuple):
    """What is wrong with which part, and the path of the entry, key or line of text that is to blame."""

    part: Path
    error: NotationError
    place: Path
    on_key: bool = False
    line: int | None = None

    def mark(self, marks: Marks) -> Mark:
        if self.line is not None:
            return marks.inside(self.place, self.line)
        return marks.key(self.place) if self.on_key else marks.value(self.place)


def report(findings: list[Finding], marks: Marks, file: str) -> ScenarioError:
    """One problem for a place, the first ones written out and the rest counted."""
    first: dict[tuple[Mark, Path], Finding] = {}
    for finding in findings:
        first.setdefault((finding.mark(marks), finding.place), finding)
    placed = sorted(first.items(), key=lambda item: item[0][0])
    problems = tuple(_problem(finding, mark, file) for (mark, _), finding in placed[:MOST_SHOWN])
    return ScenarioError(problems, len(placed) - len(problems))


def told(findings: list[Finding], marks: Marks, file: str) -> tuple[Problem, ...]:
    """Findings as Problems, in the order of their lines."""
    return tuple(sorted(_problem(finding, finding.mark(marks), file) for finding in findings))


def _problem(finding: Finding, mark: Mark, file: str) -> Problem:
    part = name(finding.part)
    message = f"{part}: {finding.error.message}" if part else finding.error.message
    return Problem(file, mark.line, mark.column, message, finding.error.hint)


def name(path: Path) -> str:
    """A path as a person says it; items of a list are counted from 1.

    >>> name(("mail", 1, "from"))
    'mail#2.from'
    """
    words = (f"#{step + 1}" if isinstance(step, int) else f".{step.removeprefix('.')}" for step in path)
    steps = "".join(words).removeprefix(".")
    shown = steps if steps.isprintable() else ascii(steps)
    return shown if len(shown) <= _LONGEST_NAME else shown[: _LONGEST_NAME - 1] + "…"
