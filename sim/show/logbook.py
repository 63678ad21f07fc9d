"""qmail's log as syslogd writes it, with the simulated date in front (the course text's section 9)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sim.folds.log import LogLine
from sim.show.clock import syslog_date
from sim.show.view import Span, View

_COLOURS = {"success": "green", "deferral": "yellow", "failure": "red", "alert": "red", "warning": "yellow"}


def log_view(lines: Iterable[LogLine], start: datetime) -> View:
    """``Nov 22 08:00:01 ai3 qmail: new msg 53``, one line each; what multilog kept begins with its stamp instead."""
    return View(_row(line, start) for line in lines)


def _row(line: LogLine, start: datetime) -> list[Span]:
    place = f"{syslog_date(start, line.t)} {line.host.partition('.')[0]} qmail: "
    if line.stamp:
        place = f"{line.stamp} "
    words = line.text.replace(":", " ").split()
    style = next((_COLOURS[word] for word in words[:3] if word in _COLOURS), "")
    return [(place, "dim"), (line.text, "dim" if words[:1] == ["status"] else style)]
