"""The sweep: every crash of a scenario carried out, each disk that could be left, every outcome judged.

A sweep is a list of jobs (``sim.lab.plan``), each of which needs nothing but its number; so it can be spread over
processes, and the report is the same whatever their number. Second crashes are looked for in the life after each
first one, by whoever carries that out.
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sim.folds.queue import linked
from sim.lab.outcome import PROMISES_BROKEN, Numbers, Outcome, normal, queue_files
from sim.lab.places import PROCESS, Left, Point, Shared
from sim.lab.plan import Job, Life, Plan, chosen, undisturbed
from sim.lab.report import NO_FAULT, Case, Report
from sim.lab.sweep import Done, Sweep, Wanted, prepare
from sim.machine.images import Image
from sim.machine.survivors import DISKS_AT_A_POINT, Survivors
from sim.mta import MailSystem
from sim.scenario import Scenario
from sim.scenario.laboratory import Laboratory
from sim.show.progress import Progress
from sim.world.simulate import SYSTEMS

A_CHUNK = 32
YOUNG = 10_000  # new objects before the garbage collector looks at them: about one outcome
DISKS_AT_A_SECOND_POINT = 8


def crash_test(
    play: Scenario, *, hosts: Collection[str] = (), programs: Collection[str] = (), filesystems: Sequence[str] = ("",),
    workers: int = 1, bound: int = DISKS_AT_A_POINT, crashes: int = 1, preemptions: int = 0, one_in: int = 1,
    systems: Mapping[str, MailSystem] = SYSTEMS, progress: Progress | None = None,
) -> Report:  # fmt: skip
    """Crash a scenario at every call, on each of ``filesystems`` (``async+syncdir``; empty: the scenario's own).

    ``hosts`` and ``programs`` choose where; all when empty. ``crashes`` 2: a second one as well, in the life after
    each first; ``preemptions``: on every schedule with at most so many forced switches; ``one_in``: at one in so many
    points only, drawn by lot from the scenario's seed. An interruption ends it with what was found so far.
    """
    second_bound = DISKS_AT_A_SECOND_POINT if crashes > 1 else 0
    report = Report(
        bound=bound, second_bound=second_bound, crashes=crashes, preemptions=preemptions, schedules=0, ends=0,
        one_in=one_in,
    )  # fmt: skip
    wanted = chosen(hosts, programs)
    try:
        sweeps = []
        for name in filesystems:
            sweep = _prepared(report, undisturbed(play, name), systems, wanted, name, progress)
            report.planned += len(sweep.plan.jobs)
            sweeps.append((name, sweep))
        with collector_seldom():
            for name, sweep in sweeps:
                _sweep(report, name, sweep, workers, progress)
    except KeyboardInterrupt:
        report.interrupted = True
    return report


def as_told(play: Scenario, lab: Laboratory, workers: int = 1, progress: Progress | None = None) -> Report:
    """The sweep that a ``laboratory:`` asks for."""
    return crash_test(
        play, hosts=lab.hosts, programs=lab.programs, filesystems=lab.filesystems or ("",), workers=workers,
        bound=lab.disks or DISKS_AT_A_POINT, crashes=lab.crashes, preemptions=lab.preemptions, progress=progress,
    )  # fmt: skip


def _prepared(
    report: Report, told: Scenario, systems: Mapping[str, MailSystem], wanted: Wanted, name: str,
    progress: Progress | None,
) -> Sweep:  # fmt: skip
    """Find the schedules, and on them every point and every distinct crash; judge the schedules themselves."""
    shared = Shared(report.bound, len(told.hosts), report.one_in, told.seed)
    sweep, schedules = prepare(told, systems, wanted, shared, report.second_bound, report.preemptions, progress)
    for life in sweep.plan.lives:
        outcome = sweep.judge(life.ended) if life.ended is not None else None
        if outcome is not None and outcome.verdict in PROMISES_BROKEN:
            report.cases.append(_without_a_crash(name or _kinds(told), life, outcome))
    report.schedules += schedules.played
    report.ends += schedules.ends
    report.states += len(schedules.visited)
    report.full |= schedules.full
    report.sweeps[name or _kinds(told)] = sweep
    return sweep


def _without_a_crash(filesystem: str, life: Life, outcome: Outcome) -> Case:
    nothing = Left(Image((), (), ()), Survivors((), 0, False), 0)
    nowhere = Point("", "", 0, "after", "", "", 0.0, 0, 0, 0, 0, nothing, (), (), ("", "", ""))
    last = life.points[-1] if life.points else nowhere
    return Case(filesystem, Job(NO_FAULT, "", last, None, life), "no crash at all", [], outcome)


def _kinds(told: Scenario) -> str:
    return "+".join(dict.fromkeys(one.filesystem for one in told.hosts.values()))


def _sweep(report: Report, filesystem: str, sweep: Sweep, workers: int, progress: Progress | None) -> None:
    """One file system's share of a report, as far as it gets; outcomes that are alike are kept once."""
    found: list[Done] = []
    alike: dict[str, Outcome] = {}
    plan, done_before = sweep.plan, report.executed
    try:
        for one in _outcomes(sweep, workers):
            found.append(one._replace(outcome=alike.setdefault(repr(one.outcome), one.outcome)))
            if progress is not None:
                progress(done_before + len(found), report.planned)
    finally:
        report.executed += len(found)
        report.points += len(plan.points)
        report.sampled += len(plan.sampled)
        choices = [point.left.cut.choices for point in plan.points]
        report.most_choices = max([report.most_choices, *choices])
        report.cases += _cases(filesystem or _kinds(plan.play), plan, found)


def _cases(filesystem: str, plan: Plan, found: list[Done]) -> Iterator[Case]:
    numbers: dict[tuple[int, str], Numbers] = {}
    for crash in plan.cases:
        if crash.job >= len(found):
            continue
        point, job, done = crash.point, plan.jobs[crash.job], found[crash.job]
        key = (id(crash.life), point.host)
        if key not in numbers:
            numbers[key] = Numbers(linked(crash.life.rows), point.host)
        names = numbers[key].at(point.row)
        moment = _moment(point, crash.scope, numbers[key].at(point.row, ahead=True))
        there = [path for path, _ in job.image.names] if job.image else done.outcome.files_after or ()
        own = job._replace(point=point, life=crash.life, disk=crash.disk)
        yield Case(filesystem, own, moment, queue_files(there, names), done.outcome, done.second)


def _moment(point: Point, scope: str, names: Mapping[str, str]) -> str:
    """The place of a crash in words; where a call is tried again, a whole host stands after the call before that."""
    if point.when == "again" and scope != PROCESS:
        _, verb, target = point.previous
        return f"after {verb} {normal(target, names)}".rstrip()
    return point._replace(target=normal(point.target, names)).moment


@contextmanager
def collector_seldom() -> Iterator[None]:
    """Plans and lives are kept to the end: the garbage collector need not look through them again and again."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


# Spreading the work

_AT_WORK: Sweep | None = None


def _outcomes(sweep: Sweep, workers: int) -> Iterator[Done]:
    """The outcomes of all jobs, in their order."""
    global _AT_WORK
    _AT_WORK = sweep
    numbers = range(len(sweep.plan.jobs))
    try:
        if workers < 2 or "fork" not in multiprocessing.get_all_start_methods():
            yield from map(_work, numbers)
            return
        with multiprocessing.get_context("fork").Pool(workers, _hired) as pool:
            yield from pool.imap(_work, numbers, 1 if sweep.second_bound else A_CHUNK)
    finally:
        _AT_WORK = None


def _hired() -> None:
    """Ctrl-C is for the one that has the report, and a worker goes when that one sends it away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _work(number: int) -> Done:
    assert _AT_WORK is not None
    return _AT_WORK.carry_out(number)
