"""Which crashes there are: the points of one life, and the distinct *jobs* that they come to.

A *life* is one run of the scenario: the undisturbed one, one on another schedule, or what followed a first crash.
Two crashes with the same disk, the same promises made and the same knowledge in other machines go on alike; they
are one job, counted apart from the points that lead to it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from sim.folds.reading import Reading
from sim.lab.knowledge import Key
from sim.lab.places import HOST, KILL, POWER_CUT, PROCESS, Point, Script
from sim.machine.disk import Disk
from sim.machine.images import Image
from sim.notation import moments
from sim.scenario import Scenario, from_data, to_data
from sim.scenario.faults import Kill, PowerCut, Preempt, Signal
from sim.trace import Row, Trace


class Start(NamedTuple):
    """Where a life begins when not with the scenario: a disk that a crash left at a point of another life."""

    life: Life
    point: Point
    fault: str
    image: Image


class Note(NamedTuple):
    """One choice of a schedule in words: who had to wait before which call, and who got the turn instead."""

    program: str
    verb: str
    target: str
    to_program: str
    to: int
    forced: bool

    @property
    def words(self) -> str:
        call = f"{self.program} {self.verb} {self.target}".rstrip()
        return f"before {call} the turn goes to {self.to_program}{'' if self.forced else ' (a free choice)'}"


class Ended(NamedTuple):
    """A finished life: its rows, where its last crash stands in them, when it ended, the disks then.

    ``files_after`` is what a killed process left at that instant, None for a whole machine.
    """

    rows: list[Row]
    crash_row: int
    until_s: float
    disks: dict[str, Disk]
    files_after: tuple[str, ...] | None = None


@dataclass(eq=False)
class Life:
    """``script`` is what was done to it since its ``start``; ``rows`` its trace, ``points`` where a crash can come.

    ``ended`` is None for a life that was given up because the rest of it is known from another; ``notes`` say what
    the choices of its script were.
    """

    start: Start | None = None
    script: Script = ()
    rows: list[Row] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    ended: Ended | None = None
    notes: tuple[Note, ...] = ()
    _reading: Reading = field(default_factory=Reading)

    def read_to(self, row: int) -> Reading:
        """A reading of the rows before this one, to be gone on with; cheap for who asks for one row after the other."""
        if self._reading.row > row:
            self._reading = Reading()
        self._reading.read(self.rows[self._reading.row : row])
        return self._reading.fork()


class Job(NamedTuple):
    """One crash to be carried out at a point of a life; ``image`` is the disk that a whole machine finds.

    ``disk`` is the number of that disk among those that the point may leave, counted from 1; 0 after a kill.
    """

    fault: str
    scope: str
    point: Point
    image: Image | None
    life: Life
    disk: int = 0


class Crash(NamedTuple):
    """A fault at a point of a life, and the number of the job that it comes to; ``disk`` as in Job."""

    point: Point
    fault: str
    scope: str
    life: Life
    disk: int
    job: int = 0


@dataclass(slots=True)
class Plan:
    """``jobs`` are distinct; ``cases`` say which of them each fault at each point comes to.

    ``lives`` are the schedules, the undisturbed one first; ``sampled`` the points with more disks than were tried.
    """

    play: Scenario
    trace: Trace
    lives: list[Life] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    cases: list[Crash] = field(default_factory=list)
    sampled: list[tuple[Point, int]] = field(default_factory=list)
    known: dict[Key, int] = field(default_factory=dict)

    def add(self, life: Life, kills: bool = True) -> None:
        """Plan every crash at the points of a life; with ``kills`` those of single programs as well."""
        self.lives.append(life)
        self.points += life.points
        for crash, key, job in crashes(life, kills):
            number = self.known.setdefault(key, len(self.jobs))
            if number == len(self.jobs):
                self.jobs.append(job)
            self.cases.append(crash._replace(job=number))
        self.sampled += [(point, point.left.cut.choices) for point in life.points if point.left.cut.sampled]


def crashes(life: Life, kills: bool = True) -> Iterator[tuple[Crash, Key, Job]]:
    """Every fault at each of its points, with a key that is equal for those that go on alike."""
    for point in life.points:
        if point.process_key and kills:
            key: Key = (KILL, PROCESS, point.process_key)
            yield Crash(point, KILL, PROCESS, life, 0), key, Job(KILL, PROCESS, point, None, life)
        key = (KILL, HOST, point.host_key, point.left.seen)
        yield Crash(point, KILL, HOST, life, 0), key, Job(KILL, HOST, point, point.left.seen, life)
        for disk, image in enumerate(point.left.cut.images, 1):
            key = (POWER_CUT, HOST, point.host_key, image)
            yield Crash(point, POWER_CUT, HOST, life, disk), key, Job(POWER_CUT, HOST, point, image, life, disk)


def undisturbed(play: Scenario, filesystem: str) -> Scenario:
    """The scenario without crashes of its own and without expectations; ``filesystem`` as in ``async+syncdir``.

    On another file system ``unsynced`` can only speak of calls that would wait there: without ``syncdir`` a directory
    operation does not wait anyway, and on ffs nothing keeps it from waiting.
    """
    kind, _, syncdir = filesystem.partition("+")
    data = to_data(play)
    data["faults"] = [
        one for one, fault in zip(data.get("faults", []), play.faults, strict=False)
        if not isinstance(fault, Kill | PowerCut | Signal | Preempt)
    ]  # fmt: skip
    data.pop("expect", None)
    for host in data["hosts"].values() if kind else ():
        waiting = [call for call in host.get("unsynced", ()) if syncdir or moments.parse(call).verb == "fsync"]
        host.update({"filesystem": kind, "syncdir": bool(syncdir), "unsynced": waiting})
    return from_data(data)


def chosen(hosts: Collection[str], programs: Collection[str]) -> Callable[[str, str], bool]:
    """Whether crashes are wanted at a program's calls on a host; all when nothing is chosen."""
    return lambda host, program: (not hosts or host in hosts) and (not programs or program in programs)
