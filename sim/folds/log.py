"""What qmail-send said and what a logger kept of it, and the delivery attempts in it (as qmailanalog reads it)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from sim.trace import Trace

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
    """One delivery attempt; ``result`` is None while (or because) nobody ever reported its end."""

    host: str
    message: int
    channel: str
    recipient: str
    start: float
    end: float | None = None
    result: str | None = None
    report: str = ""


def log_lines(trace: Trace, host: str | None = None) -> list[LogLine]:
    """What the loggers kept, in order, of all hosts or of one: splogger by syslog, multilog in a file."""
    found: list[LogLine] = []
    for t, who, call, target, _, error in trace.rows:
        if host is not None and who[0] != host:
            continue
        if call[0] == "syslog":
            found.append(LogLine(t, who[0], call[2]))
        elif call[0] == "write" and who[1] == "multilog" and error is None and (target or "").endswith("/current"):
            lines = (line.partition(" ") for line in call[2].decode("latin-1").splitlines())
            found += [LogLine(t, who[0], text, stamp) for stamp, _, text in lines]
    return found


def said_lines(trace: Trace) -> list[LogLine]:
    """What every qmail-send said, whether or not a logger was there to hear it."""
    return [
        LogLine(t, who[0], line)
        for t, who, call, target, _, _ in trace.rows
        if call[0] == "write" and call[1] == LOG and who[1] == "qmail-send" and target == "pipe"
        for line in call[2].decode("latin-1").splitlines()
    ]


def attempts(trace: Trace) -> list[Attempt]:
    """The attempts of every qmail-send, whatever became of its log."""
    return attempts_in(said_lines(trace))


def attempts_in(lines: Iterable[LogLine]) -> list[Attempt]:
    """Delivery attempts in the order in which they began; delivery numbers start again with qmail-send."""
    found: list[Attempt] = []
    open_ones: dict[tuple[str, str], Attempt] = {}
    for t, host, text, _ in lines:
        begun = _START.fullmatch(text)
        if begun:
            number, message, channel, recipient = begun.groups()
            attempt = Attempt(host, int(message), channel, recipient, t)
            open_ones[host, number] = attempt
            found.append(attempt)
            continue
        ended = _END.fullmatch(text)
        if ended:
            number, result, report = ended.groups()
            known = open_ones.pop((host, number), None)
            if known is not None:
                known.end, known.result, known.report = t, result, report
    return found
