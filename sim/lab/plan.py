"""Where a crash can come, and what it can leave: one undisturbed run, looked at before each of its calls.

"Before call k" of a machine is "after call k - 1", so the points before every call, and after every exit, are all.
Two crashes with the same disk, the same promises made and the same knowledge in other machines go on alike; they
are one *job*, counted apart from the *points* that lead to it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sim.machine.filesystems import DISKS_AT_A_POINT, Image, Survivors, seen, survivors
from sim.machine.process import Process
from sim.mta import MailSystem
from sim.scenario import Scenario, from_data, to_data
from sim.scenario.faults import Kill, PowerCut, Signal
from sim.trace import Trace, verb_of
from sim.world.host import Host
from sim.world.simulate import World

CHANGING = frozenset(("create", "open", "write", "fsync", "ftruncate", "link", "rename", "unlink", "mkdir", "utime"))
NETWORK = frozenset(("connect", "accept", "query", "exit"))
KILL, POWER_CUT, PROCESS, HOST = "kill", "power_cut", "process", "host"
Key = tuple[Any, ...]


class Left(NamedTuple):
    """The disk as programs saw it at a point, and every disk that a power cut may leave there."""

    seen: Image
    cut: Survivors


class Point(NamedTuple):
    """A place in a run: ``when`` (before, after) the ``nth`` call of a host; ``row`` is the trace's length."""

    host: str
    program: str
    pid: int
    when: str
    verb: str
    target: str
    t: float
    row: int
    nth: int
    next_pid: int
    left: Left

    @property
    def moment(self) -> str:
        return f"{self.when} {self.verb} {self.target}".rstrip()


class Job(NamedTuple):
    """One crash to be carried out; ``image`` is the disk that a whole machine finds, None for a killed process."""

    fault: str
    scope: str
    point: Point
    image: Image | None


@dataclass(slots=True)
class Plan:
    """``jobs`` are distinct; ``cases`` say which of them each fault at each point comes to.

    ``daemons`` are the processes, by host and pid, that never end by themselves.
    """

    play: Scenario
    trace: Trace
    points: list[Point] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    cases: list[tuple[Point, str, str, int]] = field(default_factory=list)
    sampled: list[tuple[Point, int]] = field(default_factory=list)
    daemons: set[tuple[str, int]] = field(default_factory=set)


def undisturbed(play: Scenario, filesystem: str) -> Scenario:
    """The scenario without crashes of its own and without expectations; ``filesystem`` as in ``async+syncdir``."""
    kind, _, syncdir = filesystem.partition("+")
    data = to_data(play)
    data["faults"] = [
        one for one, fault in zip(data.get("faults", []), play.faults, strict=False)
        if not isinstance(fault, Kill | PowerCut | Signal)
    ]  # fmt: skip
    data.pop("expect", None)
    for host in data["hosts"].values() if kind else ():
        host.update({"filesystem": kind, "syncdir": bool(syncdir)})
    return from_data(data)


class _Observer:
    """The watch of one host in the undisturbed run."""

    def __init__(self, host: Host, trace: Trace, points: list[Point] | None, bound: int) -> None:
        self.host = host
        self.trace = trace
        self.points = points
        self.bound = bound
        self.count = 0
        self.changed_at = -1.0
        self.left: Left | None = None

    def __call__(self, when: str, process: Process, target: str | None) -> None:
        call = process.pending
        self.count += when == "before"
        if when == "after" and call[0] in CHANGING:
            self.left = None
        if self.points is None or (when == "after" and call[0] != "exit"):
            return
        machine = self.host.machine
        if self.left is None or self.changed_at != machine.now:
            self.changed_at = machine.now
            seed = f"{self.host.name} {len(self.trace.rows)}"
            self.left = Left(seen(machine.disk), survivors(machine.disk, machine.now, self.bound, seed))
        shown = call[2].split("/")[0] if call[0] == "link" else ""
        place = (machine.now, len(self.trace.rows), self.count, machine.next_pid, self.left)
        verb = verb_of(call, target or shown or None)
        self.points.append(Point(self.host.name, process.program, process.pid, when, verb, target or "", *place))


def make_plan(
    play: Scenario,
    systems: Mapping[str, MailSystem],
    hosts: Collection[str] = (),
    programs: Collection[str] = (),
    bound: int = DISKS_AT_A_POINT,
) -> Plan:
    """Run the scenario once, undisturbed, and find all points and jobs on the chosen hosts and programs."""
    world = World(play, systems)
    plan = Plan(play, world.trace)
    for name, host in world.hosts.items():
        if not hosts or name in hosts:
            observer = _Observer(host, world.trace, plan.points, bound)
            host.on_boot = lambda one, watch=observer: setattr(one.machine, "watch", watch)
    world.start()
    world.run(play.until)
    plan.daemons = {(name, pid) for name, host in world.hosts.items() for pid in host.machine.processes}
    plan.points = [one for one in plan.points if not programs or one.program in programs]
    _add_jobs(plan)
    return plan


def _add_jobs(plan: Plan) -> None:
    known: dict[Key, int] = {}
    for point, knowledge in zip(plan.points, _knowledge(plan), strict=True):
        if point.when == "before":
            plan.cases.append((point, KILL, PROCESS, len(plan.jobs)))
            plan.jobs.append(Job(KILL, PROCESS, point, None))
        if point.left.cut.sampled:
            plan.sampled.append((point, point.left.cut.choices))
        for fault, images in ((KILL, (point.left.seen,)), (POWER_CUT, point.left.cut.images)):
            for image in images:
                number = known.setdefault((fault, knowledge, image), len(plan.jobs))
                if number == len(plan.jobs):
                    plan.jobs.append(Job(fault, HOST, point, image))
                plan.cases.append((point, fault, HOST, number))


def _knowledge(plan: Plan) -> list[Key]:
    """At each point, what decides how things go on besides the disk: promises, reports, what other hosts know."""
    found: list[Key] = []
    promised = reported = 0
    by_host: dict[str, list[int]] = {name: [0, 0] for name in plan.play.hosts}
    row = 0
    for point in plan.points:
        for _, (host, program, _), call, target, _, _ in plan.trace.rows[row : point.row]:
            if host in by_host:
                by_host[host][0] += 1
                by_host[host][1] += call[0] in NETWORK or (target or "").startswith("tcp/")
            promised += program == "qmail-queue" and call == ("exit", 0)
            reported += program == "qmail-local" and call[0] == "exit"
        row = max(row, point.row)
        others = tuple(rows for name, (rows, _) in by_host.items() if name != point.host)
        network = by_host[point.host][1] if others else 0
        found.append((point.host, point.t, promised, reported, others, network))
    return found
