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
Shown = tuple[tuple[tuple[str, ...], bool, Handler, int], ...]
KEPT = 50_000


class Table:
    """What several folds want to see; they are shown a row in their order.

    Rows about the same are for the same folds, and a trace has many of those: so each answer is kept.
    """

    def __init__(self, *each: Wishes) -> None:
        self.wishes = [(wish, number) for number, wishes in enumerate(each) for wish in wishes]
        self.known: dict[str | None, dict[str, Shown]] = {}

    def wanted(self, name: str | None, kind: str) -> Shown:
        """Who wants to see calls of this kind on this name: of which programs, failed ones too, how, for which fold."""
        if len(self.known) >= KEPT:
            self.known.clear()
        found = self.known.setdefault(name, {})[kind] = tuple(
            (wish.programs, wish.failed, wish.handler, number)
            for wish, number in self.wishes
            if wish.kind == kind and (name or "").startswith(wish.starts)
        )
        return found


def look(table: Table, folds: Sequence[object], rows: Iterable[Row], first: int = 0) -> None:
    """Show folds the rows that they want to see; ``first`` is the place of the first row in its trace."""
    known = table.known
    for index, row in enumerate(rows, first):
        try:
            shown = known[row[3]][row[2][0]]
        except KeyError:
            shown = table.wanted(row[3], row[2][0])
        for programs, failed, handler, number in shown:
            if (failed or row[5] is None) and (not programs or row[1][1] in programs):
                handler(folds[number], index, row)
