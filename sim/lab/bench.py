"""Carrying things out: a life is played from its beginning, or from the disk that a crash left.

``Whole`` plays the world again from its start. ``Alone`` is for one host that nobody outside remembers: a machine on
a plain loop without SimPy, which after a power cut begins with the disk that was found. An operator looks after a
minute: when a daemon is missing, or all programs were killed, the mail system is started again; a machine that lost
power is back after the same time.
"""

from __future__ import annotations

import gc
import math
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Any, Protocol

from sim.lab.places import HOST, POWER_CUT, Act, Hand, Known, Observer, Script, Strike
from sim.lab.plan import Ended, Job, Life, Start
from sim.lab.rest import abandoned, hopeless, quiet, stuck
from sim.machine.disk import Disk
from sim.machine.filesystems import new_disk
from sim.machine.images import Image, listed, load, names_of, seen, taken
from sim.machine.kernel import Machine
from sim.machine.process import DEAD, Process
from sim.mta import MailSystem
from sim.qmail.send.state import SLEEP_CLEANUP_S, SLEEP_FUZZ_S
from sim.scenario import Scenario
from sim.trace import Trace
from sim.verdict import SWEPT_AFTER_S
from sim.world.host import Host
from sim.world.simulate import World

BACK_AFTER_S = 60.0
HORIZON_S = SWEPT_AFTER_S + 3600.0
PATIENCE_S = 7_200.0
STEPS_S = (200.0, 4_000.0, 30_000.0, HORIZON_S)
AN_INSTANT_S = 0.04
ROWS_TO_KEEP = 400_000

Needed = Mapping[str, Mapping[str, int]]
Input = tuple[float, Callable[[Machine], object]]


class Bench(Protocol):
    """Where jobs are carried out: ``execute`` does that quickly.

    ``settle`` is for those who only want to know what becomes of the mail: it may end as soon as that is settled, and
    what is tried in vain after that is not on record. ``observe`` plays a life and lets somebody look on once its
    script is done; ``follow`` says how the life after a job begins, so that it can be observed. ``needed`` are the
    daemons of each host, and how many of each.
    """

    @property
    def needed(self) -> Needed: ...
    def execute(self, job: Job) -> Ended: ...
    def settle(self, job: Job) -> Ended: ...
    def follow(self, job: Job) -> tuple[Start | None, Script]: ...
    def observe(self, observer: Observer, script: Script = (), start: Start | None = None) -> Life: ...


def bench_for(play: Scenario, systems: Mapping[str, MailSystem]) -> Bench:
    """The fast one when it is sound, which one undisturbed run tells."""
    world = World(play, systems)
    inputs = {name: _inputs(host) for name, host in world.hosts.items()}
    world.start()
    world.run(play.until)
    outside = any(call[0] in ("connect", "query", "accept") for _, _, call, *_ in world.trace.rows)
    if len(play.hosts) == 1 and not (play.faults or play.telnet or play.steps or outside):
        ((name, found),) = inputs.items()
        return Alone(play, systems, world.hosts[name], found)
    return Whole(play, systems, {name: _programs(host.machine) for name, host in world.hosts.items()})


def _programs(machine: Machine) -> Counter[str]:
    return Counter(one.program for one in machine.processes.values() if one.state != DEAD)


def _inputs(host: Host) -> list[Input]:
    """A list that fills, as the world runs, with what people start on a machine."""
    machine, found = host.machine, list[Input]()
    spawn = machine.spawn

    def recorded(*args: Any, **words: Any) -> Process:
        if "user" in words:
            found.append((machine.now, lambda other: other.spawn(*args, **words)))
        return spawn(*args, **words)

    machine.spawn = recorded  # type: ignore[method-assign]
    return found


class Alone:
    """One machine on a plain loop; ``inputs`` are the programs that people started, and when."""

    def __init__(self, play: Scenario, systems: Mapping[str, MailSystem], like: Host, inputs: list[Input]) -> None:
        self.play = play
        self.like = like
        self.config = play.hosts[like.name]
        self.needed = {like.name: _programs(like.machine)}
        self.inputs = inputs
        (fresh,) = World(play, systems).hosts.values()
        self.image = seen(fresh.machine.disk)
        self.first = fresh.trace.rows[:1]

    def execute(self, job: Job) -> Ended:
        return self._carry_out(job, settled=False)

    def settle(self, job: Job) -> Ended:
        return self._carry_out(job, settled=True)

    def _carry_out(self, job: Job, settled: bool) -> Ended:
        if job.image is not None and (job.fault == POWER_CUT or job.life.start is None):
            solo = _Solo(self, Start(job.life, job.point, job.fault, job.image), (), uncut=True)
        else:
            solo = _Solo(self, *self.follow(job), uncut=True)
        solo.play(None, settled)
        return solo.ended(job.point.row, job.scope != HOST)

    def follow(self, job: Job) -> tuple[Start | None, Script]:
        if job.fault == POWER_CUT and job.image is not None:
            return Start(job.life, job.point, job.fault, job.image), ()
        strike = Strike(job.fault, job.scope, job.point.t)
        return job.life.start, (*job.life.script, (job.point.host, job.point.step, strike))

    def observe(self, observer: Observer, script: Script = (), start: Start | None = None) -> Life:
        solo = _Solo(self, start, script)
        observer.attend(solo.trace.rows, {solo.machine.name: solo.machine}, solo.others_due, len(script))
        life = Life(start, script, solo.trace.rows, observer.points)
        try:
            solo.play(observer)
        except Known:
            return life
        life.ended = solo.ended(observer.first_row, True)
        return life


def strikes(script: Script) -> list[Strike]:
    return [act for _, _, act in script if isinstance(act, Strike)]


class _Solo:
    """One life of the machine on the ``Alone`` bench.

    ``uncut``: no power cut is to come, so nobody will ever ask what of its page cache is durable.
    """

    def __init__(self, bench: Alone, start: Start | None, script: Script, uncut: bool = False) -> None:
        self.bench = bench
        self.trace = Trace(start.life.rows[: start.point.row] if start else bench.first)
        self.acts: dict[int, Act] = {step: act for _, step, act in script}
        self.start = start
        self.crash_t = max([act.t for act in strikes(script)] + [start.point.t if start else 0.0])
        self.struck = False
        self.ran_at = -1.0
        self.files_after: tuple[str, ...] | None = None
        self.waiting = len(strikes(script))
        self.crashed = start is not None or self.waiting > 0
        self.inputs = list(bench.inputs)
        self.machine = self._machine(start.image if start else bench.image, start.point.next_pid if start else 1, uncut)
        self.now = start.point.t if start else 0.0

    def _machine(self, image: Image, first_pid: int, uncut: bool) -> Machine:
        like, config = self.bench.like.machine, self.bench.config
        disk = Disk() if uncut else new_disk(config.filesystem, config.syncdir, config.lazy_calls)
        load(disk, image)
        return Machine(
            like.name, self.trace, disk, like.programs, epoch_s=like.epoch_s, setuid_programs=like.setuid_programs,
            uids=like.uids, addresses=like.addresses, first_pid=first_pid,
        )  # fmt: skip

    def _switch_on(self) -> float:
        self._boot(self.machine, True)
        return self._run(0.0)

    def _run(self, now: float) -> float:
        self.ran_at = now
        due = self.machine.run(now)
        if self.struck:
            self.struck = False
            self.files_after = tuple(names_of(self.machine.disk))
        return due

    def _begin(self, start: Start) -> float:
        """A fresh machine with the disk that was left; people who want to write wait until it has power."""
        point, name = start.point, self.machine.name
        back_at = point.t + BACK_AFTER_S
        cut = start.fault == POWER_CUT
        if cut:
            lost = tuple(tuple(loss) for loss in taken(point.left.seen, start.image))
            self.trace.event(point.t, name, ("power_cut",), lost)
        else:
            self.trace.event(point.t, name, ("kill_all",))
        now = [one for one in self.inputs if one[0] == point.t]
        later = [one for one in self.inputs if one[0] > point.t]
        to_come = now[max(0, len(now) - point.others) :] + later  # who writes at this instant may have, or may not yet
        wait = [action for at, action in to_come if cut and at <= back_at]
        self.inputs = [(at, action) for at, action in to_come if not cut or at > back_at]

        def boot(machine: Machine) -> None:
            self._boot(machine, cut)
            for action in wait:
                action(machine)

        self._later(back_at, boot)
        return math.inf

    def _later(self, at: float, action: Callable[[Machine], object]) -> None:
        self.inputs = sorted([(at, action), *self.inputs], key=lambda pair: pair[0])

    def _boot(self, machine: Machine, powered_on: bool) -> None:
        if powered_on:
            self.trace.event(machine.now, machine.name, ("boot",), listed(machine.disk))
        self.bench.like.system.boot(machine)

    def _strike(self, strike: Strike, victim: Process | None) -> None:
        """A kill; a minute later an operator restarts what needs it."""
        machine = self.machine
        self.struck = True
        self.waiting -= 1
        if strike.scope == HOST:
            self._kill_all(machine)
            self._later(machine.now + BACK_AFTER_S, lambda one: self._boot(one, False))
        elif victim is not None:
            machine.signal(victim, "KILL")
            self._later(machine.now + BACK_AFTER_S, self._look_after)

    def _kill_all(self, machine: Machine) -> None:
        self.trace.event(machine.now, machine.name, ("kill_all",))
        machine.kill_all()

    def _look_after(self, machine: Machine) -> None:
        running = _programs(machine)
        if any(running[name] < count for name, count in self._needed().items()):
            self.bench.like.system.restart(machine)

    def others_due(self, _machine: Machine) -> int:
        """How many others want something at this very instant; what was set last is the first of them."""
        return sum(1 for _ in takewhile(lambda one: one[0] <= self.machine.now, self.inputs))

    def ended(self, crash_row: int, files: bool) -> Ended:
        disks = {self.machine.name: self.machine.disk}
        return Ended(self.trace.rows, crash_row, self.now, disks, self.files_after if files else None)

    def play(self, observer: Observer | None, settled: bool = False) -> None:
        """A plain loop until the queue is empty and nobody wants to write, or a horizon is reached.

        ``settled``: or until no more can become of what is in it; and where only a sweep can change anything, the
        machine does nothing until the next one.
        """
        machine = self.machine
        if self.acts or observer is not None:
            machine.choose = Hand(self.acts, self._strike, observer, self.start.point.step if self.start else 0)
        due = self._begin(self.start) if self.start else self._switch_on()
        limit = self.crash_t + HORIZON_S if self.crashed else self.bench.play.until
        set_at = self.now  # of two things at one instant the timer that a boot has set comes first, then people
        while self.waiting or self.inputs or not (quiet(machine.disk) or (settled and self._settled(due))):
            now = min(due, self.inputs[0][0] if self.inputs else math.inf)
            if settled and abandoned(machine.disk) and self._at_rest(due):
                now = self.now + SLEEP_CLEANUP_S + SLEEP_FUZZ_S
            if now > limit or (self.crashed and now > self.crash_t + PATIENCE_S and self._stuck()):
                self.now = min(now, limit)
                break
            machine.now = self.now = now
            gave_way = due <= self.ran_at  # the machine let others go first, and is not through with this instant
            timer_first = due <= now and set_at == 0.0 and not gave_way
            if self.inputs and self.inputs[0][0] <= now and not timer_first:
                self.inputs.pop(0)[1](machine)
            was, due = due, self._run(now)
            set_at = set_at if due == was and not timer_first else now

    def _settled(self, due: float) -> bool:
        """Whether nothing is to come but what the daemons have done in vain already."""
        return hopeless(self.machine.disk) and self._at_rest(due)

    def _at_rest(self, due: float) -> bool:
        """Whether the daemons, and nobody else, have done all they can since the crash, and wait for another time."""
        idle = due > self.now > self.crash_t + BACK_AFTER_S and not self.inputs and not self.waiting
        return idle and _programs(self.machine) == self._needed()

    def _needed(self) -> Mapping[str, int]:
        return self.bench.needed[self.machine.name]

    def _stuck(self) -> bool:
        return not self.inputs and not self.waiting and stuck(self.machine.disk)


class Whole:
    """All hosts on SimPy's clock, from the start for each crash; ``needed`` are the daemons of each host."""

    def __init__(
        self, play: Scenario, systems: Mapping[str, MailSystem], needed: Mapping[str, Mapping[str, int]]
    ) -> None:
        self.play = play
        self.systems = systems
        self.needed = needed
        self.rows_since = 0
        self.written_s = max((one.at + (one.copies - 1) * one.every for one in play.mail), default=0.0)

    def settle(self, job: Job) -> Ended:
        return self.execute(job)

    def execute(self, job: Job) -> Ended:
        world, files_after = self._world(self.follow(job)[1], None)
        until = self._go_on(world, job.point.t)
        self._tidy(len(world.trace.rows))
        files = tuple(files_after) if job.scope != HOST else None
        return Ended(world.trace.rows, job.point.row, until, world.disks, files)

    def _tidy(self, rows: int) -> None:
        """Worlds are cycles, and a run leaves them to the last generation, which nobody looks at for long."""
        self.rows_since += rows
        if self.rows_since > ROWS_TO_KEEP:
            self.rows_since = 0
            gc.collect()

    def follow(self, job: Job) -> tuple[Start | None, Script]:
        strike = Strike(job.fault, job.scope, job.point.t, job.image if job.fault == POWER_CUT else None)
        return None, (*job.life.script, (job.point.host, job.point.step, strike))

    def observe(self, observer: Observer, script: Script = (), start: Start | None = None) -> Life:
        assert start is None, "a whole world always begins with its scenario"
        life = Life(None, script, points=observer.points)
        struck = strikes(script)
        until = self.play.until
        try:
            world, files_after = self._world(script, observer)
            life.rows = observer.rows
            if struck:
                until = self._go_on(world, struck[-1].t)
            else:
                world.run(until)
        except Known:
            life.rows = observer.rows
            return life
        life.ended = Ended(world.trace.rows, observer.first_row, until, world.disks, tuple(files_after) or None)
        return life

    def _world(self, script: Script, observer: Observer | None) -> tuple[World, list[str]]:
        """A world that has just been switched on, with a Hand for each host, and the files after the last strike."""
        world = World(self.play, self.systems)
        if observer is not None:
            machines = {name: host.machine for name, host in world.hosts.items()}
            observer.attend(world.trace.rows, machines, lambda one: int(world.env.peek() <= one.now), len(script))
        files_after: list[str] = []
        for name, host in world.hosts.items():
            acts = {step: act for where, step, act in script if where == name}
            if acts or observer is not None:
                host.machine.choose = Hand(acts, self._striker(host, files_after), observer)
        world.start()
        return world, files_after

    def _striker(self, host: Host, files_after: list[str]) -> Callable[[Strike, Process | None], None]:
        def strike(one: Strike, victim: Process | None) -> None:
            if one.fault == POWER_CUT:
                host.cut_power(BACK_AFTER_S, one.image)
            elif one.scope == HOST:
                host.kill_all(BACK_AFTER_S)
            elif victim is not None:
                host.machine.signal(victim, "KILL")
                host.after(AN_INSTANT_S, lambda: files_after.extend(names_of(host.machine.disk)))
                host.after(BACK_AFTER_S, lambda: self._look_after(host))

        return strike

    def _look_after(self, host: Host) -> None:
        running = _programs(host.machine)
        if any(running[name] < count for name, count in self.needed[host.name].items()):
            host.restart(0.0)

    def _go_on(self, world: World, crash_t: float) -> float:
        """Until all queues are empty and everybody has written, or the horizon is reached."""
        until = 0.0
        for step_s in STEPS_S:
            until = max(crash_t + BACK_AFTER_S, self.written_s) + step_s
            world.run(until)
            if all(quiet(disk) or (step_s > PATIENCE_S and stuck(disk)) for disk in world.disks.values()):
                break
        return until
