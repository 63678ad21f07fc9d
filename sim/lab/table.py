"""A report as a table that a student can read: a line for each call that changes something, a column for each crash.

Calls that change no file leave what the next one finds, so they are counted with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import groupby

from sim.lab.outcome import PROMISES_BROKEN, VERDICTS
from sim.lab.places import CHANGING, HOST, KILL
from sim.lab.report import Case, Report
from sim.lab.schedules import STATES
from sim.show.view import Span, View

STYLES = {"once": "green", "twice": "yellow", **dict.fromkeys(PROMISES_BROKEN, "red bold")}
NARROW = 18


def table(report: Report) -> View:
    """The table, the totals for each verdict, and what was covered."""
    filesystems = list(dict.fromkeys(case.filesystem for case in report.cases))
    columns = ["kill it", "kill all", *(f"cut: {name}" for name in filesystems)]
    lines = list(_lines(report.cases))
    calls = max([len(call) for call, _, _ in lines] + [4])
    rows: list[list[Span]] = [[(f"{'before the call':{calls}}  {'state':9}  ", "bold"), (_joined(columns), "bold")]]
    for call, state, cases in lines:
        spans: list[Span] = [(f"{call:{calls}}  ", ""), (f"{state:9}  ", "cyan")]
        for column in columns:
            found = Counter(case.outcome.verdict for case in cases if column == _column(case))
            worst = next((word for word in VERDICTS if found[word]), "")
            many = f" {found[worst]} of {found.total()}" if len(found) > 1 else ""
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
                call = f"{first.program} {shown}"
                seen[call] += not first.job.life.notes
                _merge(merged, (call, max(1, seen[call])), call, group)
                group = []
        if group:
            _merge(merged, ("(to the end)", 1), "(to the end)", group)
    return merged.values()


def _merge(
    merged: dict[tuple[str, int], tuple[str, str, list[Case]]], key: tuple[str, int], call: str, group: list[Case]
) -> None:
    last = next((case for case in reversed(group) if case.fault == KILL and case.scope == HOST), group[-1])
    state = " ".join(word for word in dict.fromkeys(last.state_after.values()) if len(word) == 2 or word == "no state")
    merged.setdefault(key, (call, state or "S1", []))[2].extend(group)


def _totals(report: Report) -> Iterable[list[Span] | str]:
    yield from _counts(report.totals)
    if report.crashes > 1:
        yield f"and of second crashes, at {report.second.points} points of the lives after distinct first ones:"
        yield from _counts(report.second.totals)
    yield ""
    yield from _covered(report)
    if report.interrupted:
        yield f"Interrupted: {report.executed} of {report.planned} were carried out."
    if report.ok:
        yield [("No promise was broken.", "green")]
    else:
        first = report.broken[0]
        cut = f"{first.fault.replace('_', ' ')} {first.moment} ({first.program}, {first.filesystem})"
        told = f"{len(report.broken)} crashes broke a promise; the first: {cut}: {first.outcome.text}."
        yield [(told, "red bold")]


def _counts(totals: Counter[str]) -> Iterable[list[Span]]:
    for word in VERDICTS:
        if totals[word]:
            yield [(f"{totals[word]:8}  ", ""), (word, STYLES.get(word, ""))]


def _covered(report: Report) -> Iterable[str]:
    """What was carried out, and every bound that was set or met."""
    equal = len(report.cases) - report.executed
    yield f"{report.points} points, {len(report.cases)} crashes: {report.executed} carried out, {equal} equal to those."
    if report.crashes > 1:
        second = report.second
        equal = second.totals.total() - second.executed
        yield f"{second.totals.total()} second crashes: {second.executed} carried out, {equal} equal to those."
    if report.preemptions:
        yield (
            f"{report.schedules} schedules with at most {report.preemptions} forced "
            f"switch{'' if report.preemptions == 1 else 'es'}, {report.ends} of them to their own end; "
            f"{report.states} states."
        )
        yield "Single programs were killed on the undisturbed schedule only. A bound, not a proof."
    else:
        crashes = "One crash a run" if report.crashes == 1 else "At most two crashes a run"
        yield f"{crashes}, on the undisturbed run's schedule: a bound, not a proof."
    if report.one_in > 1:
        yield f"Crashes were tried at one in {report.one_in} points only, drawn by lot."
    if report.full:
        yield f"There are more states than the bound of {STATES}: the other schedules were not tried."
    if report.sampled:
        yield (
            f"At {report.sampled} points more than {report.bound} disks were possible (at most "
            f"{report.most_choices}): a sample of {report.bound} of them was tried."
        )
    if report.second.sampled:
        yield (
            f"At {report.second.sampled} second points more than {report.second_bound} disks were possible: "
            f"a sample of {report.second_bound} of them was tried."
        )
