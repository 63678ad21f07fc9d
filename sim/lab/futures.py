"""What becomes of a run after each crash that can come: every distinct future once, for the lesson player.

The laboratory's jobs are carried out one by one and folded at once into steps, so that the futures of a long run do
not lie in memory as records. Two crashes after which the same happens, to the same end, have one future.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from itertools import groupby

import msgspec

from sim.lab.places import KILL, PROCESS, Point, Shared
from sim.lab.plan import Job, Plan, chosen, undisturbed
from sim.lab.sweep import Sweep, prepare
from sim.machine.images import taken
from sim.machine.survivors import DISKS_AT_A_POINT
from sim.mta import MailSystem
from sim.qmail.states import FILES
from sim.scenario import Scenario
from sim.show.player.data import Data, Forks
from sim.show.player.data import lesson as told
from sim.show.player.promises import standings
from sim.show.player.steps import steps
from sim.show.progress import Progress
from sim.trace import Row, Trace
from sim.verdict import Evidence
from sim.world.simulate import SYSTEMS


def futures(
    play: Scenario,
    *,
    hosts: Collection[str] = (),
    programs: Collection[str] = (),
    bound: int = DISKS_AT_A_POINT,
    systems: Mapping[str, MailSystem] = SYSTEMS,
    progress: Progress | None = None,
) -> Forks:
    """Every fork of the undisturbed run on the scenario's own file systems; the words are those of ``crash_test``.

    An interruption ends it with what was found so far.
    """
    try:
        shared = Shared(bound, len(play.hosts))
        sweep, _ = prepare(undisturbed(play, ""), systems, chosen(hosts, programs), shared, progress=progress)
    except KeyboardInterrupt:
        return Forks(interrupted=True)
    plan = sweep.plan
    found = Forks(trunk=plan.trace, sampled=len(plan.sampled), planned=len(plan.jobs))
    found.trunk_pieces = found.tape.tell(steps(plan.trace.rows, 0.0, found.tape))
    forks: list[int] = []
    try:
        _carry_out(sweep, found, forks, progress)
    except KeyboardInterrupt:
        found.interrupted = True
    found.explored = len(forks)
    for fork in found.forks:
        fork["tape"] = found.tape.tell(fork["tape"])
    _add_points(plan, found, forks)
    return found


def lesson(
    play: Scenario, trace: Trace, *, hosts: Collection[str] = (), programs: Collection[str] = (),
    progress: Progress | None = None,
) -> Data:  # fmt: skip
    """All that the player is given: a run of a scenario, and what becomes of it after each crash."""
    return told(play, trace, futures(play, hosts=hosts, programs=programs, progress=progress))


def _carry_out(sweep: Sweep, found: Forks, forks: list[int], progress: Progress | None) -> None:
    """Add the fork of each job to ``forks``."""
    plan = sweep.plan
    known: dict[object, int] = {}
    for count, job in enumerate(plan.jobs, 1):
        ended = sweep.bench.execute(job)
        evidence = Evidence.of(Trace(ended.rows))
        judged = sweep.judge(ended, evidence=evidence)
        since = job.point.row
        ids = steps(ended.rows[since:], job.point.t, found.tape)
        ledger = [[place - since, *counts] for place, *counts in standings(evidence, since)]
        key = (_digest(ended.rows[since:]), judged.verdict, judged.text, str(ledger))
        fork = known.setdefault(key, len(found.forks))
        if fork == len(found.forks):
            found.forks.append({
                "t": job.point.t, "tape": ids, "ledger": ledger,
                "verdict": judged.verdict, "text": judged.text,
                "copies": sum(count for name, count in judged.copies.items() if name.endswith(":copy")),
            })  # fmt: skip
        forks.append(fork)
        if progress is not None:
            progress(count, len(plan.jobs))


def _digest(rows: list[Row]) -> bytes:
    """The same for futures in which the same happens; a forked function counts by its name."""
    return hashlib.sha256(msgspec.json.encode(rows, enc_hook=lambda function: function.__name__)).digest()


def _add_points(plan: Plan, found: Forks, forks: list[int]) -> None:
    """For each point: what each fault comes to there."""
    disks = _Disks(found.disks)
    for _, cases in groupby(plan.cases, key=lambda case: id(case.point)):
        kill = everybody = -1
        cuts: list[list[int]] = []
        for crash in cases:
            point = crash.point
            if crash.job >= len(forks):
                continue
            fork = forks[crash.job]
            if crash.scope == PROCESS:
                kill = fork
            elif crash.fault == KILL:
                everybody = fork
            else:
                cuts.append([fork, disks.number(point, plan.jobs[crash.job])])
        found.points.append([point.row, point.host, point.program, point.pid, kill, everybody, cuts])


class _Disks:
    """Surviving disks as a viewer picks among them: what of the queue and the mailboxes is lost, and what is there."""

    def __init__(self, told: list[Data]) -> None:
        self.told = told
        self._known: dict[str, int] = {}

    def number(self, point: Point, job: Job) -> int:
        assert job.image is not None
        lost = [list(loss) for loss in taken(point.left.seen, job.image) if not loss.name.startswith("lock/")]
        paths = [path for path, _ in job.image.names]
        there = {path for path, _ in point.left.seen.names}
        told: Data = {
            "lost": lost,
            "gone": sorted(path for path in there - set(paths) if not path.startswith("lock/")),
            "files": sorted(path for path in paths if path.partition("/")[0] in (*FILES, "pid")),
            "back": sorted(set(paths) - there),
        }
        number = self._known.setdefault(str(told), len(self.told))
        if number == len(self.told):
            self.told.append(told)
        return number
