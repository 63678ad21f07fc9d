"""What can be wrong with a scenario, and where: the only exceptions that leave this room.

    ValueError
      NotationError   sim.notation: a little text, with the line within it
        MisfitError        here: values that do not fit together, with the key that is to blame
    Exception
      ScenarioError   here: all Problems of one file; what `load`, `loads` and `from_data` raise

MisfitError never gets out: the validators raise it, and `words` makes Problems of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..notation.errors import NotationError

MOST_SHOWN = 20


class Problem(NamedTuple):
    """One thing that is wrong; line and column count from 1, and a whole file's trouble stands at 1:1."""

    file: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: {self.message}"
        return f"{where} ({self.hint})" if self.hint else where


class ScenarioError(Exception):
    """The scenario cannot be played; `problems` in the order of their lines, `more` counts those left out."""

    def __init__(self, problems: tuple[Problem, ...], more: int = 0) -> None:
        super().__init__(problems, more)
        self.problems = problems
        self.more = more

    def __str__(self) -> str:
        lines = [str(problem) for problem in self.problems]
        return "\n".join([*lines, f"and {self.more} more"] if self.more else lines)


class MisfitError(NotationError):
    """A value that does not fit; `key` names the entry of the mapping at hand that is to blame, if one is."""

    def __init__(
        self,
        message: str,
        hint: str = "",
        key: str = "",
        line: int | None = None,
        word: str = "",
        known: Sequence[str] = (),
    ) -> None:
        super().__init__(message, hint, line, word, known)
        self.key = key
