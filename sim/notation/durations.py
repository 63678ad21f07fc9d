"""Lengths of time as people write them: 250ms, 30s, 5m, 2h, 8d, 1h30m, and a bare 0."""

from __future__ import annotations

import math
import re

import durationpy

from .errors import NotationError, quoted

EXAMPLES = ("250ms", "30s", "5m", "2h", "8d", "1h30m")
PATTERN = r"^(0|([0-9]+(\.[0-9]+)?(ms|us|s|m|h|d|w))+)$"
LONGEST = 100 * 365 * 86_400.0  # seconds in a hundred years
_HINT = "write a length of time as in: " + ", ".join(EXAMPLES)
_MOST_LETTERS = 60
_UNITS = ((86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"))  # in microseconds


def parse(text: object) -> float:
    """Seconds, to the microsecond; raises NotationError for whatever is not a length of time.

    >>> parse("1h30m"), parse("250ms"), parse(0)
    (5400.0, 0.25, 0.0)
    """
    if isinstance(text, int) and not isinstance(text, bool) and text == 0:
        return 0.0
    if isinstance(text, int | float) and not isinstance(text, bool):
        raise NotationError(f"{quoted(text)} is a number without a unit", _HINT)
    if not isinstance(text, str) or not text.strip():
        raise NotationError(f"{quoted(text)} is not a length of time", _HINT)
    return _seconds(text.strip())


def _seconds(text: str) -> float:
    if text.startswith("-") and text != "-0":
        raise NotationError(f"{quoted(text)} is negative", "time runs forward here; " + _HINT)
    if re.fullmatch(r"[0-9.]+", text) and text.strip("0."):
        raise NotationError(f"{quoted(text)} is a number without a unit", _HINT)
    if len(text) > _MOST_LETTERS or not re.fullmatch(PATTERN, text):
        raise NotationError(f"{quoted(text)} is not a length of time", _HINT)
    try:
        seconds: float = durationpy.from_str(text).total_seconds()
    except (ValueError, OverflowError):
        seconds = math.inf
    if seconds > LONGEST:
        raise NotationError(f"{quoted(text)} is longer than a hundred years", _HINT)
    return seconds


def text(seconds: float) -> str:
    """A length of time in the same notation, exact to the microsecond, so that `parse` gives it back.

    >>> text(401), text(0.25), text(691200), text(0)
    ('6m41s', '250ms', '8d', '0s')
    """
    left = round(abs(seconds) * 1_000_000)
    sign = "-" if seconds < 0 and left else ""
    if left < 1_000_000:
        return sign + ("0s" if not left else f"{left / 1000:g}ms" if left >= 1000 else f"{left}us")
    parts = ""
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        parts += f"{count}{unit}" if count else ""
    if left:
        parts += f"{left / 1_000_000:.6f}".rstrip("0").rstrip(".") + "s"
    return sign + parts
