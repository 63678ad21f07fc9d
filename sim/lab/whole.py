"""All hosts on SimPy's clock, and the world played again from its start for each crash."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping

from sim.lab.bench import BACK_AFTER_S, HORIZON_S, PATIENCE_S, lacks, strikes
from sim.lab.places import HOST, POWER_CUT, Hand, Known, Observer, Script, Strike
from sim.lab.plan import Ended, Job, Life, Start
from sim.lab.rest import quiet, stuck
from sim.machine.images import names_of
from sim.machine.process import Process
from sim.mta import MailSystem
from sim.scenario import Scenario
from sim.world.host import Host
from sim.world.simulate import World

STEPS_S = (200.0, 4_000.0, 30_000.0, HORIZON_S)
AN_INSTANT_S = 0.04
ROWS_TO_KEEP = 400_000


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
        if lacks(host.machine, self.needed[host.name]):
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
