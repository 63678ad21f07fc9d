"""A report as a table that a student can read: a line for each call that changes something, a column for each crash.

Calls that change no file leave what the next one finds, so they are counted with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import groupby

from sim.lab.crash_test import Case, Report
from sim.lab.outcome import PROMISES_BROKEN, VERDICTS
from sim.lab.plan import CHANGING, HOST, KILL
from sim.show.grid import Grid, Line
from sim.show.view import Span, View

STYLES = {"once": "green", "twice": "yellow", **dict.fromkeys(PROMISES_BROKEN, "red bold")}
NARROW = 18


def grid(report: Report, title: str) -> Grid:
    """The same for a text and for a picture: lines, columns, and how often each verdict came of each crash."""
    filesystems = list(dict.fromkeys(case.filesystem for case in report.cases))
    columns = ["kill it", "kill all", *(f"cut: {name}" for name in filesystems)]
    shown = Grid(title, columns, VERDICTS, _covered(report))
    for call, state, cases in _lines(report.cases):
        found = Counter((_column(case), case.outcome.verdict) for case in cases)
        cells = [Counter({word: found[column, word] for word in VERDICTS if found[column, word]}) for column in columns]
        shown.lines.append(Line(call, state, cells))
    return shown


def table(report: Report) -> View:
    """The table, the totals for each verdict, and what was covered."""
    shown = grid(report, "")
    calls = max([len(line.call) for line in shown.lines] + [4])
    head = f"{'before the call':{calls}}  {'state':9}  "
    rows: list[list[Span]] = [[(head, "bold"), (_joined(shown.columns), "bold")]]
    for line in shown.lines:
        spans: list[Span] = [(f"{line.call:{calls}}  ", ""), (f"{line.state:9}  ", "cyan")]
        for cell in line.cells:
            worst = shown.worst(cell)
            many = f" {cell[worst]} of {cell.total()}" if len(cell) > 1 else ""
            spans.append((f"{(worst + many):{NARROW}}  ", STYLES.get(worst, "")))
        rows.append(spans)
    return View([*rows, "", *_totals(report)])


def _joined(columns: Iterable[str]) -> str:
    return "  ".join(f"{name:{NARROW}}" for name in columns)


def _column(case: Case) -> str:
    if case.fault == KILL:
        return "kill all" if case.scope == HOST else "kill it"
    return f"cut: {case.filesystem}"


def _changes(case: Case) -> bool:
    point = case.point
    words = point.target.partition("/")[0] not in ("pipe", "stdin", "") and point.verb in CHANGING - {"open"}
    return words or point.verb in ("mark", "trigger") or (point.verb == "exit" and point.program == "qmail-queue")


def _lines(cases: Iterable[Case]) -> Iterable[tuple[str, str, list[Case]]]:
    """Call, state before it, and the cases since the last such line; for each file system in turn, then merged."""
    merged: dict[tuple[str, int], tuple[str, str, list[Case]]] = {}
    for _, share in groupby(cases, key=lambda case: case.filesystem):
        group: list[Case] = []
        seen: Counter[str] = Counter()
        for _, one_point in groupby(share, key=lambda case: case.point):
            point_cases = list(one_point)
            group += point_cases
            first = point_cases[0]
            if _changes(first):
                shown = first.moment.removeprefix("before ")
                call = f"{first.point.program} {shown}"
                seen[call] += 1
                _merge(merged, (call, seen[call]), call, group)
                group = []
        if group:
            _merge(merged, ("(to the end)", 1), "(to the end)", group)
    return merged.values()


def _merge(
    merged: dict[tuple[str, int], tuple[str, str, list[Case]]], key: tuple[str, int], call: str, group: list[Case]
) -> None:
    last = [case for case in group if case.fault == KILL and case.scope == HOST][-1]
    state = " ".join(word for word in dict.fromkeys(last.state_after.values()) if len(word) == 2 or word == "no state")
    merged.setdefault(key, (call, state or "S1", []))[2].extend(group)


def _covered(report: Report) -> str:
    equal = len(report.cases) - report.executed
    return (
        f"{report.points} points, {len(report.cases)} crashes: {report.executed} carried out, {equal} equal to those."
    )


def _totals(report: Report) -> Iterable[list[Span] | str]:
    for word in VERDICTS:
        if report.totals[word]:
            yield [(f"{report.totals[word]:8}  ", ""), (word, STYLES.get(word, ""))]
    yield ""
    yield _covered(report)
    yield "One crash a run, on the undisturbed run's schedule: a bound, not a proof."
    if report.sampled:
        yield (
            f"At {report.sampled} points more than {report.bound} disks were possible (at most "
            f"{report.most_choices}): a sample of {report.bound} of them was tried."
        )
    if report.interrupted:
        yield f"Interrupted: {report.executed} of {report.planned} were carried out."
    if report.ok:
        yield [("No promise was broken.", "green")]
    else:
        broken = [case for case in report.cases if case.outcome.verdict in PROMISES_BROKEN]
        first = broken[0]
        cut = f"{first.fault.replace('_', ' ')} {first.moment} ({first.point.program}, {first.filesystem})"
        yield [(f"{len(broken)} crashes broke a promise; the first: {cut}: {first.outcome.text}.", "red bold")]
