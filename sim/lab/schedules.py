"""Who steps next: other schedules than the undisturbed one, with up to K forced switches.

Crashes on one schedule miss real bugs: a qmail-queue that links ``todo`` before it writes ``intd`` passes every power
cut as long as nobody else runs in between. Where a process has blocked or ended, or an instant begins, any that is
ready may go on, for nothing; to take the turn from one that could go on is a forced switch. (The distinction is
CHESS's: Musuvathi and Qadeer, *Iterative Context Bounding for Systematic Testing of Multithreaded Programs*, 2007.)

A life is a script of choices, played from the start; it is given up where the whole state (programs, disk, clock) has
been seen with as many switches left. What this covers is a bound and no proof: so many switches, so many states.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from sim.lab.bench import Bench
from sim.lab.knowledge import Key, machine_key
from sim.lab.places import CHANGING, LET_OTHERS, Branch, Hand, Known, Observer, Script, Shared
from sim.lab.plan import Life, Note
from sim.machine.files import about_to_call, target_of
from sim.machine.kernel import Machine
from sim.machine.process import READY, Process
from sim.machine.streams import OpenFile
from sim.show.progress import Progress

STATES = 100_000
PLACES_BETWEEN = 500  # from one word on how far it is to the next
FILE_CALLS = CHANGING | frozenset(("read", "stat", "scandir", "flock"))
OWN_FILES = ("control", "alias", "users", "stdin", "pipe", "tcp/")


@dataclass(slots=True)
class Schedules:
    """Where an exploration has got to: ``visited`` states with the switches that were left, ``waiting`` scripts.

    ``ends`` counts the lives that were played to their end, ``full`` says whether the bound on states was reached,
    ``chosen_freely`` whether the running process has done nothing yet that matters since it could have been another.
    """

    most: int
    bound: int = STATES
    visited: dict[Key, int] = field(default_factory=dict)
    waiting: deque[tuple[Script, int, tuple[Note, ...]]] = field(default_factory=deque)
    used: int = 0
    notes: tuple[Note, ...] = ()
    script: Script = ()
    played: int = 0
    ends: int = 0
    full: bool = False
    chosen_freely: bool = False

    def look(self, observer: Observer, hand: Hand, machine: Machine, next_one: Process | None, running: bool) -> None:
        """A place: end the life where it is known, or note whom else one could have let go on."""
        self.chosen_freely |= not running
        left = self.most - self.used
        key = (self.chosen_freely, *_state(observer, machine))
        if self.visited.get(key, -1) >= left:
            raise Known
        if len(self.visited) >= self.bound and key not in self.visited:
            self.full = True
            raise Known
        self.visited[key] = left
        if next_one is None or not _matters(next_one):
            return
        cost = 0 if self.chosen_freely else 1
        self.chosen_freely = False
        if cost > left:
            return
        others = [(one.pid, one.program) for one in machine.ready if one is not next_one and one.state == READY]
        if observer.others_due(machine):
            others.append((LET_OTHERS, "others"))
        call = (next_one.program, *about_to_call(next_one))
        for pid, program in others:
            note = Note(*call, program, pid, cost > 0)
            script = (*self.script, (machine.name, hand.step, pid))
            self.waiting.append((script, self.used + cost, (*self.notes, note)))


def explore(
    bench: Bench, shared: Shared, wanted: Callable[[str, str], bool], most: int, found: Callable[[Life], object],
    progress: Progress | None = None,
) -> Schedules:  # fmt: skip
    """Play every schedule with at most so many forced switches, each state once; ``found`` gets each life."""
    schedules = Schedules(most)
    schedules.waiting.append(((), 0, ()))
    while schedules.waiting:
        schedules.script, schedules.used, schedules.notes = schedules.waiting.popleft()
        schedules.chosen_freely = False
        branch = schedules.look if most else _told(progress, bench.play.until)
        life = bench.observe(Observer(shared, wanted, branch), schedules.script)
        life.notes = schedules.notes
        schedules.played += 1
        schedules.ends += life.ended is not None
        found(life)
        if progress is not None:
            progress(schedules.played, schedules.played + len(schedules.waiting), "schedules")
    return schedules


def _told(progress: Progress | None, until_s: float) -> Branch | None:
    """How far the one life of a sweep without forced switches has got: alone, that can take minutes."""
    if progress is None:
        return None
    places = count(1)

    def tell(_observer: Observer, _hand: Hand, machine: Machine, _next_one: Process | None, _running: bool) -> None:
        if next(places) % PLACES_BETWEEN == 0:
            progress(int(machine.now), int(until_s), "seconds of the run looked through")

    return tell


def _state(observer: Observer, machine: Machine) -> Key:
    """All that decides how things go on; a machine's name is where the next call comes."""
    known = observer.known
    machines = tuple(machine_key(one, known) for one in observer.machines.values())
    disks = tuple(observer.left(one).number for one in observer.machines.values())
    return (machine.name, machines, disks, known.promised, known.reported)


def _matters(process: Process) -> bool:
    """Whether the order matters in which others make their calls and this process makes its next one.

    What passes through a pipe, and a program's own affairs, can wait for the next call on a file or the program's end;
    a file that is closed matters to others when it is locked.
    """
    call = process.pending
    if call[0] == "close":
        held = process.fds.get(call[1])
        return isinstance(held, OpenFile) and held.inode.holder is held
    if call[0] in FILE_CALLS:
        return not (target_of(process, call) or "").startswith(OWN_FILES)
    return call[0] in ("exit", "kill")
