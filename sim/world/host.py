"""A machine on SimPy's clock: it runs whenever somebody has something for it or a timer of its own is due."""

from __future__ import annotations

import math
from collections.abc import Callable

import simpy

from sim.machine.images import Image, become, listed
from sim.machine.kernel import Machine
from sim.machine.process import to_the_microsecond
from sim.mta import MailSystem
from sim.trace import Trace


class Host:
    """``boots`` counts how often the machine was started: what an earlier one knew, this one does not."""

    def __init__(self, env: simpy.Environment, machine: Machine, system: MailSystem, trace: Trace) -> None:
        self.env = env
        self.name = machine.name
        self.machine = machine
        self.system = system
        self.trace = trace
        self.boots = 0
        self.on_boot: Callable[[Host], None] | None = None
        self.waiting: list[Callable[[], None]] = []
        self._running = False
        self._timer_at = math.inf

    def poke(self) -> None:
        """There is something to do: do all of it at this instant, and see to it that the next timer is kept.

        A machine that is at it already will find what is new by itself.
        """
        machine = self.machine
        if self._running or not machine.powered:
            return
        self._running = True
        try:
            due = machine.run(to_the_microsecond(self.env.now))
        finally:
            self._running = False
        if due < self._timer_at:
            self._timer_at = due
            if self.machine.choose is not None and due <= self.machine.now:
                self.after(0.0, lambda: self._set_timer(due))
            else:
                self._set_timer(due)

    def _set_timer(self, due: float) -> None:
        """A timer for a time, or for now: then it is behind all that others want at this instant already.

        At the very start people get their turn only in the instant's second round; a machine that lets others go
        first waits as long.
        """
        timer = self.env.timeout(max(0.0, due - self.env.now), due)
        assert timer.callbacks is not None
        timer.callbacks.append(self._timer)

    def _timer(self, event: simpy.Event) -> None:
        if event.value == self._timer_at:
            self._timer_at = math.inf
            self.poke()

    def clock(self) -> float:
        """Seconds since the start, to the microsecond: sums of latencies should read well in a trace."""
        self.machine.now = to_the_microsecond(self.env.now)
        return self.machine.now

    def boot(self) -> None:
        """Switch on, or on again: the disk is what it is, and the mail system starts as it always does."""
        machine = self.machine
        self.boots += 1
        now = self.clock()
        machine.powered = True
        self.trace.event(now, self.name, ("boot",), listed(machine.disk))
        if self.on_boot is not None:
            self.on_boot(self)
        self.system.boot(machine)
        waiting, self.waiting = self.waiting, []
        for action in waiting:
            action()
        self.poke()

    def when_up(self, action: Callable[[], None]) -> None:
        """Do it now, or as soon as the machine has power again."""
        if self.machine.powered:
            self.clock()
            action()
            self.poke()
        else:
            self.waiting.append(action)

    def cut_power(self, back_after_s: float | None, left: Image | None = None) -> None:
        """The power fails, and comes back in a while; ``left`` is the disk to be found, the worst if not said."""
        if not self.machine.powered:
            return
        now = self.clock()
        losses = () if left is None else become(self.machine.disk, left)
        losses += self.machine.power_cut()
        self.trace.event(now, self.name, ("power_cut",), tuple(tuple(loss) for loss in losses))
        if back_after_s is not None:
            self.after(back_after_s, self.boot)

    def kill_all(self, back_after_s: float | None) -> None:
        """Every program dies at once, the machine stays up."""
        if not self.machine.powered:
            return
        self.trace.event(self.clock(), self.name, ("kill_all",))
        self.machine.kill_all()
        if back_after_s is not None:
            self.after(back_after_s, self._restart)

    def _restart(self) -> None:
        self.clock()
        if self.machine.powered:
            self.system.boot(self.machine)
            self.poke()

    def after(self, delay_s: float, action: Callable[[], object]) -> None:
        """Something to happen so many seconds from now."""
        timeout = self.env.timeout(delay_s)
        assert timeout.callbacks is not None

        def happen(_event: simpy.Event) -> None:
            action()

        timeout.callbacks.append(happen)

    def restart(self, after_s: float) -> None:
        """In a while an operator sees to it that the whole mail system runs; what still runs is not killed."""
        self.after(after_s, self._repair)

    def _repair(self) -> None:
        self.clock()
        if self.machine.powered:
            self.system.restart(self.machine)
            self.poke()
