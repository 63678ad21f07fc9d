"""The daemons and their users at one time, as ``ps ax`` shows them (the course text's section 9)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sim.folds.processes import ProcessLife
from sim.show.clock import syslog_date
from sim.show.view import Span, View

LONGEST = 41  # columns that are left of 80
DAEMONS = ("qmail-send", "qmail-lspawn", "qmail-rspawn", "qmail-clean", "splogger", "tcpserver")


def ps_view(lives: Sequence[ProcessLife], start: datetime) -> View:
    """``lives`` of one host as they stood at that time; only those that live, long commands cut as ps(1) does."""
    alive = [life for life in lives if life.end is None]
    parents = {life.parent for life in alive}
    spawning = any(life.pid in parents and life.program in ("qmail-lspawn", "qmail-rspawn") for life in alive)
    rows: list[list[Span]] = [[("  PID USER     STARTED         COMMAND", "bold")]]
    for life in sorted(alive, key=lambda one: one.pid):
        busy = spawning if life.program == "qmail-send" else life.pid in parents
        idle = life.program in DAEMONS and not busy
        command = (" ".join(life.argv) or life.program)[:LONGEST]
        line = f"{life.pid:5} {life.user:<8} {syslog_date(start, life.start)} {command}"
        rows.append([(line, "red" if life.user == "root" else ""), ("  (idle)" if idle else "", "dim")])
    return View(rows if alive else [*rows, [("  (nothing runs)", "dim")]])
