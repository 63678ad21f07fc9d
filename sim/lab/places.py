"""The places of a run: between any two calls of a machine, and where it has nothing more to do at an instant.

A ``Hand`` is the Chooser of one host. It counts its places, carries out what a script says is to happen at some of
them (a process gets the turn, a crash strikes), and shows the rest to an ``Observer``, which writes down where a
crash could come and what it could leave. "Before call k" of a machine is "after call k - 1", so these are all.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple
from zlib import crc32

from sim.lab.knowledge import Histories, Key, Knowledge, without
from sim.machine.files import about_to_call
from sim.machine.images import Image, seen
from sim.machine.kernel import Machine
from sim.machine.process import Process
from sim.machine.survivors import Survivors, seed_at, state_of, survivors
from sim.machine.turns import OTHERS, PAUSE, Others
from sim.trace import Row, verb_of

CHANGING = frozenset(
    ("create", "open", "write", "fsync", "ftruncate", "link", "symlink", "rename", "unlink", "mkdir", "utime", "chmod")
)
KILL, POWER_CUT, PROCESS, HOST = "kill", "power_cut", "process", "host"
LET_OTHERS = 0
STAND_STILL = -1  # until somebody says at which step to stand still next


class Left(NamedTuple):
    """The disk as programs saw it at a place, every disk that a power cut may leave there, and a number for both."""

    seen: Image
    cut: Survivors
    number: int


class Point(NamedTuple):
    """A place where a crash can come: ``when`` is before a call, before one that is tried again, or after the last.

    ``step`` counts the places of the host, ``row`` is the trace's length, ``previous`` names the call before;
    ``others`` counts who else wants something at this very instant and has not had a turn, as far as known. Crashes
    at points with equal ``host_key`` (of a whole host) or ``process_key`` (of the one program, empty where it is not
    to be killed) go on alike.
    """

    host: str
    program: str
    pid: int
    when: str
    verb: str
    target: str
    t: float
    row: int
    step: int
    next_pid: int
    others: int
    left: Left
    host_key: Key
    process_key: Key
    previous: tuple[str, str, str]

    @property
    def moment(self) -> str:
        return f"{self.when} {self.verb} {self.target}".rstrip()


class Strike(NamedTuple):
    """A crash: ``image`` is the disk that a host finds after a power cut, ``t`` when it comes (seconds).

    ``disk`` is that disk's number among those that could be found there, counted from 1.
    """

    fault: str
    scope: str
    t: float
    image: Image | None = None
    disk: int = 0


Act = int | Strike  # a pid that gets the turn, LET_OTHERS, STAND_STILL, or a crash
Script = tuple[tuple[str, int, Act], ...]  # host, step, what is to happen there
Answer = Process | Others | None


class Hand:
    """The Chooser of one host; when there is nothing left to do or to show, it lets go of the machine."""

    def __init__(
        self,
        acts: dict[int, Act],
        strike: Callable[[Strike, Process | None], None],
        observer: Observer | None,
        step: int = 0,
    ) -> None:
        self.acts = acts
        self.strike = strike
        self.observer = observer
        self.step = step
        self.still = False

    def __call__(self, machine: Machine, next_one: Process | None, running: bool) -> Answer:
        if not machine.powered:
            return None
        self.step += 1
        act = self.acts.pop(self.step, None)
        self.still = act == STAND_STILL
        if self.still:
            self.step -= 1
            return PAUSE
        if act is None:
            if self.observer is not None:
                self.observer.see(self, machine, next_one, running)
            elif not self.acts:
                machine.choose = None
            elif next_one is not None:
                machine.unseen = min(self.acts) - self.step - 1
                self.step += machine.unseen
            return next_one
        if self.observer is not None:
            self.observer.acted()
        if isinstance(act, Strike):
            self.strike(act, next_one)
            return None
        return OTHERS if act == LET_OTHERS else machine.processes[act]


class Known(Exception):  # noqa: N818 - not an error: there is no need to go on
    """The rest of this life is known from another."""


Branch = Callable[["Observer", "Hand", Machine, "Process | None", bool], None]


class Observer:
    """Writes down the points of a life, once all that its script says has happened (``waiting`` counts that down).

    ``wanted(host, program)`` says where crashes are of interest; ``branch`` may look at each place as well, and end
    the life by raising Known. ``first_row`` is where the script's last act left the trace.
    """

    def __init__(self, sweep: Shared, wanted: Callable[[str, str], bool], branch: Branch | None = None) -> None:
        self.sweep = sweep
        self.wanted = wanted
        self.branch = branch
        self.known = Knowledge(sweep.histories)
        self.points: list[Point] = []
        self.waiting = 0
        self.first_row = 0
        self._left: dict[str, tuple[float, Left]] = {}
        self._last: dict[str, tuple[str, str, str]] = {}
        self._row = 0

    def attend(
        self, rows: list[Row], machines: dict[str, Machine], others_due: Callable[[Machine], int], waiting: int
    ) -> None:
        """What there is to look at: the trace as it grows, the machines, and how many others want to have a turn."""
        self.rows = rows
        self.machines = machines
        self.others_due = others_due
        self.waiting = waiting
        self.first_row = len(rows)

    def acted(self) -> None:
        """Something that the script says has just happened."""
        self.waiting -= 1
        self.first_row = len(self.rows)

    def see(self, hand: Hand, machine: Machine, next_one: Process | None, running: bool) -> None:
        """A place: a point, if a crash is wanted there."""
        if self.waiting or not machine.powered:
            return
        self.catch_up()
        if self.branch is not None:
            self.branch(self, hand, machine, next_one, running)
        own = next_one is not None and self.wanted(machine.name, next_one.program)
        again = next_one is None or next_one.tried is next_one.pending
        wanted = own or (again and self.wanted(machine.name, self._last.get(machine.name, ("", "", ""))[0]))
        if wanted and self.sweep.drawn(machine.name, hand.step):
            self.points.append(self._point(hand.step, machine, next_one, own))

    def catch_up(self) -> None:
        for row in self.rows[self._row :]:
            _, (host, program, _), call, *_ = row
            if call[0] in CHANGING:
                self._left.pop(host, None)
            if program:
                self._last[host] = made(row)
        self._row = len(self.rows)
        self.known.look(self.rows)

    def _point(self, step: int, machine: Machine, next_one: Process | None, own_kill: bool) -> Point:
        name = machine.name
        previous = self._last.get(name, ("", "", ""))
        left = self.left(machine)
        known = self.known
        host_key = (machine.now, *known.outside(name, self.sweep.hosts))
        place = (machine.now, len(self.rows), step, machine.next_pid, self.others_due(machine), left, host_key)
        if next_one is None or (next_one.tried is next_one.pending and not own_kill):
            return Point(name, previous[0], 0, "after", previous[1], previous[2], *place, (), previous)
        verb, target = about_to_call(next_one)
        when = "again" if next_one.tried is next_one.pending else "before"
        own: Key = ()
        if own_kill:
            rest = without(machine, known, next_one)
            own = (left.number, host_key, rest)
        return Point(name, next_one.program, next_one.pid, when, verb, target, *place, own, previous)

    def left(self, machine: Machine) -> Left:
        """What a crash would leave now; disks that could leave the same are looked at once."""
        held = self._left.get(machine.name)
        if held is not None and held[0] == machine.now:
            return held[1]
        left = self.sweep.left(machine)
        self._left[machine.name] = (machine.now, left)
        return left


def made(row: Row) -> tuple[str, str, str]:
    """Program, verb and target of a call on record."""
    _, (_, program, _), call, target, _, _ = row
    return program, verb_of(call, target), target or ""


class Shared:
    """What all runs of a sweep share: ``bound`` limits the disks at a point, ``hosts`` counts the machines.

    Of the points one in ``one_in`` is kept, drawn by lot from ``seed``.
    """

    def __init__(self, bound: int, hosts: int, one_in: int = 1, seed: int = 0) -> None:
        self.bound = bound
        self.hosts = hosts
        self.one_in = one_in
        self.seed = seed
        self.histories = Histories()
        self._leaves: dict[Hashable, Left] = {}

    def drawn(self, host: str, step: int) -> bool:
        return self.one_in == 1 or crc32(f"{self.seed} {host} {step}".encode()) % self.one_in == 0

    def left(self, machine: Machine) -> Left:
        key: tuple[Any, ...] = (machine.name, state_of(machine.disk, machine.now))
        found = self._leaves.get(key)
        if found is None:
            number = len(self._leaves)
            cut = survivors(machine.disk, machine.now, self.bound, seed_at(machine))
            found = self._leaves[key] = Left(seen(machine.disk), cut, number)
        return found
