"""What a scenario expects of its own crashes (``laboratory: expect:``), held against what a sweep found."""

from __future__ import annotations

from typing import Any, NamedTuple

from sim.lab.report import Report
from sim.scenario.laboratory import Promise
from sim.show.view import Span, View


class Held(NamedTuple):
    """One expectation, how many crashes ended so, and whether that is as many as expected."""

    promise: Promise
    found: int
    holds: bool

    @property
    def text(self) -> str:
        where = f" on {self.promise.filesystem}" if self.promise.filesystem else ""
        return f"{self.promise.verdict}{where}: {self.found}, expected {self.promise.count}"

    def to_data(self) -> dict[str, Any]:
        return {**self.promise.model_dump(exclude_none=True), "found": self.found, "holds": self.holds}


def held(report: Report, promises: tuple[Promise, ...], filesystems: tuple[str, ...]) -> list[Held]:
    """Each expectation about one of the file systems that were swept, or about all of them."""
    return [
        _held(report, promise) for promise in promises if promise.filesystem in (None, *filesystems, *report.sweeps)
    ]


def _held(report: Report, promise: Promise) -> Held:
    cases = [case for case in report.cases if promise.filesystem in (None, case.filesystem)]
    seconds = {id(case.second): case.second for case in cases if case.second is not None}
    found = sum(case.outcome.verdict == promise.verdict for case in cases)
    found += sum(second.totals[promise.verdict] for second in seconds.values())
    if isinstance(promise.count, int):
        return Held(promise, found, found == promise.count)
    return Held(promise, found, bool(found) == (promise.count == "some"))


def told(judged: list[Held]) -> View:
    """A line for each: a tick where it is as expected."""
    title = "as expected" if all(one.holds for one in judged) else "not as expected"
    lines: list[list[Span] | str] = ["", [(title, "bold")]]
    for one in judged:
        lines.append([("  ✓ " if one.holds else "  ✗ ", "green" if one.holds else "red bold"), (one.text, "")])
    return View(lines)
