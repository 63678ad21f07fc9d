"""What the mail systems logged, and the delivery attempts that can be read from it (as qmailanalog reads it)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from sim.trace import Trace

_START = re.compile(r"starting delivery (\d+): msg (\d+) to (local|remote) (.*)")
_END = re.compile(r"delivery (\d+): (success|deferral|failure|report mangled)(?:: |, )(.*)")


class LogLine(NamedTuple):
    """Seconds since the start, the host, the text."""

    t: float
    host: str
    text: str


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
    """All log lines in order, or one host's."""
    return [
        LogLine(t, who[0], call[2])
        for t, who, call, _, _, _ in trace.rows
        if call[0] == "syslog" and (host is None or who[0] == host)
    ]


def attempts(trace: Trace) -> list[Attempt]:
    """Delivery attempts in the order in which they began; delivery numbers start again with qmail-send."""
    found: list[Attempt] = []
    open_ones: dict[tuple[str, str], Attempt] = {}
    for t, host, text in log_lines(trace):
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
