"""A report as a table that a student can read: a line for each call that changes something, a column for each crash.

Calls that change no file leave what the next one finds, so they are counted with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from sim.lab.outcome import MEANINGS, PROMISES_BROKEN, VERDICTS
from sim.lab.places import CHANGING, HOST, KILL
from sim.lab.report import Case, Report
from sim.lab.schedules import STATES
from sim.show import grid as pictures
from sim.show.view import Span, View

STYLES = {"once": "green", "twice": "yellow", **dict.fromkeys(PROMISES_BROKEN, "red bold")}
SHORT = {
    "never promised": "not promised", "discarded by instruction": "discarded",
    "bounce incomplete (documented)": "bounce lost", "still queued": "queued",
}  # fmt: skip
BESIDE_A_SHARE = {"rule broken": "broken", "bounce lost": "b. lost", "not promised": "never", "cleaned up": "cleaned"}
CALL, STATE, CELL, IN_A_BLOCK = 25, 6, 15, 3


class Line(NamedTuple):
    """A line of the table: whose call it is, the call, the states before it, the cases that are counted there."""

    who: str
    call: str
    state: str
    cases: list[Case]


def table(report: Report) -> View:
    """The table in blocks that fit a terminal, the totals for each verdict, and what was covered."""
    filesystems = list(dict.fromkeys(case.filesystem for case in report.cases))
    columns = ["kill it", "kill all", *(f"cut: {name}" for name in filesystems)]
    lines = list(_lines(report.cases))
    rows: list[list[Span] | str] = []
    for first in range(0, len(columns), IN_A_BLOCK):
        rows += [*_block(lines, columns[first : first + IN_A_BLOCK]), ""]
    if not report.cases:
        return View([[("Interrupted while it looked for schedules: nothing was judged yet.", "bold")]])
    return View([*rows, *([(line, "dim")] for line in _legend(lines)), "", *_totals(report)])


def grid(report: Report, title: str) -> pictures.Grid:
    """The same for a picture: lines, columns, and how often each verdict came of each crash."""
    filesystems = list(dict.fromkeys(case.filesystem for case in report.cases))
    columns = ["kill it", "kill all", *(f"cut: {name}" for name in filesystems)]
    shown = pictures.Grid(title, columns, VERDICTS, next(iter(_covered(report))))
    for line in _lines(report.cases):
        found = Counter((_column(case), case.outcome.verdict) for case in line.cases)
        cells = [Counter({word: found[column, word] for word in VERDICTS if found[column, word]}) for column in columns]
        call = f"{line.who.rpartition(' ')[2]} {line.call}" if line.call else line.who
        shown.lines.append(pictures.Line(call, line.state, cells))
    return shown


def _legend(lines: list[Line]) -> Iterator[str]:
    """What is not said by itself in the table."""
    yield "In a cell: the worst that came of the crashes there; 1/2: of one of two."
    calls = " ".join(line.call for line in lines)
    if "/M1" in calls:
        yield "M1, M2: the messages, in the order in which they got their numbers."
    if "PID.TIME" in calls:
        yield "PID.TIME.1: a name made of a process and the time."


def _block(lines: list[Line], columns: list[str]) -> Iterator[list[Span]]:
    names = "".join(f" {name:{CELL - 1}}" for name in columns)
    yield [(f"  {'before the call':{CALL}} {'state':{STATE}}{names}".rstrip(), "bold")]
    who = ""
    for line in lines:
        if line.who != who:
            who = line.who
            yield [(who, "bold")]
        call = line.call if len(line.call) <= CALL else f"{line.call[: CALL - 1]}…"
        spans: list[Span] = [(f"  {call:{CALL}} ", ""), (f"{line.state[:STATE]:{STATE}}", "cyan")]
        cells = [_cell(line.cases, column) for column in columns]
        yield [*spans, *cells[:-1], (cells[-1][0].rstrip(), cells[-1][1])]


def _cell(cases: list[Case], column: str) -> Span:
    """The worst verdict, and of how many it is one."""
    found = Counter(case.outcome.verdict for case in cases if column == _column(case))
    worst = next((word for word in VERDICTS if found[word]), "")
    many = f" {found[worst]}/{found.total()}" if len(found) > 1 else ""
    word = SHORT.get(worst, worst)
    if len(word + many) > CELL - 1:
        word = BESIDE_A_SHARE.get(word, word)
    if len(word + many) > CELL - 1:
        many = f" {100 * found[worst] // found.total()}%"
    return f" {word + many:{CELL - 1}}", STYLES.get(worst, "")


def _column(case: Case) -> str:
    if case.fault == KILL:
        return "kill all" if case.scope == HOST else "kill it"
    return f"cut: {case.filesystem}"


def _changes(case: Case) -> bool:
    point = case.point
    words = point.target.partition("/")[0] not in ("pipe", "stdin", "") and point.verb in CHANGING - {"open"}
    return words or point.verb in ("mark", "trigger") or (point.verb == "exit" and point.program == "qmail-queue")


def _lines(cases: Iterable[Case]) -> Iterable[Line]:
    """Call, state before it, and the cases since the last such line; for each file system in turn, then merged."""
    merged: dict[tuple[str, str, int], Line] = {}
    for _, share in groupby(cases, key=lambda case: case.filesystem):
        group: list[Case] = []
        seen: Counter[tuple[str, str]] = Counter()
        for _, one_point in groupby(share, key=lambda case: id(case.point)):
            point_cases = list(one_point)
            group += point_cases
            first = point_cases[0]
            if _changes(first):
                call = (f"{first.point.host} {first.point.program}", first.moment.removeprefix("before "))
                seen[call] += not first.job.life.notes
                _merge(merged, (*call, max(1, seen[call])), group)
                group = []
        if group:
            _merge(merged, ("(to the end)", "", 1), group)
    return merged.values()


def _merge(merged: dict[tuple[str, str, int], Line], key: tuple[str, str, int], group: list[Case]) -> None:
    last = next((case for case in reversed(group) if case.fault == KILL and case.scope == HOST), group[-1])
    state = " ".join(word for word in dict.fromkeys(last.state_after.values()) if len(word) == 2 or word == "no state")
    merged.setdefault(key, Line(key[0], key[1], state or "S1", []))[3].extend(group)


def _totals(report: Report) -> Iterable[list[Span] | str]:
    yield from _counts(report.totals)
    if report.crashes > 1:
        yield f"and second crashes, at {report.second.points:,} points of what followed distinct first ones:"
        yield from _counts(report.second.totals)
    yield ""
    yield from _covered(report)
    if report.interrupted:
        yield f"Interrupted: {report.executed} of {report.planned} were carried out."
    if report.ok:
        yield [("So far no promise was broken." if report.interrupted else "No promise was broken.", "green")]
        return
    first = sum(report.totals[word] for word in PROMISES_BROKEN)
    second = sum(report.second.totals[word] for word in PROMISES_BROKEN)
    for count, kind in ((first, "crash"), (second, "second crash")):
        if count:
            yield [(f"{count:,} {kind}{'' if count == 1 else 'es'} broke a promise.", "red bold")]


def _counts(totals: Counter[str]) -> Iterable[list[Span]]:
    for word in VERDICTS:
        if totals[word]:
            yield [(f"{totals[word]:8}  ", ""), (f"{word:31}", STYLES.get(word, "")), (MEANINGS[word], "dim")]


def _covered(report: Report) -> Iterable[str]:
    """What was carried out, and every bound that was set or met."""
    equal = len(report.cases) - report.executed
    yield f"{report.points:,} points, {len(report.cases):,} crashes: {report.executed:,} carried out, {equal:,} equal."
    if report.crashes > 1:
        second = report.second
        equal = second.totals.total() - second.executed
        yield f"{second.totals.total():,} second crashes: {second.executed:,} carried out, {equal:,} equal."
    if report.preemptions:
        yield (
            f"{report.schedules:,} schedules with at most {report.preemptions} forced "
            f"switch{'' if report.preemptions == 1 else 'es'}, {report.ends:,} to their end; {report.states:,} states."
        )
        yield "Single programs were killed on the undisturbed schedule only. A bound, not a proof."
    else:
        crashes = "One crash a run" if report.crashes == 1 else "Two crashes a run at most"
        yield f"{crashes}, on the undisturbed schedule: a bound, not a proof."
    if report.one_in > 1:
        yield f"Crashes were tried at one in {report.one_in} points only, drawn by lot."
    if report.full:
        yield f"There are more states than the bound of {STATES}: the other schedules were not tried."
    if report.sampled:
        yield (
            f"At {report.sampled:,} points more than {report.bound:,} disks were possible "
            f"(up to {report.most_choices:,}):"
        )
        yield f"a sample of {report.bound:,} was tried at each."
    if report.second.sampled:
        yield (
            f"At {report.second.sampled:,} second points more than {report.second_bound} disks were possible: a sample."
        )
