"""qmail's log as syslogd writes it, with the simulated date in front (the course text's section 9)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sim.folds.log import LogLine
from sim.qmail.splogger import stamp
from sim.show.clock import syslog_date
from sim.show.view import Span, View

_COLOURS = {"success": "green", "deferral": "yellow", "failure": "red", "alert": "red", "warning": "yellow"}


def log_view(lines: Iterable[LogLine], start: datetime) -> View:
    """``Nov 22 08:00:01 ai3 qmail: 1321923601.380000 new msg 53``, one line each; multilog has a stamp of its own."""
    return View(_row(line, start) for line in lines)


def _row(line: LogLine, start: datetime) -> list[Span]:
    if line.stamp:
        place = f"{line.stamp} "
    else:
        when = stamp(line.text, start.timestamp() + line.t)
        place = f"{syslog_date(start, line.t)} {line.host.partition('.')[0]} qmail: {when}"
    words = line.text.replace(":", " ").split()
    style = next((_COLOURS[word] for word in words[:3] if word in _COLOURS), "")
    return [(place, "dim"), (line.text, "dim" if words[:1] == ["status"] else style)]
