"""What is wrong with a little text, said so that a student can mend it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

_LONGEST_WORD = 80  # difflib compares every letter with every letter
_MOST_WORDS = 200


class NotationError(ValueError):
    """A text that cannot be read; `line` counts from 1 within that text, or is None; `hint` says what to write.

    `word` is the mistyped one and `known` what it may have meant: the comparison is made when somebody reads it.
    """

    def __init__(
        self, message: str, hint: str = "", line: int | None = None, word: str = "", known: Sequence[str] = ()
    ) -> None:
        super().__init__(message, hint, line, word)
        self.message = message
        self.line = line
        self._advice = hint
        self._word = word
        self._known = known

    @property
    def hint(self) -> str:
        return f"{did_you_mean(self._word, self._known)} {self._advice}".strip()

    def __str__(self) -> str:
        where = "" if self.line is None else f"line {self.line}: "
        return f"{where}{self.message} ({self.hint})" if self.hint else f"{where}{self.message}"


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Name the known word that a mistyped one resembles, letters in the wrong order first, or return the empty string.

    >>> did_you_mean("mat", ["mta", "mua", "users"])
    "did you mean 'mta'?"
    """
    if not word or len(word) > _LONGEST_WORD:
        return ""
    candidates = [name for name in known[:_MOST_WORDS] if len(name) <= _LONGEST_WORD]
    near = [name for name in candidates if name != word and sorted(name) == sorted(word)]
    near = near or difflib.get_close_matches(word, candidates, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""


def quoted(text: object) -> str:
    """Show what was found, in one short line, whatever it is."""
    shown = repr(text[:64] if isinstance(text, str) else text)
    return shown if len(shown) <= 48 else shown[:45] + "…" + shown[0]
