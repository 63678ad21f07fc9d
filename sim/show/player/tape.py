"""Steps with numbers: each distinct step is kept once, and a future is told as pieces of what was told before.

A crash changes little: most steps of one future are steps of another. So a branch is a list of pieces, a flat list of
numbers: ``-n`` stands for the next ``n`` new steps, a pair ``place, n`` for ``n`` steps copied from ``place`` on the
tape, which is all branches one after another. What steps are made of (hosts, calls, sentences, changes) is kept once as
well: a step is a list of seconds, the process id, and for each of ``COLUMNS`` its place among the ``parts``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

Step = list[Any]
LONG, SHORT = 8, 2
COLUMNS = ("host", "program", "call", "result", "sentence", "change", "mark")


class Tape:
    """All branches that were told so far; ``steps`` are the distinct ones in the order of their first appearance."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.parts: list[Any] = []
        self._places: dict[bytes, int] = {}
        self._drafts: list[Step] = []
        self._numbers: dict[bytes, int] = {}
        self._places_told: dict[int, int] = {}
        self._encode = msgspec.json.Encoder().encode
        self._ids: list[int] = []
        self._long: dict[tuple[int, ...], int] = {}
        self._short: dict[tuple[int, ...], int] = {}
        self._last: dict[int, int] = {}

    def number(self, step: Step) -> int:
        """The number of a step, the same for equal ones; it gets its place among ``steps`` when it is told."""
        key = self._encode(step)
        number = self._numbers.get(key)
        if number is None:
            self._drafts.append(step)
            number = self._numbers[key] = len(self._drafts) - 1
        return number

    def _published(self, number: int) -> int:
        place = self._places_told.get(number)
        if place is None:
            passed, pid, *columns = self._drafts[number]
            self.steps.append([passed, pid, *map(self._part, columns)])
            place = self._places_told[number] = len(self.steps) - 1
        return place

    def _part(self, value: Any) -> int:
        place = self._places.setdefault(self._encode(value), len(self.parts))
        if place == len(self.parts):
            self.parts.append(value)
        return place

    def tell(self, numbers: Sequence[int]) -> list[int]:
        """Append a branch; give it in pieces."""
        pieces: list[int] = []
        place = self.length
        self._ids += map(self._published, numbers)
        while place < len(self._ids):
            start = place
            while place < len(self._ids) and self._ids[place] == len(self._last):
                self._remember(place)
                place += 1
            if place > start:
                pieces.append(start - place)
                continue
            found, count = self._copied(place)
            pieces += [found, count]
            for place in range(start, start + count):
                self._remember(place)
            place = start + count
        return pieces

    @property
    def length(self) -> int:
        return len(self._ids)

    def _copied(self, place: int) -> tuple[int, int]:
        """Where on the tape the longest run begins that goes on like this one, and how long it is."""
        ids = self._ids
        found = [self._last[ids[place]]]
        for known, size in ((self._long, LONG), (self._short, SHORT)):
            here = tuple(ids[place : place + size])
            found += [known[here]] if here in known else []
        return max(((one, self._run(one, place)) for one in found), key=lambda pair: pair[1])

    def _run(self, at: int, place: int) -> int:
        count = 0
        while place + count < len(self._ids) and self._ids[at + count] == self._ids[place + count]:
            count += 1
        return count

    def _remember(self, place: int) -> None:
        self._last[self._ids[place]] = place
        for known, size in ((self._long, LONG), (self._short, SHORT)):
            start = place - size + 1
            if start >= 0:
                known[tuple(self._ids[start : place + 1])] = start
