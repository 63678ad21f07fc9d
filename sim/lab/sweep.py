"""All that is needed to carry out any crash of a plan, and to judge what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sim.folds.queue import linked
from sim.lab.bench import Bench
from sim.lab.benches import bench_for
from sim.lab.knowledge import Key
from sim.lab.outcome import PROMISES_BROKEN, Numbers, Outcome, copies_of, judged, queue_files, states
from sim.lab.places import PROCESS, Observer, Shared
from sim.lab.plan import Ended, Life, Plan, crashes
from sim.lab.schedules import Schedules, explore
from sim.mta import MailSystem
from sim.scenario import Scenario
from sim.show.progress import Progress
from sim.trace import Trace
from sim.verdict import Evidence

Wanted = Callable[[str, str], bool]


@dataclass(slots=True)
class Second:
    """What became of second crashes after one first: points, crashes at them, and the distinct ones carried out.

    ``totals`` count all by verdict; ``broken`` are the jobs that broke a promise, with moment and outcome.
    """

    points: int = 0
    executed: int = 0
    sampled: int = 0
    totals: Counter[str] = field(default_factory=Counter)
    states: set[str] = field(default_factory=set)
    broken: list[tuple[str, str, str, int, Outcome]] = field(default_factory=list)


class Done(NamedTuple):
    """A job's outcome, and those of the second crashes after it."""

    outcome: Outcome
    second: Second | None


@dataclass(slots=True)
class Sweep:
    """All that is needed to carry out any job of a plan; ``usual`` is what is delivered where without a crash."""

    plan: Plan
    bench: Bench
    usual: dict[str, int]
    wanted: Wanted
    second_bound: int
    systems: Mapping[str, MailSystem]

    def judge(self, ended: Ended, life: Life | None = None, evidence: Evidence | None = None) -> Outcome:
        """What became of the mail; ``life`` is the one that the crash came in, if it has been looked through.

        ``evidence`` spares the folds over all the rows where they have been made before.
        """
        disks = {name: disk.paths for name, disk in ended.disks.items()}
        row = ended.crash_row
        if evidence is None:
            evidence = Evidence.of(Trace(ended.rows), None if life is None else life.read_to(row))
        return judged(self.plan.play, evidence, row, ended.until_s, disks, self.usual, ended.files_after)

    def carry_out(self, number: int) -> Done:
        job = self.plan.jobs[number]
        if not self.second_bound:
            return Done(self.judge(self.bench.settle(job), job.life), None)
        shared = Shared(self.second_bound, len(self.plan.play.hosts))
        start, script = self.bench.follow(job)
        life = self.bench.observe(Observer(shared, self.wanted), script, start)
        assert life.ended is not None
        outcome = self.judge(life.ended)
        if job.scope != PROCESS:
            outcome = outcome._replace(files_after=None)
        return Done(outcome, self._second(life))

    def _second(self, life: Life) -> Second:
        """Every crash in the life after a first one, each distinct one once."""
        found = Second(points=len(life.points), sampled=sum(point.left.cut.sampled for point in life.points))
        known: dict[Key, Outcome] = {}
        numbers = linked(life.rows)
        for crash, key, job in crashes(life):
            if key not in known:
                found.executed += 1
                known[key] = self.judge(self.bench.settle(job), life)
                if known[key].verdict in PROMISES_BROKEN:
                    found.broken.append((crash.point.moment, crash.fault, crash.scope, job.disk, known[key]))
            found.totals[known[key].verdict] += 1
            if job.image is not None:
                names = Numbers(numbers, crash.point.host).at(crash.point.row)
                found.states.update(states(queue_files((path for path, _ in job.image.names), names)).values())
        return found


def prepare(
    play: Scenario, systems: Mapping[str, MailSystem], wanted: Wanted, shared: Shared, second_bound: int = 0,
    preemptions: int = 0, progress: Progress | None = None,
) -> tuple[Sweep, Schedules]:  # fmt: skip
    """Play every schedule of a scenario that has no crashes of its own; plan each crash at each of their points."""
    sweep = Sweep(Plan(play, Trace()), bench_for(play, systems), {}, wanted, second_bound, systems)

    def found(life: Life) -> None:
        if not life.script:
            sweep.plan.trace = Trace(life.rows)
            sweep.usual = copies_of(Evidence.of(sweep.plan.trace), play)
        sweep.plan.add(life, kills=not life.script)

    return sweep, explore(sweep.bench, shared, wanted, preemptions, found, progress)
