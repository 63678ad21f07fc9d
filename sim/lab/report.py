"""What a sweep found: every crash with its outcome, and how much of what could be was covered."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sim.lab.bench import HORIZON_S
from sim.lab.outcome import PROMISES_BROKEN, VERDICTS, Outcome, states
from sim.lab.places import HOST, Point
from sim.lab.plan import Job
from sim.lab.sweep import Second, Sweep
from sim.machine.survivors import DISKS_AT_A_POINT

if TYPE_CHECKING:
    from sim.show.view import View

NO_FAULT = "none"


@dataclass(slots=True)
class Case:
    """One crash at one point, on one surviving disk, and what came of it; ``moment`` names messages M1, M2 …

    ``job`` is how it is carried out again; ``second`` what second crashes led to, where they were asked for.
    """

    filesystem: str
    job: Job
    moment: str
    files: list[str]
    outcome: Outcome
    second: Second | None = None

    @property
    def point(self) -> Point:
        return self.job.point

    @property
    def program(self) -> str:
        """Whose call it is; where one is tried again, a whole host stands after the call before that."""
        return self.point.previous[0] if self.point.when == "again" and self.scope == HOST else self.point.program

    @property
    def fault(self) -> str:
        return self.job.fault

    @property
    def scope(self) -> str:
        return self.job.scope

    @property
    def state_after(self) -> dict[str, str]:
        return states(self.files)

    def to_data(self) -> dict[str, Any]:
        """With the fields and words of the observed crash matrices."""
        found, point = self.outcome, self.job.point
        data = {
            "filesystem": self.filesystem, "fault": self.fault, "scope": self.scope, "host": point.host,
            "program": self.program, "moment": self.moment, "t": point.t, "state_after": self.state_after,
            "files_present_after": self.files, "outcome": found.text, "copies_delivered": found.copies,
            "leftovers": found.leftovers, "verdict": found.verdict, "broken": found.broken,
        }  # fmt: skip
        if self.job.disk:
            data["disk"] = self.job.disk
        if self.job.life.notes:
            data["preemptions"] = [note.words for note in self.job.life.notes]
        if self.second is not None:
            data["second"] = {
                "points": self.second.points, "crashes": self.second.totals.total(), "executed": self.second.executed,
                "verdicts": _in_order(self.second.totals),
                "broken": [
                    {"fault": fault, "scope": scope, "moment": moment, "verdict": one.verdict, "outcome": one.text}
                    for moment, fault, scope, _, one in self.second.broken
                ],
            }  # fmt: skip
        return data


@dataclass(repr=False)
class Report:
    """All cases in the order of the run; ``executed`` outcomes were carried out, the rest recognised as equal.

    ``sampled`` counts the points where more disks were possible than ``bound``; ``interrupted``: not all was done.
    ``one_in``: of so many points one was drawn by lot.
    ``schedules``, ``ends`` and ``states`` say what ``preemptions`` covered, ``full`` that the bound on states was met.
    """

    cases: list[Case] = field(default_factory=list)
    executed: int = 0
    planned: int = 0
    points: int = 0
    bound: int = DISKS_AT_A_POINT
    second_bound: int = 0
    one_in: int = 1
    sampled: int = 0
    most_choices: int = 0
    crashes: int = 1
    preemptions: int = 0
    schedules: int = 1
    ends: int = 1
    states: int = 0
    full: bool = False
    interrupted: bool = False
    sweeps: dict[str, Sweep] = field(default_factory=dict, repr=False, compare=False)

    @property
    def totals(self) -> Counter[str]:
        return Counter(case.outcome.verdict for case in self.cases)

    def counterexample(self) -> View | None:
        """The shortest story in which a promise is broken; None when all were kept."""
        from sim.lab.counterexample import smallest
        from sim.lab.story import story

        found = smallest(self)
        return None if found is None else story(found, not self.interrupted)

    @property
    def summary(self) -> View:
        """The table that ``mailsim crash-test`` prints."""
        from sim.lab.table import table

        return table(self)

    def __repr__(self) -> str:
        return f"<Report of {len(self.cases)} crashes: {', '.join(f'{n} {word}' for word, n in self.totals.items())}>"

    def _repr_html_(self) -> str:
        return self.summary._repr_html_()

    @cached_property
    def second(self) -> Second:
        """The second crashes of all first ones together."""
        found = Second()
        counted: set[tuple[str, int]] = set()
        for case in self.cases:
            if case.second is None or (case.filesystem, id(case.second)) in counted:
                continue
            counted.add((case.filesystem, id(case.second)))
            found.points += case.second.points
            found.executed += case.second.executed
            found.sampled += case.second.sampled
            found.totals += case.second.totals
            found.states |= case.second.states
            found.broken += case.second.broken
        return found

    @property
    def broken(self) -> list[Case]:
        """The cases in which a promise was broken, by one crash or by a second."""
        return [
            case
            for case in self.cases
            if case.outcome.verdict in PROMISES_BROKEN or (case.second is not None and case.second.broken)
        ]

    @property
    def ok(self) -> bool:
        return not self.broken

    @cached_property
    def states_seen(self) -> set[str]:
        return {state for case in self.cases for state in case.state_after.values()} | self.second.states

    def to_data(self) -> dict[str, Any]:
        """What ``--json`` writes."""
        second = self.second
        return {
            "points": [case.to_data() for case in self.cases],
            "totals": _in_order(self.totals),
            "bounds": {
                "crashes": self.crashes, "preemptions": self.preemptions, "disks_at_a_point": self.bound,
                "one_point_in": self.one_in,
                "disks_at_a_second_point": self.second_bound, "horizon_s": HORIZON_S,
                "schedules": f"{self.schedules}, with at most {self.preemptions} forced switches",
            },
            "coverage": {
                "points": self.points, "crashes": len(self.cases), "executed": self.executed,
                "planned": self.planned, "points_sampled": self.sampled, "most_disks_possible": self.most_choices,
                "schedules": self.schedules, "schedules_ended": self.ends, "states": self.states,
                "second_points": second.points, "second_crashes": second.totals.total(),
                "second_executed": second.executed, "second_points_sampled": second.sampled,
                "second_totals": _in_order(second.totals),
                "complete": not (self.interrupted or self.sampled or second.sampled or self.full or self.one_in > 1),
            },
        }  # fmt: skip


def _in_order(totals: Counter[str]) -> dict[str, int]:
    return {word: totals[word] for word in VERDICTS if totals[word]}
