"""What qmail-send said and what a logger kept of it, and the delivery attempts in it (as qmailanalog reads it)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sim.folds.kinds import Table, Wish, Wishes, look
from sim.trace import Row, Trace

LOG = 0
_START = re.compile(r"starting delivery (\d+): msg (\d+) to (local|remote) (.*)")
_END = re.compile(r"delivery (\d+): (success|deferral|failure|report mangled)(?:: |, )(.*)")


class LogLine(NamedTuple):
    """Seconds since the start, the host, the text; ``stamp`` is the label that multilog put in front of it."""

    t: float
    host: str
    text: str
    stamp: str = ""


@dataclass(slots=True)
class Attempt:
    """One delivery attempt; ``result`` is None while (or because) nobody ever reported its end.

    ``delivery`` is its number in the log, which begins again with each qmail-send; ``row`` is where in the trace it
    begins (0 in an attempt that was read from a log).
    """

    host: str
    delivery: int
    message: int
    channel: str
    recipient: str
    start: float
    end: float | None = None
    result: str | None = None
    report: str = ""
    row: int = 0

    def fork(self) -> Attempt:
        """Another one like it."""
        return Attempt(
            self.host, self.delivery, self.message, self.channel, self.recipient, self.start, self.end, self.result,
            self.report, self.row,
        )  # fmt: skip


def log_lines(trace: Trace, host: str | None = None) -> list[LogLine]:
    """What the loggers kept, in order, of all hosts or of one: splogger by syslog, multilog in a file."""
    return [line for row in trace.rows if host is None or row[1][0] == host for line in kept_lines(row)]


def kept_lines(row: Row) -> list[LogLine]:
    """The lines that a logger keeps with one call."""
    t, (host, program, _), call, target, _, error = row
    if call[0] == "syslog":
        return [LogLine(t, host, call[2])]
    if call[0] != "write" or program != "multilog" or error is not None or not (target or "").endswith("/current"):
        return []
    lines = (line.partition(" ") for line in call[2].decode("latin-1").splitlines())
    return [LogLine(t, host, text, stamp) for stamp, _, text in lines]


def said_lines(trace: Trace) -> list[LogLine]:
    """What every qmail-send said, whether or not a logger was there to hear it."""
    return [LogLine(row[0], row[1][0], line) for row in trace.rows if row[2][0] == "write" for line in _said(row)]


def _said(row: Row) -> list[str]:
    """The lines of a log that a write says, if it is qmail-send that writes them."""
    _, (_, program, _), call, target, *_ = row
    said = program == "qmail-send" and call[1] == LOG and target == "pipe"
    return call[2].decode("latin-1").splitlines() if said else []


class AttemptFold:
    """Delivery attempts in the order in which they began; delivery numbers start again with qmail-send."""

    def __init__(self) -> None:
        self.all: list[Attempt] = []
        self.open: dict[tuple[str, str], Attempt] = {}

    def fork(self) -> AttemptFold:
        """Another one like it; of an attempt that is over nothing more is ever said."""
        own = {id(one): one.fork() for one in self.open.values()}
        other = AttemptFold()
        other.all = [own.get(id(one), one) for one in self.all]
        other.open = {key: own[id(one)] for key, one in self.open.items()}
        return other

    def hear(self, t: float, host: str, text: str, row: int = 0) -> None:
        """A line of the log."""
        if begun := _START.fullmatch(text):
            number, message, channel, recipient = begun.groups()
            attempt = self.open[host, number] = Attempt(host, int(number), int(message), channel, recipient, t, row=row)
            self.all.append(attempt)
        elif ended := _END.fullmatch(text):
            number, result, report = ended.groups()
            known = self.open.pop((host, number), None)
            if known is not None:
                known.end, known.result, known.report = t, result, report


def _write(fold: AttemptFold, index: int, row: Row) -> None:
    """Only lines with this word in them say anything of attempts."""
    if b"delivery " in row[2][2]:
        for line in _said(row):
            fold.hear(row[0], row[1][0], line, index)


WISHES: Wishes = (Wish("write", ("pipe",), _write, ("qmail-send",), failed=True),)


def attempts(trace: Trace) -> list[Attempt]:
    """The attempts of every qmail-send, whatever became of its log."""
    fold = AttemptFold()
    look(Table(WISHES), (fold,), trace.rows)
    return fold.all


def attempts_in(lines: Iterable[LogLine]) -> list[Attempt]:
    """The attempts that these lines of a log speak of."""
    fold = AttemptFold()
    for t, host, text, _ in lines:
        fold.hear(t, host, text)
    return fold.all
