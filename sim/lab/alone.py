"""One machine on a plain loop without SimPy, for a host that nobody outside remembers.

After a power cut it begins with the disk that was found. The life before a kill is played once for all the kills in
it: a machine *walks* it from one of them to the next, and at each is copied, and the copy struck.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from copy import copy
from itertools import takewhile

from sim.lab.bench import BACK_AFTER_S, HORIZON_S, PATIENCE_S, lacks, running, strikes
from sim.lab.places import HOST, POWER_CUT, STAND_STILL, Act, Hand, Known, Observer, Point, Script, Strike
from sim.lab.plan import Ended, Job, Life, Start
from sim.lab.rest import abandoned, hopeless, quiet, stuck
from sim.machine.copies import CannotBeCopied, Histories, copied
from sim.machine.disk import Disk
from sim.machine.filesystems import new_disk
from sim.machine.images import Image, listed, load, names_of, seen, taken
from sim.machine.kernel import Machine
from sim.machine.process import Process
from sim.mta import MailSystem
from sim.qmail.send.state import SLEEP_CLEANUP_S, SLEEP_FUZZ_S
from sim.scenario import Scenario
from sim.trace import Trace
from sim.world.host import Host
from sim.world.simulate import World

Input = tuple[float, Callable[[Machine], object]]


class Alone:
    """One machine on a plain loop; ``inputs`` are the programs that people started, and when."""

    def __init__(self, play: Scenario, systems: Mapping[str, MailSystem], like: Host, inputs: list[Input]) -> None:
        self.play = play
        self.like = like
        self.config = play.hosts[like.name]
        self.needed = {like.name: running(like.machine)}
        self.inputs = inputs
        (fresh,) = World(play, systems).hosts.values()
        self.image = seen(fresh.machine.disk)
        self.first = fresh.trace.rows[:1]
        self.walker: Walker | None = None

    def execute(self, job: Job) -> Ended:
        return self._carry_out(job, settled=False)

    def settle(self, job: Job) -> Ended:
        return self._carry_out(job, settled=True)

    def _carry_out(self, job: Job, settled: bool) -> Ended:
        if job.image is not None and (job.fault == POWER_CUT or job.life.start is None):
            solo = Solo(self, Start(job.life, job.point, job.fault, job.image), (), uncut=True)
            solo.begin(None)
        else:
            solo = self._struck(job)
        solo.play(settled)
        solo.let_go()
        return solo.ended(job.point.row, job.scope != HOST)

    def _struck(self, job: Job) -> Solo:
        """The life of a job up to its crash.

        Crashes come in the order of their points as a rule, so one machine walks that life and is copied at each.
        """
        walker = self.walker
        if walker is None or walker.life is not job.life or walker.step > job.point.step:
            if walker is not None:
                walker.solo.let_go()
            walker = self.walker = Walker(self, job.life)
        try:
            return walker.struck(job.point, Strike(job.fault, job.scope, job.point.t))
        except CannotBeCopied:
            solo = Solo(self, *self.follow(job), uncut=True)
            solo.begin(None)
            return solo

    def follow(self, job: Job) -> tuple[Start | None, Script]:
        if job.fault == POWER_CUT and job.image is not None:
            return Start(job.life, job.point, job.fault, job.image), ()
        strike = Strike(job.fault, job.scope, job.point.t)
        return job.life.start, (*job.life.script, (job.point.host, job.point.step, strike))

    def observe(self, observer: Observer, script: Script = (), start: Start | None = None) -> Life:
        solo = Solo(self, start, script)
        observer.attend(solo.trace.rows, {solo.machine.name: solo.machine}, solo.others_due, len(script))
        life = Life(start, script, solo.trace.rows, observer.points)
        try:
            solo.begin(observer)
            solo.play()
        except Known:
            return life
        life.ended = solo.ended(observer.first_row, True)
        return life


class Solo:
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
        self.hand: Hand | None = None
        self.due = math.inf
        self.set_at = self.now  # of two things at one instant the timer that a boot has set comes first, then people
        self.timer_first = False

    def _machine(self, image: Image, first_pid: int, uncut: bool) -> Machine:
        like, config = self.bench.like.machine, self.bench.config
        disk = Disk() if uncut else new_disk(config.filesystem, config.syncdir, config.lazy_calls)
        load(disk, image)
        return Machine(
            like.name, self.trace, disk, like.programs, epoch_s=like.epoch_s, setuid_programs=like.setuid_programs,
            uids=like.uids, addresses=like.addresses, first_pid=first_pid,
        )  # fmt: skip

    def begin(self, observer: Observer | None) -> None:
        """Switch the machine on, or let it lie as the crash left it."""
        if self.acts or observer is not None:
            self.hand = Hand(self.acts, self._due, observer, self.start.point.step if self.start else 0)
            self.machine.choose = self.hand
        if self.start:
            self._begin(self.start)
        else:
            self._boot(self.machine, True)
            self.do_all()

    def _run(self, now: float) -> float:
        self.ran_at = now
        due = self.machine.run(now)
        if self.struck:
            self.struck = False
            self.files_after = tuple(names_of(self.machine.disk))
        return due

    def _begin(self, start: Start) -> None:
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

    def _later(self, at: float, action: Callable[[Machine], object]) -> None:
        self.inputs = sorted([(at, action), *self.inputs], key=lambda pair: pair[0])

    def _boot(self, machine: Machine, powered_on: bool) -> None:
        if powered_on:
            machine.trace.event(machine.now, machine.name, ("boot",), listed(machine.disk))
        self.bench.like.system.boot(machine)

    def _due(self, strike: Strike, victim: Process | None) -> None:
        self.waiting -= 1
        self.strike(strike, victim)

    def strike(self, strike: Strike, victim: Process | None) -> None:
        """A kill; a minute later an operator restarts what needs it."""
        machine = self.machine
        self.struck = True
        if strike.scope == HOST:
            machine.trace.event(machine.now, machine.name, ("kill_all",))
            machine.kill_all()
            self._later(machine.now + BACK_AFTER_S, lambda one: self._boot(one, False))
        elif victim is not None:
            machine.signal(victim, "KILL")
            self._later(machine.now + BACK_AFTER_S, self._look_after)

    def _look_after(self, machine: Machine) -> None:
        if lacks(machine, self._needed()):
            self.bench.like.system.restart(machine)

    def others_due(self, _machine: Machine) -> int:
        """How many others want something at this very instant; what was set last is the first of them."""
        return sum(1 for _ in takewhile(lambda one: one[0] <= self.machine.now, self.inputs))

    def let_go(self) -> None:
        """Nobody plays it on: what it had in memory goes at once, or there would soon be much to collect."""
        self.machine.let_go()
        self.machine.disk.let_go()
        self.machine.choose, self.hand, self.inputs = None, None, []

    def ended(self, crash_row: int, files: bool) -> Ended:
        disks = {self.machine.name: self.machine.disk}
        return Ended(self.trace.rows, crash_row, self.now, disks, self.files_after if files else None)

    def play(self, settled: bool = False) -> None:
        """A plain loop until the queue is empty and nobody wants to write, or a horizon is reached.

        ``settled``: or until no more can become of what is in it; and where only a sweep can change anything, the
        machine does nothing until the next one.
        """
        machine = self.machine
        limit = self.crash_t + HORIZON_S if self.crashed else self.bench.play.until
        while self.waiting or self.inputs or not (quiet(machine.disk) or (settled and self._settled())):
            now = min(self.due, self.inputs[0][0] if self.inputs else math.inf)
            if settled and abandoned(machine.disk) and self._at_rest():
                now = self.now + SLEEP_CLEANUP_S + SLEEP_FUZZ_S
            if now > limit or (self.crashed and now > self.crash_t + PATIENCE_S and self._stuck()):
                self.now = min(now, limit)
                break
            machine.now = self.now = now
            gave_way = self.due <= self.ran_at  # it let others go first, and is not through with this instant
            self.timer_first = self.due <= now and self.set_at == 0.0 and not gave_way
            if self.inputs and self.inputs[0][0] <= now and not self.timer_first:
                self.inputs.pop(0)[1](machine)
            if not self.do_all():
                break

    def do_all(self) -> bool:
        """Let the machine do, or go on with, all there is to do now; False when it stands still on the way."""
        due = self._run(self.now)
        if self.hand is not None and self.hand.still:
            return False
        if due != self.due or self.timer_first:
            self.set_at = self.now
        self.due = due
        return True

    def _settled(self) -> bool:
        """Whether nothing is to come but what the daemons have done in vain already."""
        return hopeless(self.machine.disk) and self._at_rest()

    def _at_rest(self) -> bool:
        """Whether the daemons, and nobody else, have done all they can since the crash, and wait for another time."""
        idle = self.due > self.now > self.crash_t + BACK_AFTER_S and not self.inputs and not self.waiting
        return idle and running(self.machine) == self._needed()

    def _needed(self) -> Mapping[str, int]:
        return self.bench.needed[self.machine.name]

    def _stuck(self) -> bool:
        return not self.inputs and not self.waiting and stuck(self.machine.disk)


class Walker:
    """A life that is played up to one of its places after the other, and copied where a crash is to strike."""

    def __init__(self, bench: Alone, life: Life) -> None:
        self.life = life
        self.step = 0
        self.solo = Solo(bench, life.start, life.script, uncut=True)
        self.solo.waiting += 1
        self.histories = Histories(self.solo.machine.name)

    def struck(self, point: Point, strike: Strike) -> Solo:
        """The same life with a crash at this point, all that was to be done at that instant done."""
        solo = self.copy_at(point)
        solo.crashed, solo.crash_t = True, max(solo.crash_t, point.t)
        solo.strike(strike, solo.machine.processes.get(point.pid))
        solo.do_all()
        return solo

    def copy_at(self, point: Point) -> Solo:
        """The life up to this point, which does not lie before the last one that was asked for, to be gone on with."""
        self._walk(point)
        solo = copy(self.solo)
        solo.trace = Trace(solo.trace.rows)
        self.histories.look(solo.trace.rows)
        solo.machine = copied(self.solo.machine, solo.trace, self.histories)
        solo.inputs, solo.acts, solo.hand = solo.inputs.copy(), {}, None
        solo.waiting -= 1
        return solo

    def _walk(self, point: Point) -> None:
        solo, self.step = self.solo, point.step
        solo.acts[point.step] = STAND_STILL
        if solo.hand is None:
            solo.begin(None)
        else:
            solo.do_all()
        if not (solo.hand and solo.hand.still):
            solo.play()
        assert len(solo.trace.rows) == point.row, "a life goes the same way whenever it is played"
