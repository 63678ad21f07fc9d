"""Crashes that count as one really have one future: each is carried out as itself and as the job it comes to."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from sim import scenario
from sim.lab.knowledge import Key, Knowledge
from sim.lab.outcome import Outcome
from sim.lab.places import HOST, POWER_CUT, Shared
from sim.lab.plan import Crash, Job, chosen, undisturbed
from sim.lab.sweep import Sweep, prepare
from sim.scenario import Scenario
from sim.world.simulate import SYSTEMS

DISKS = 8
JOBS = 60
SEED = 20111122
LESSONS = (
    "02-local-delivery", "03-no-such-user", "06-crash-while-queueing", "07-twice-before-done",
    "08-crash-before-the-250", "18-maildir-or-mbox",
)  # fmt: skip
FILESYSTEMS = ("ffs", "journaled", "async")


def planned(play: Scenario, filesystem: str, preemptions: int = 0, programs: tuple[str, ...] = ()) -> Sweep:
    told = undisturbed(play, filesystem)
    shared = Shared(DISKS, len(told.hosts))
    return prepare(told, SYSTEMS, chosen((), programs), shared, 0, preemptions)[0]


def lesson(name: str) -> Scenario:
    return scenario.load(f"scenarios/{name}.yaml")


def as_itself(crash: Crash, job: Job) -> Job:
    """The job that a merged crash would be if nothing were known of equal states."""
    point = crash.point
    image = point.left.cut.images[crash.disk - 1] if crash.fault == POWER_CUT else None
    if crash.fault != POWER_CUT and crash.scope == HOST:
        image = point.left.seen
    return job._replace(point=point, life=crash.life, disk=crash.disk, image=image)


def merged(sweep: Sweep) -> dict[int, list[Crash]]:
    """For each job the crashes that come to it, without the one that it was made of."""
    jobs = sweep.plan.jobs
    found: dict[int, list[Crash]] = {}
    for crash in sweep.plan.cases:
        if crash.point is not jobs[crash.job].point:
            found.setdefault(crash.job, []).append(crash)
    return found


def drawn(sweep: Sweep, most: int) -> list[Crash]:
    """For some jobs the crash that is farthest from it; the lot is among the farthest, for most happened in between."""
    jobs = sweep.plan.jobs
    farthest = [max(crashes, key=lambda one: one.point.row) for crashes in merged(sweep).values()]
    farthest.sort(key=lambda one: jobs[one.job].point.row - one.point.row)
    among = farthest[: 2 * most]
    return random.Random(SEED).sample(among, min(most, len(among)))


def became(sweep: Sweep, job: Job) -> Outcome:
    """What a report says of a crash, but for the rules that were broken: these name files by the pids of programs."""
    return sweep.judge(sweep.bench.execute(job), job.life)._replace(broken=[])


def differences(sweep: Sweep, crashes: list[Crash]) -> Iterator[str]:
    """The merged crashes that do not end as the jobs that they come to."""
    for crash in crashes:
        job = sweep.plan.jobs[crash.job]
        own, alike = became(sweep, as_itself(crash, job)), became(sweep, job)
        if own != alike:
            point, like = crash.point, job.point
            yield (
                f"{crash.fault} {crash.scope} {point.program} {point.moment} ends as {own}, "
                f"but counts as {like.program} {like.moment}: {alike}"
            )


@pytest.mark.parametrize("filesystem", FILESYSTEMS)
@pytest.mark.parametrize("name", LESSONS)
def test_crashes_that_count_as_one_end_alike(name: str, filesystem: str) -> None:
    sweep = planned(lesson(name), filesystem)
    found = list(differences(sweep, drawn(sweep, JOBS)))
    assert found == []


def test_crashes_on_several_schedules_that_count_as_one_end_alike() -> None:
    sweep = planned(lesson("02-local-delivery"), "journaled", preemptions=1, programs=("qmail-clean",))
    crashes = drawn(sweep, JOBS)
    across = sum(crash.life is not sweep.plan.jobs[crash.job].life for crash in crashes)
    found = list(differences(sweep, crashes))
    assert across > 0
    assert found == []


# A check that cannot fail is worth nothing: forget one thing that decides, and a difference is found

AT_ONE_INSTANT = """
title: two letters at one instant
hosts: {a.example: {users: {u: ./Maildir/, v: ./Maildir/}}}
mail:
  - {at: 5s, from: u@a.example, to: u@a.example, body: one}
  - {at: 5s, from: v@a.example, to: v@a.example, body: two}
"""


@pytest.mark.parametrize(
    ("what", "play", "filesystem"),
    [
        ("started", scenario.loads(AT_ONE_INSTANT), "ffs"),
        ("entered", lesson("18-maildir-or-mbox"), "async"),
        ("promised", lesson("02-local-delivery"), "journaled"),
        ("reported", lesson("06-crash-while-queueing"), "async"),
        ("failed", lesson("03-no-such-user"), "async"),
        ("network", lesson("08-crash-before-the-250"), "ffs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_to_forget_what_decides_after_a_whole_host_is_noticed(
    what: str, play: Scenario, filesystem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = Knowledge.outside

    def forgetful(known: Knowledge, host: str, hosts: int) -> Key:
        remembered = getattr(known, what)
        setattr(known, what, type(remembered)())
        key = outside(known, host, hosts)
        setattr(known, what, remembered)
        return key

    monkeypatch.setattr(Knowledge, "outside", forgetful)
    noticed = found_different(planned(play, filesystem))
    assert noticed


def test_to_forget_what_waits_for_the_others_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.lab.knowledge._about", lambda _process: ())
    noticed = found_different(planned(lesson("02-local-delivery"), "ffs"))
    assert noticed


def found_different(sweep: Sweep) -> bool:
    """Whether for any job at all the crash that is farthest from it ends in another way."""
    return any(differences(sweep, drawn(sweep, len(sweep.plan.jobs))))
