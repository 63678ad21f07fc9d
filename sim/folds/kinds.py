"""How folds look at a trace: each says which rows it wants to see, and all of them are shown a row before the next.

A fold names the kinds of calls, how the names begin that they are about, and perhaps the programs that make them.
Most rows concern nobody, and those that do concern one fold or two: so one walk serves them all. Whoever keeps a
fold's state may go on from there when more rows have come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from sim.trace import Row

Handler = Callable[[Any, int, Row], None]  # the fold, the row's place in the trace, the row
ANY = ("",)


class Wish(NamedTuple):
    """Rows that a fold wants to see: calls of a ``kind`` that did not fail, unless ``failed`` wants those as well.

    ``starts`` are beginnings of names, ``programs`` who is to make the call: anybody, if none is named.
    """

    kind: str
    starts: tuple[str, ...]
    handler: Handler
    programs: tuple[str, ...] = ()
    failed: bool = False


Wishes = tuple[Wish, ...]
Shown = tuple[tuple[str, ...], tuple[str, ...], bool, Handler, int]
Table = dict[str, tuple[dict[str, list[Shown]], list[Shown]]]


def table(*each: Wishes) -> Table:
    """What several folds want to see, as ``look`` needs it: of each kind by the first letter of names, and else.

    Most rows are told apart by that letter, and need no second look. The folds are shown a row in their order.
    """
    found: Table = {}
    kinds = {wish.kind for wishes in each for wish in wishes}
    letters = {start[:1] for wishes in each for wish in wishes for start in wish.starts}
    for kind in kinds:
        by_letter = {letter: _shown(each, kind, letter) for letter in letters if letter}
        found[kind] = (by_letter, _shown(each, kind, ""))
    return found


def _shown(each: Sequence[Wishes], kind: str, letter: str) -> list[Shown]:
    """What is wanted of a kind where names begin with a letter."""
    return [
        (wish.starts, wish.programs, wish.failed, wish.handler, number)
        for number, wishes in enumerate(each)
        for wish in wishes
        if wish.kind == kind and any(start[:1] in ("", letter) for start in wish.starts)
    ]


def look(wanted: Table, folds: Sequence[object], rows: Iterable[Row], first: int = 0) -> None:
    """Show folds the rows that they want to see; ``first`` is the place of the first row in its trace."""
    for index, row in enumerate(rows, first):
        kind = row[2][0]
        if kind in wanted:
            name = row[3] or ""
            by_letter, others = wanted[kind]
            for starts, programs, failed, handler, number in by_letter.get(name[:1], others):
                if name.startswith(starts) and (not programs or row[1][1] in programs) and (failed or row[5] is None):
                    handler(folds[number], index, row)
