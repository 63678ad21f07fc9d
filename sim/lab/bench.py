"""Carrying a crash out: strike, boot, go on until nothing is left to do.

``Whole`` plays the world again from its start to the point of the crash. ``Alone`` is for one host that nobody
outside remembers: it boots a new machine with the disk that was found, on a plain loop without SimPy. After the
death of one daemon an operator restarts the mail system; a machine that crashed is back after the same time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from sim.lab.outcome import Outcome, judged
from sim.lab.plan import HOST, POWER_CUT, Job, Plan
from sim.machine.disk import Disk
from sim.machine.filesystems import Image, become, names_of, new_disk, seen, taken
from sim.machine.kernel import Machine
from sim.machine.process import Process
from sim.mta import MailSystem
from sim.trace import Row, Trace
from sim.verdict import SWEPT_AFTER_S, Evidence
from sim.world.host import Host
from sim.world.simulate import World

BACK_AFTER_S = 60.0
HORIZON_S = SWEPT_AFTER_S + 3600.0
PATIENCE_S = 7_200.0
STEPS_S = (200.0, 4_000.0, 30_000.0, HORIZON_S)
AN_INSTANT_S = 0.04


class Ended(NamedTuple):
    """A run after a crash: its rows, where the crash stands in them, when it ended, the disks then."""

    rows: list[Row]
    crash_row: int
    until_s: float
    disks: dict[str, Disk]
    files_after: tuple[str, ...] | None


class Bench(Protocol):
    """Where jobs are carried out."""

    def execute(self, job: Job) -> Ended: ...


def bench_for(plan: Plan, systems: Mapping[str, MailSystem]) -> Bench:
    """The fast one when it is sound."""
    play = plan.play
    outside = any(call[0] in ("connect", "query", "accept") for _, _, call, *_ in plan.trace.rows)
    alone = len(play.hosts) == 1 and not (play.faults or play.telnet or outside)
    return Alone(plan, systems) if alone else Whole(plan, systems)


def outcome(plan: Plan, ended: Ended, usual: Mapping[str, int], evidence: Evidence | None = None) -> Outcome:
    """What became of the mail; ``evidence`` spares the folds where they have been made before."""
    disks = {name: list(names_of(disk)) for name, disk in ended.disks.items()}
    return judged(plan.play, ended.rows, ended.crash_row, ended.until_s, disks, usual, ended.files_after, evidence)


def quiet(disk: Disk) -> bool:
    """Whether no message lies in the queue; what is there without its ``mess/`` file nobody will ever touch."""
    return not disk.directories.get("mess")


def stuck(disk: Disk) -> bool:
    """Whether all that lies in the queue is in S4 or S5, so that no sweep will ever take it away."""
    held = disk.directories.get("mess", {}).keys()
    return bool(held) and held <= disk.directories["info"].keys() | disk.directories["todo"].keys()


class Alone:
    """One machine on a plain loop; ``inputs`` are the programs that people started, and when."""

    def __init__(self, plan: Plan, systems: Mapping[str, MailSystem]) -> None:
        self.plan = plan
        world = World(plan.play, systems)
        (self.host,) = world.hosts.values()
        self.config = plan.play.hosts[self.host.name]
        self.image = seen(self.host.machine.disk)
        self.inputs = _inputs(world, self.host, plan.play.until)

    def execute(self, job: Job) -> Ended:
        return self._recover(job) if job.scope == HOST else self._kill(job)

    def _machine(self, image: Image, trace: Trace, first_pid: int) -> Machine:
        disk = new_disk(self.config.filesystem, self.config.syncdir)
        become(disk, image)
        like = self.host.machine
        return Machine(
            like.name, trace, disk, like.programs, epoch_s=like.epoch_s, setuid_programs=like.setuid_programs,
            uids=like.uids, addresses=like.addresses, first_pid=first_pid,
        )  # fmt: skip

    def _recover(self, job: Job) -> Ended:
        """A fresh machine with the disk that was left; people who want to write wait until it has power."""
        point = job.point
        assert job.image is not None
        trace = Trace(self.plan.trace.rows[: point.row])
        machine = self._machine(job.image, trace, point.next_pid)
        back_at = point.t + BACK_AFTER_S
        later = [(at, action) for at, action in self.inputs if at > point.t]
        if job.fault == POWER_CUT:
            lost = tuple(tuple(loss) for loss in taken(point.left.seen, job.image))
            trace.event(point.t, machine.name, ("power_cut",), lost)
            later = [(max(at, back_at), action) for at, action in later]
            now = back_at
        else:
            trace.event(point.t, machine.name, ("kill_all",))
            now = point.t
        boot = (back_at, lambda one: _boot(one, self.host, trace, job.fault == POWER_CUT))
        until = _drive(machine, now, sorted([boot, *later], key=lambda pair: pair[0]), back_at)
        return Ended(trace.rows, point.row, until, {machine.name: machine.disk}, None)

    def _kill(self, job: Job) -> Ended:
        """The whole run once more, up to the call, where one process is killed; a daemon's end means a restart."""
        trace = Trace(self.plan.trace.rows[:1])
        machine = self._machine(self.image, trace, 1)
        killer = _Killer(job.point.nth, lambda process: machine.signal(process, "KILL"))
        machine.watch = killer
        _boot(machine, self.host, trace, True)
        inputs: list[Input] = list(self.inputs)
        if (machine.name, job.point.pid) in self.plan.daemons:
            inputs.append((job.point.t + BACK_AFTER_S, lambda one: self._restart(one, trace)))
            inputs.sort(key=lambda pair: pair[0])
        until = _drive(machine, 0.0, inputs, job.point.t, killer)
        return Ended(trace.rows, job.point.row, until, {machine.name: machine.disk}, killer.files_after)

    def _restart(self, machine: Machine, trace: Trace) -> None:
        trace.event(machine.now, machine.name, ("kill_all",))
        machine.kill_all()
        _boot(machine, self.host, trace, False)


def _boot(machine: Machine, host: Host, trace: Trace, powered_on: bool) -> None:
    if powered_on:
        found = tuple((name, inode.number, len(inode.data)) for name, inode in machine.disk.files().items())
        trace.event(machine.now, machine.name, ("boot",), found)
    host.system.boot(machine)


class _Killer:
    """A watch that strikes at one call and then looks away."""

    def __init__(self, count: int, strike: Callable[[Process], object]) -> None:
        self.left = count
        self.strike = strike
        self.files_after: tuple[str, ...] | None = None
        self.struck = False

    def __call__(self, when: str, process: Process, target: str | None) -> None:  # noqa: ARG002
        self.left -= when == "before"
        if self.left == 0 and not self.struck:
            self.struck = True
            self.strike(process)


Input = tuple[float, Callable[[Machine], object]]


def _drive(machine: Machine, now: float, inputs: list[Input], crash_t: float, killer: _Killer | None = None) -> float:
    """A plain loop until the queue is empty and nobody wants to write, or the horizon is reached; gives the end."""
    due = now
    while True:
        now = min(due, inputs[0][0] if inputs else math.inf)
        if now > crash_t + PATIENCE_S and not inputs and stuck(machine.disk):
            return now
        if now > crash_t + HORIZON_S:
            return crash_t + HORIZON_S
        machine.now = now
        while inputs and inputs[0][0] <= now:
            inputs.pop(0)[1](machine)
        due = machine.run(now)
        if killer is not None and killer.struck and killer.files_after is None:
            killer.files_after = tuple(names_of(machine.disk))
            machine.watch = None
        if not inputs and quiet(machine.disk) and (killer is None or killer.struck):
            return now


def _inputs(world: World, host: Host, until_s: float) -> list[Input]:
    """What people start on a machine, learned from one undisturbed run."""
    machine, found = host.machine, []
    spawn = machine.spawn

    def recorded(*args: Any, **words: Any) -> Process:
        if "user" in words:
            found.append((machine.now, _again(args, words)))
        return spawn(*args, **words)

    machine.spawn = recorded  # type: ignore[method-assign]
    world.start()
    world.run(until_s)
    return found


def _again(args: tuple[Any, ...], words: dict[str, Any]) -> Callable[[Machine], object]:
    return lambda machine: machine.spawn(*args, **words)


class Whole:
    """All hosts on SimPy's clock, from the start for each crash."""

    def __init__(self, plan: Plan, systems: Mapping[str, MailSystem]) -> None:
        self.plan = plan
        self.systems = systems
        mail = plan.play.mail
        self.written_s = max((one.at + (one.copies - 1) * one.every for one in mail), default=0.0)

    def execute(self, job: Job) -> Ended:
        world = World(self.plan.play, self.systems)
        point = job.point
        host = world.hosts[point.host]
        watch = _Killer(point.nth, lambda process: _strike(host, job, process))
        if point.when == "after":
            watch = _AfterExit(point.nth, watch.strike)
        host.on_boot = lambda one: setattr(one.machine, "watch", None if watch.struck else watch)
        world.start()
        files_after = None
        if job.scope != HOST:
            world.run(point.t + AN_INSTANT_S)
            files_after = tuple(names_of(host.machine.disk))
            if (point.host, point.pid) in self.plan.daemons:
                world.run(point.t + BACK_AFTER_S)
                host.kill_all(0.0)
        until = self._go_on(world, point.t + BACK_AFTER_S)
        return Ended(world.trace.rows, point.row, until, world.disks, files_after)

    def _go_on(self, world: World, back_s: float) -> float:
        """Until all queues are empty and everybody has written, or the horizon is reached."""
        until = 0.0
        for step_s in STEPS_S:
            until = max(back_s, self.written_s) + step_s
            world.run(until)
            if all(quiet(disk) or (step_s > PATIENCE_S and stuck(disk)) for disk in world.disks.values()):
                break
        return until


class _AfterExit(_Killer):
    """The same after a program's end."""

    def __call__(self, when: str, process: Process, target: str | None) -> None:  # noqa: ARG002
        self.left -= when == "before"
        if self.left == 0 and when == "after" and process.pending[0] == "exit" and not self.struck:
            self.struck = True
            self.strike(process)


def _strike(host: Host, job: Job, process: Process) -> None:
    host.machine.watch = None
    if job.scope != HOST:
        host.machine.signal(process, "KILL")
    elif job.fault == POWER_CUT:
        host.cut_power(BACK_AFTER_S, job.image)
    else:
        host.kill_all(BACK_AFTER_S)
