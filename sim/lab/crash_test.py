"""The sweep: every crash of a scenario carried out, each disk that could be left, every outcome judged.

A sweep is a list of jobs (``sim.lab.plan``), each of which needs nothing but its number; so it can be spread over
processes, and the report is the same whatever their number.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sim.lab.bench import HORIZON_S, Bench, Ended, bench_for, outcome
from sim.lab.outcome import PROMISES_BROKEN, VERDICTS, Numbers, Outcome, copies_of, normal, queue_files, states
from sim.lab.plan import PROCESS, Plan, Point, make_plan, undisturbed
from sim.machine.filesystems import DISKS_AT_A_POINT
from sim.mta import MailSystem
from sim.scenario import Scenario
from sim.verdict import Evidence
from sim.world.simulate import SYSTEMS

Progress = Callable[[int, int], object]
A_CHUNK = 32


@dataclass(slots=True)
class Case:
    """One crash at one point, on one surviving disk, and what came of it; ``moment`` names messages M1, M2 …"""

    filesystem: str
    point: Point
    moment: str
    fault: str
    scope: str
    files: list[str]
    outcome: Outcome

    @property
    def state_after(self) -> dict[str, str]:
        return states(self.files)

    def to_data(self) -> dict[str, Any]:
        """With the fields and words of the observed crash matrices."""
        found = self.outcome
        return {
            "filesystem": self.filesystem, "fault": self.fault, "scope": self.scope, "host": self.point.host,
            "program": self.point.program, "moment": self.moment, "t": self.point.t, "state_after": self.state_after,
            "files_present_after": self.files, "outcome": found.text, "copies_delivered": found.copies,
            "leftovers": found.leftovers, "verdict": found.verdict, "broken": found.broken,
        }  # fmt: skip


@dataclass
class Report:
    """All cases in the order of the run; ``executed`` outcomes were carried out, the rest recognised as equal.

    ``sampled`` counts the points where more disks were possible than ``bound``; ``interrupted``: not all was done.
    """

    cases: list[Case] = field(default_factory=list)
    executed: int = 0
    planned: int = 0
    points: int = 0
    bound: int = DISKS_AT_A_POINT
    sampled: int = 0
    most_choices: int = 0
    interrupted: bool = False

    @property
    def totals(self) -> Counter[str]:
        return Counter(case.outcome.verdict for case in self.cases)

    @property
    def ok(self) -> bool:
        return not any(case.outcome.verdict in PROMISES_BROKEN for case in self.cases)

    @cached_property
    def states_seen(self) -> set[str]:
        return {state for case in self.cases for state in case.state_after.values()}

    def to_data(self) -> dict[str, Any]:
        """What ``--json`` writes."""
        return {
            "points": [case.to_data() for case in self.cases],
            "totals": {word: self.totals[word] for word in VERDICTS if self.totals[word]},
            "bounds": {
                "crashes": 1, "preemptions": 0, "disks_at_a_point": self.bound, "horizon_s": HORIZON_S,
                "schedules": "one: the undisturbed run's",
            },
            "coverage": {
                "points": self.points, "crashes": len(self.cases), "executed": self.executed,
                "planned": self.planned, "points_sampled": self.sampled, "most_disks_possible": self.most_choices,
                "complete": not self.interrupted and not self.sampled,
            },
        }  # fmt: skip


def crash_test(
    play: Scenario, *, hosts: Collection[str] = (), programs: Collection[str] = (), filesystems: Sequence[str] = ("",),
    workers: int = 1, bound: int = DISKS_AT_A_POINT, systems: Mapping[str, MailSystem] = SYSTEMS,
    progress: Progress | None = None,
) -> Report:  # fmt: skip
    """Crash a scenario at every call, on each of ``filesystems`` (``async+syncdir``; empty: the scenario's own).

    ``hosts`` and ``programs`` choose where; all when empty. An interruption ends it with what was found so far.
    """
    report = Report(bound=bound)
    plans = [make_plan(undisturbed(play, name), systems, hosts, programs, bound) for name in filesystems]
    report.planned = sum(len(plan.jobs) for plan in plans)
    try:
        for name, plan in zip(filesystems, plans, strict=True):
            _sweep(report, name, plan, systems, workers, progress)
    except KeyboardInterrupt:
        report.interrupted = True
    return report


def _sweep(
    report: Report,
    filesystem: str,
    plan: Plan,
    systems: Mapping[str, MailSystem],
    workers: int,
    progress: Progress | None,
) -> None:
    """One file system's share of a report, as far as it gets."""
    found: list[Outcome] = []
    done_before = report.executed
    try:
        for one in _outcomes(plan, systems, workers):
            found.append(one)
            if progress is not None:
                progress(done_before + len(found), report.planned)
    finally:
        report.executed += len(found)
        report.points += len(plan.points)
        report.sampled += len(plan.sampled)
        choices = [point.left.cut.choices for point in plan.points]
        report.most_choices = max([report.most_choices, *choices])
        report.cases += _cases(filesystem, plan, found)


def _cases(filesystem: str, plan: Plan, found: list[Outcome]) -> Iterator[Case]:
    numbers = {name: Numbers(plan.trace.rows, name) for name in plan.play.hosts}
    kind = filesystem or "+".join(dict.fromkeys(one.filesystem for one in plan.play.hosts.values()))
    for point, fault, scope, job in plan.cases:
        if job >= len(found):
            continue
        names = numbers[point.host].at(point.row)
        moment = point._replace(target=normal(point.target, numbers[point.host].at(point.row, ahead=True))).moment
        image = plan.jobs[job].image
        there = found[job].files_after if scope == PROCESS else tuple(path for path, _ in image.names) if image else ()
        yield Case(filesystem or kind, point, moment, fault, scope, queue_files(there or (), names), found[job])


# Spreading the work

_AT_WORK: tuple[Plan, Bench, dict[str, int]] | None = None


def _outcomes(plan: Plan, systems: Mapping[str, MailSystem], workers: int) -> Iterator[Outcome]:
    """The outcomes of all jobs, in their order."""
    global _AT_WORK
    _AT_WORK = (plan, bench_for(plan, systems), copies_of(Evidence.of(plan.trace), plan.play))
    try:
        if workers < 2 or "fork" not in multiprocessing.get_all_start_methods():
            yield from map(_work, range(len(plan.jobs)))
            return
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            yield from pool.imap(_work, range(len(plan.jobs)), A_CHUNK)
    finally:
        _AT_WORK = None


def _work(number: int) -> Outcome:
    assert _AT_WORK is not None
    plan, bench, usual = _AT_WORK
    ended: Ended = bench.execute(plan.jobs[number])
    return outcome(plan, ended, usual)
