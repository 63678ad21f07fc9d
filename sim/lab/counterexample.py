"""The smallest counterexample: the shortest story in which a promise is broken, and the scenario that replays it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sim.lab.bench import BACK_AFTER_S
from sim.lab.outcome import DAMAGED, LOST, PROMISES_BROKEN, Outcome
from sim.lab.places import HOST, LET_OTHERS, POWER_CUT, Observer, Point, Script, Shared, Strike, made
from sim.lab.plan import Ended, Job, Life, chosen, crashes
from sim.lab.report import NO_FAULT, Case, Report
from sim.lab.sweep import Sweep
from sim.lab.whole import Whole
from sim.machine.images import Image, taken
from sim.machine.survivors import DISKS_AT_A_POINT
from sim.scenario import Scenario, from_data, to_data
from sim.verdict import judge
from sim.world.simulate import simulate

A_MOMENT_S = 1.0
LONGEST_S = 10 * 365 * 86_400.0


class Counterexample(NamedTuple):
    """A broken promise: the first crash (or none), the job that broke it, the life it came in, and how it ended."""

    case: Case
    sweep: Sweep
    job: Job
    ended: Ended
    outcome: Outcome


def smallest(report: Report) -> Counterexample | None:
    """The one with the fewest forced switches and crashes, a loss if there is one; the earliest, and the least lost."""
    if not report.broken:
        return None
    case = min(report.broken, key=_size)
    sweep = report.sweeps[case.filesystem]
    if case.fault == NO_FAULT:
        assert case.job.life.ended is not None
        return Counterexample(case, sweep, case.job, case.job.life.ended, case.outcome)
    if case.outcome.verdict in PROMISES_BROKEN:
        ended = sweep.bench.execute(case.job)
        return Counterexample(case, sweep, case.job, ended, sweep.judge(ended))
    return _second(case, sweep)


def _size(case: Case) -> tuple[bool, int, int, int, int, int]:
    crashes = 0 if case.fault == NO_FAULT else 1 + (case.outcome.verdict not in PROMISES_BROKEN)
    verdicts = {case.outcome.verdict} | ({one.verdict for *_, one in case.second.broken} if case.second else set())
    forced = sum(note.forced for note in case.job.life.notes)
    image = case.job.image
    lost = len(taken(case.point.left.seen, image)) if case.fault == POWER_CUT and image is not None else 0
    return not verdicts & {LOST, DAMAGED}, forced, len(case.job.life.notes), crashes, case.point.row, lost


def _second(case: Case, sweep: Sweep) -> Counterexample:
    """Find the second crash again: the first of those after this one that break a promise."""
    assert case.second is not None
    moment, fault, scope, disk, _ = case.second.broken[0]
    start, script = sweep.bench.follow(case.job)
    shared = Shared(sweep.second_bound, len(sweep.plan.play.hosts))
    life = sweep.bench.observe(Observer(shared, sweep.wanted), script, start)
    for crash, _, job in crashes(life):
        if (crash.point.moment, crash.fault, crash.scope, job.disk) == (moment, fault, scope, disk):
            ended = sweep.bench.execute(job)
            outcome = sweep.judge(ended)
            if outcome.verdict in PROMISES_BROKEN:
                return Counterexample(case, sweep, job, ended, outcome)
    raise LookupError(f"the crash {moment} did not come again")


# As a scenario


def as_scenario(found: Counterexample) -> Scenario:
    """The scenario that replays it under ``mailsim run``; LookupError where its moments cannot be named."""
    play = found.sweep.plan.play
    script = _script(found)
    faults = [*to_data(play).get("faults", []), *_faults(found.sweep, script)]
    data = to_data(play)
    until = min(max(found.ended.until_s + A_MOMENT_S, play.until), LONGEST_S)
    words = f"{found.outcome.verdict}: {'; '.join(found.outcome.broken) or found.outcome.text}"
    data |= {
        "title": f"Counterexample: {play.title}"[:200],
        "lesson": f"Found by mailsim crash-test. {words}. A promise is broken, so the run ends with exit status 1.",
        "until": f"{until:.6f}s", "faults": faults, "expect": [],
    }  # fmt: skip
    data.pop("laboratory", None)
    told = from_data(data)
    broken = judge(told, simulate(told, systems=found.sweep.systems).trace).broken
    if not broken or not set(found.outcome.broken) <= set(broken):
        raise LookupError("played again from its scenario it ends otherwise")
    return told


def _script(found: Counterexample) -> Script:
    """All that was done from the very beginning, whatever disks it began anew with in between."""
    if found.job.fault == NO_FAULT:
        return found.job.life.script
    image = found.job.image if found.job.fault == POWER_CUT else None
    point = found.job.point
    strike = Strike(found.job.fault, found.job.scope, point.t, image, found.job.disk)
    return (*_before(found.job.life), (point.host, point.step, strike))


def _before(life: Life) -> Script:
    if life.start is None:
        return life.script
    point, image = life.start.point, life.start.image
    disk = point.left.cut.images.index(image) + 1 if image in point.left.cut.images else 1
    strike = Strike(life.start.fault, HOST, point.t, image, disk)
    return (*_before(life.start.life), (point.host, point.step, strike), *life.script)


def _faults(sweep: Sweep, script: Script) -> Iterator[dict[str, Any]]:
    """Each act of a script as a fault, its moment named and counted by playing what comes before it."""
    bench = Whole(sweep.plan.play, sweep.systems, sweep.bench.needed)
    places: list[Point] = []
    for number, (host, step, act) in enumerate(script):
        shared = Shared(1, len(sweep.plan.play.hosts))
        life = bench.observe(Observer(shared, chosen((), ())), script[:number])
        index = next(i for i, one in enumerate(life.points) if one.host == host and one.step == step)
        here = life.points[index]
        places += life.points[: index + 1]
        if isinstance(act, Strike):
            fault = _crash(act, here, places, life)
            if act.image is not None and act.disk > 1:
                fault["disk"] = _number(bench, act.image, host, step, script[:number])
            yield fault
        else:
            same = [one for one in places if _call(one) == _call(here) and one.when != "after" and one.host == host]
            to = "others" if act == LET_OTHERS else act
            yield {"preempt": host, "before": " ".join(_call(here)).rstrip(), "nth": len(same), "to": to}


def _call(point: Point) -> tuple[str, str, str]:
    return point.program, point.verb, point.target


def _crash(act: Strike, here: Point, places: list[Point], life: Life) -> dict[str, Any]:
    fault: dict[str, Any] = {act.fault: here.host}
    if act.scope != HOST:
        fault["program"] = here.program
    if here.when == "before":
        same = [one for one in places if one.when == "before" and _call(one) == _call(here) and one.host == here.host]
        fault |= {"before": " ".join(_call(here)).rstrip(), "nth": len(same)}
    else:
        rows = [row for row in life.rows[: here.row] if row[1][0] == here.host and row[1][1]]
        done = [row for row in rows if made(row) == here.previous and row[5] is None]
        if not done or done[-1] is not rows[-1]:
            raise LookupError(f"the call before {here.moment} failed, and a failed call is no moment")
        fault |= {"after": " ".join(here.previous).rstrip(), "nth": len(done)}
    fault["back_after"] = f"{BACK_AFTER_S:g}s"
    return fault


class _OneStep(Shared):
    """Looks at one place only, but at as many disks there as a ``power_cut`` fault can name."""

    def __init__(self, hosts: int, host: str, step: int) -> None:
        super().__init__(DISKS_AT_A_POINT, hosts)
        self.place = (host, step)

    def drawn(self, host: str, step: int) -> bool:
        return (host, step) == self.place


def _number(bench: Whole, image: Image, host: str, step: int, script: Script) -> int:
    """The disk's number for ``mailsim run``; a sweep with another bound on disks has counted others."""
    life = bench.observe(Observer(_OneStep(len(bench.play.hosts), host, step), chosen((), ())), script)
    images = life.points[0].left.cut.images
    if image not in images:
        raise LookupError(f"the disk is none of the {len(images)} that a scenario can name")
    return images.index(image) + 1
