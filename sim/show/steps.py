"""A terminal session as a course text prints it: a prompt, the command, and what it said."""

from __future__ import annotations

from collections.abc import Iterable

from sim.folds.steps import Typed
from sim.show.clock import seconds
from sim.show.escape import readable
from sim.show.view import Span, View


def steps_view(commands: Iterable[Typed]) -> View:
    """``# command`` (``$`` for people who are not root) with its output below, under the host and the time."""
    rows: list[list[Span]] = []
    for one in commands:
        rows += [[]] if rows else []
        rows.append([(f"[{one.host}, {one.user}, {seconds(one.t)} after the start]", "dim")])
        rows.append([("# " if one.user == "root" else "$ ", "dim"), (one.command, "bold")])
        printed = one.printed.decode("latin-1").replace("\r", "").splitlines()
        rows += [[(readable(line).expandtabs(), "")] for line in printed]
    return View(rows or ["(nobody typed anything)"])
