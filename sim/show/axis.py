"""The axis of time, folded where nothing happens: hours of waiting must not squash the second that matters.

A pure fold: interesting instants go in; out come places between 0 and 1, marks, and the folds with how much they
leave out. Without folds the axis is linear.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

MOST_FOLDS = 2
JUMP = 12.0
FOLD_WIDTH = 0.05
LEAST_WIDTH = 0.10
UNITS = ((180.0, 1.0, "s"), (10_800.0, 60.0, "min"), (345_600.0, 3600.0, "h"), (math.inf, 86_400.0, "d"))
STEPS = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0)
LONG_STEPS = (21_600.0, 43_200.0, *(86_400.0 * n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)))


class Fold(NamedTuple):
    """A stretch of time that is left out: its places on the axis, and its length in seconds."""

    left: float
    right: float
    seconds: float


class Axis:
    """``knots`` are pairs of seconds and places (0 to 1) between which the axis is linear."""

    def __init__(self, knots: Sequence[tuple[float, float]], folds: Sequence[Fold]) -> None:
        self.knots = list(knots)
        self.folds = list(folds)
        self._times = [t for t, _ in knots]

    def place(self, t: float) -> float:
        """Where a second lies; the ends of the axis for what is outside."""
        index = min(max(bisect_right(self._times, t), 1), len(self.knots) - 1)
        (t0, x0), (t1, x1) = self.knots[index - 1], self.knots[index]
        return min(max(x0 + (x1 - x0) * (t - t0) / (t1 - t0), 0.0), 1.0)

    @property
    def segments(self) -> list[tuple[float, float, float, float]]:
        """The stretches that are drawn to scale: seconds from and to, places from and to."""
        hidden = {fold.left for fold in self.folds}
        pairs = pairwise(self.knots)
        return [(t0, t1, x0, x1) for (t0, x0), (t1, x1) in pairs if x0 not in hidden]

    @property
    def unit(self) -> str:
        """``s``, ``min``, ``h`` or ``d``; with folds a clock, since near and far must both be readable."""
        if self.folds:
            return "s" if self._times[-1] <= UNITS[0][0] else "h:min:s"
        return next(name for limit, _, name in UNITS if self._times[-1] <= limit)

    def marks(self, most: int = 9) -> list[tuple[float, str]]:
        """Places and words of the marks, in all segments together about ``most``."""
        found: list[tuple[float, str]] = []
        for t0, t1, x0, x1 in self.segments:
            wanted = max(1.0, most * (x1 - x0))
            step, times = 1.0, list[float]()
            while not times:
                step = _step((t1 - t0) / wanted)
                first = math.ceil(t0 / step - 1e-9)
                times = [number * step for number in range(first, math.floor(t1 / step + 1e-9) + 1)]
                wanted *= 1.5
            found += [(self.place(t), self._word(t, step)) for t in times]
        return found

    def _word(self, t: float, step: float) -> str:
        if self.unit == "h:min:s":
            return _clock(t, step)
        size = next(size for _, size, name in UNITS if name == self.unit)
        digits = max(0, -math.floor(math.log10(step / size) + 1e-9))
        return f"{t / size:.{min(digits, 6)}f}" if digits <= 2 or size == 1.0 else f"{t / size:g}"


def _clock(t: float, step: float) -> str:
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step < 1 else 0
    whole = round(t, digits)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    width = 2 if digits == 0 else 3 + digits
    return f"{int(hours)}:{int(minutes):02}:{secs:0{width}.{digits}f}"


def _step(least: float) -> float:
    """The next round number of seconds, minutes, hours or days."""
    if least <= STEPS[0]:
        power = 10.0 ** math.floor(math.log10(max(least, 1e-6)))
        return next(power * n for n in (1, 2, 5, 10) if power * n >= least - 1e-12)
    return next((step for step in (*STEPS, *LONG_STEPS) if step >= least), LONG_STEPS[-1])


def fold_axis(instants: Iterable[float]) -> Axis:
    """An axis for these instants, in seconds; at least something is always as wide as a second.

    >>> [round(fold.seconds) for fold in fold_axis([1.0, 1.4, 61.0, 61.3, 1201.0, 1201.5]).folds]
    [60, 1140]
    >>> fold_axis([0.0, 400.0, 1600.0, 3600.0]).folds
    []
    """
    times = sorted(set(instants)) or [0.0]
    gaps = sorted(((after - t, t, after) for t, after in pairwise(times)), reverse=True)
    groups, start = [], times[0]
    for _, t, after in sorted(gaps[: _how_many([gap for gap, *_ in gaps])], key=lambda gap: gap[1]):
        groups.append((start, t))
        start = after
    groups.append((start, times[-1]))
    shown = sum(end - begin for begin, end in groups)
    margin = 0.04 * shown or 0.5
    return _lay_out([(max(0.0, begin - margin), end + margin) for begin, end in groups])


def _how_many(gaps: Sequence[float]) -> int:
    """How many of the gaps, the longest first, are so much longer than the next that they are folded."""
    best = 0
    for count in range(1, min(MOST_FOLDS, len(gaps) - 1) + 1):
        if gaps[count - 1] > JUMP * gaps[count] and gaps[count - 1] > sum(gaps[count:]):
            best = count
    return best


def _lay_out(groups: Sequence[tuple[float, float]]) -> Axis:
    room = 1.0 - FOLD_WIDTH * (len(groups) - 1)
    total = sum(end - begin for begin, end in groups)
    raw = [max(LEAST_WIDTH, (end - begin) / total) for begin, end in groups]
    widths = [room * one / sum(raw) for one in raw]
    knots: list[tuple[float, float]] = []
    folds: list[Fold] = []
    x = 0.0
    for (begin, end), width in zip(groups, widths, strict=True):
        if knots:
            folds.append(Fold(x, x + FOLD_WIDTH, begin - knots[-1][0]))
            x += FOLD_WIDTH
        knots += [(begin, x), (end, x + width)]
        x += width
    return Axis(knots, folds)
