"""On ffs qmail keeps every promise: no crash at any point of any shipped lesson loses a message, nor do two.

What takes long is swept at a stated share of its points, drawn by lot from the scenario's seed, and wholly at night.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from sim import scenario
from sim.folds.queue import messages
from sim.lab.crash_test import crash_test
from sim.lab.outcome import PROMISES_BROKEN
from sim.lab.report import Report
from sim.scenario import Scenario
from sim.trace import Trace

SCENARIOS = Path(__file__).parent.parent / "scenarios"
STATES = {"S1", "S2", "S3", "S4", "S5"}
TRANSITIONS = {("S1", "S2"), ("S2", "S3"), ("S3", "S4"), ("S4", "S5"), ("S5", "S2"), ("S2", "S1"), ("S3", "S2")}
# One point in so many is crashed; burst: eight letters here, and two hundred at night.
SHARES = dict.fromkeys(("01", "02", "03", "04", "05", "06", "07", "08"), 1) | {"09": 400, "10": 80, "11": 60}
NIGHTLY = {"09": 1, "10": 20_000, "11": 1}
SECOND = {"02": 8, "03": 80, "06": 80, "07": 30}
NIGHTLY_SECOND = {
    "01": 100, "02": 1, "03": 5, "04": 300, "05": 200, "06": 10, "07": 1, "08": 100, "09": 3000, "11": 600,
}  # fmt: skip
FEW = 8


def lesson(number: str) -> Scenario:
    (path,) = SCENARIOS.glob(f"{number}-*.yaml")
    return scenario.load(path)


def burst(letters: int) -> Scenario:
    data = scenario.to_data(lesson("10"))
    data["mail"][0]["copies"] = letters
    return scenario.from_data(data)


def told(number: str, report: Report) -> str:
    share = "" if report.one_in == 1 else f", one point in {report.one_in}"
    found = ", ".join(f"{count} {verdict}" for verdict, count in report.totals.items())
    return f"{number}: {len(report.cases)} crashes at {report.points} points{share}: {found}"


def kept(number: str, report: Report) -> None:
    """No promise is broken, and the report says how much was looked at."""
    print(told(number, report))
    broken = [(case.moment, case.outcome.broken) for case in report.broken]
    assert broken == []
    assert not report.sampled
    assert not report.interrupted
    assert report.cases
    assert report.executed == report.planned
    assert report.to_data()["coverage"]["complete"] == (report.one_in == 1)


@pytest.mark.parametrize("number", SHARES)
def test_one_crash_breaks_no_promise_on_ffs(number: str) -> None:
    play = burst(FEW) if number == "10" else lesson(number)
    report = crash_test(play, filesystems=("ffs",), one_in=SHARES[number])
    kept(number, report)


@pytest.mark.nightly
@pytest.mark.parametrize("number", NIGHTLY)
def test_one_crash_breaks_no_promise_on_ffs_wholly(number: str) -> None:
    kept(number, crash_test(lesson(number), filesystems=("ffs",), one_in=NIGHTLY[number]))


@pytest.mark.parametrize("number", SECOND)
def test_two_crashes_break_no_promise_on_ffs(number: str) -> None:
    kept_twice(number, SECOND[number])


@pytest.mark.nightly
@pytest.mark.parametrize("number", NIGHTLY_SECOND)
def test_two_crashes_break_no_promise_on_ffs_at_more_points(number: str) -> None:
    kept_twice(number, NIGHTLY_SECOND[number])


def kept_twice(number: str, one_in: int) -> None:
    report = crash_test(lesson(number), filesystems=("ffs",), crashes=2, one_in=one_in)
    kept(number, report)
    print(f"{number}: {report.second.totals.total()} second crashes: {dict(report.second.totals)}")
    assert report.second.totals
    assert not set(report.second.totals) & PROMISES_BROKEN
    assert not report.second.sampled


def transitions(report: Report) -> Iterator[tuple[str | None, str | None]]:
    """Every change of state in the life without a crash, and in one recovery for each state that a crash left."""
    (sweep,) = report.sweeps.values()
    left = {(str(case.state_after), case.outcome.verdict): case.job for case in report.cases}
    for rows in (sweep.plan.lives[0].rows, *(sweep.bench.execute(job).rows for job in left.values())):
        for message in messages(Trace(rows)):
            states = ["S1", *(change.state for change in message.history)]
            yield from pairwise(states)


def test_every_state_and_every_transition_of_section_6_is_visited() -> None:
    report = crash_test(lesson("02"), filesystems=("ffs",))
    seen = {(old, new) for old, new in transitions(report) if old != new}
    print("states:", *sorted(report.states_seen))
    print("transitions:", *sorted(f"{old}→{new}" for old, new in seen))
    assert report.states_seen >= STATES
    assert seen >= TRANSITIONS
    assert {state for pair in seen for state in pair} == STATES


def test_a_share_is_a_part_of_the_whole_and_is_told() -> None:
    whole = crash_test(lesson("02"), filesystems=("ffs",))
    share = crash_test(lesson("02"), filesystems=("ffs",), one_in=3)
    places = {(case.moment, case.point.step) for case in whole.cases}
    assert {(case.moment, case.point.step) for case in share.cases} < places
    assert 0.2 < share.points / whole.points < 0.5
    assert share.to_data()["bounds"]["one_point_in"] == 3
