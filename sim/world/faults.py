"""Faults: what strikes at a time or at a moment, and the weather that lasts for a while.

A moment (``after link todo/*``) is watched for from inside the machine, between two calls, so that a fault is
exactly where its name says. Each fault fires once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import simpy

from sim.dns import Answer
from sim.machine.files import about_to_call
from sim.machine.images import Image
from sim.machine.kernel import Machine
from sim.machine.process import DEAD, READY, Process, to_the_microsecond
from sim.machine.survivors import seed_at, survivors
from sim.machine.turns import OTHERS, Others
from sim.notation import moments
from sim.scenario.faults import Dns, Down, Drop, Kill, PowerCut, Preempt, Refuse, Signal
from sim.trace import Trace, verb_of
from sim.world.host import Host
from sim.world.tap import Strike, Tap

OTHERS_WORD = "others"
AtOnce = Kill | PowerCut | Signal


class Weather:
    """The faults that last: hosts nobody can reach, servers that refuse, name servers that lie.

    The first time that somebody meets one of them goes on record, with the number of the fault.
    """

    def __init__(self, faults: Sequence[object], seed: int, trace: Trace) -> None:
        numbered = list(enumerate(faults, 1))
        self._down = [(number, fault) for number, fault in numbered if isinstance(fault, Down)]
        self._dns = [(number, fault) for number, fault in numbered if isinstance(fault, Dns)]
        self._strikes: dict[str, list[Strike]] = {}
        self._asked: dict[int, int] = {}
        self._met: set[int] = set()
        self._trace = trace
        for number, fault in numbered:
            if isinstance(fault, Refuse | Drop):
                self._strikes.setdefault(fault.host, []).append(Strike(number, fault, seed))

    def meet(self, now: float, host: str, number: int) -> None:
        """Somebody has met a fault; ``host`` is where."""
        if number not in self._met:
            self._met.add(number)
            self._trace.event(to_the_microsecond(now), host, ("fault", number))

    def down(self, now: float, host: str) -> str:
        """``refused``, ``silent`` or nothing."""
        for number, fault in self._down:
            if fault.host == host and _lasts(fault, now):
                self.meet(now, host, number)
                return fault.how
        return ""

    def tap(self, host: str) -> Tap | None:
        strikes = self._strikes.get(host)
        return Tap(strikes, self.meet) if strikes else None

    def answer(self, now: float, host: str, name: str, rrtype: str, honest: Answer[Any]) -> Answer[Any]:
        """What the name servers say to a host that asks: the truth, unless a fault has another answer."""
        for number, fault in self._dns:
            if fault.name != name.lower() or not _lasts(fault, now):
                continue
            self.meet(now, host, number)
            if fault.answer == "rotate":
                turn = self._asked.get(number, 0)
                self._asked[number] = turn + (rrtype == "MX")
                turn %= max(1, len(honest.records))
                return honest._replace(records=honest.records[turn:] + honest.records[:turn])
            return Answer(fault.answer)
        return honest


def _lasts(fault: Down | Dns, now: float) -> bool:
    return now >= fault.since and (fault.until is None or now < fault.until)


class Watch:
    """The moments that are still to come on one host, as the machine's ``watch`` hook; faults by their numbers."""

    def __init__(self, host: Host, faults: Mapping[int, AtOnce]) -> None:
        self.host = host
        self.waiting = dict(faults)
        self.left = {number: fault.nth for number, fault in faults.items()}

    def __call__(self, when: str, process: Process, target: str | None) -> None:
        """Every fault counts this call if it fits, before any of them strikes: the first may take the process away."""
        moments_now = ((n, one.before if when == "before" else one.after) for n, one in self.waiting.items())
        fits = [n for n, moment in moments_now if moment and reached(moment, when, self.host, process, target)]
        for number in fits:
            self.left[number] -= 1
        for number in fits:
            if self.left[number] == 0:
                fault = self.waiting.pop(number)
                if not self.waiting and self.host.machine.watch is self:
                    self.host.machine.watch = None
                strike(self.host, number, fault, process)

    def attach(self, host: Host) -> None:
        """Watch again after a boot, if anything is left to wait for."""
        host.machine.watch = self if self.waiting else None


class Turns:
    """The Chooser of a host where processes lose their turn at some moments; faults by their numbers."""

    def __init__(self, host: Host, faults: Mapping[int, Preempt]) -> None:
        self.host = host
        self.waiting = dict(faults)
        self.left = {number: fault.nth for number, fault in faults.items()}

    def __call__(self, machine: Machine, next_one: Process | None, _running: bool) -> Process | Others | None:
        """Every fault counts this place if it fits, whichever of them strikes here."""
        fits = [] if next_one is None else [n for n, one in self.waiting.items() if about_to(one.before, next_one)]
        for number in fits:
            self.left[number] -= 1
        for number in fits:
            if self.left[number] == 0:
                return self._switch(machine, number, self.waiting[number]) or next_one
        if not self.waiting:
            machine.choose = None
        return next_one

    def _switch(self, machine: Machine, number: int, fault: Preempt) -> Process | Others | None:
        del self.waiting[number]
        ready = [one for one in machine.ready if one.state == READY and fault.to in (one.program, one.pid)]
        if ready or fault.to == OTHERS_WORD:
            self.host.trace.event(machine.now, self.host.name, ("fault", number))
            return OTHERS if fault.to == OTHERS_WORD else ready[0]
        return None


def about_to(moment: moments.Moment, process: Process) -> bool:
    """Whether the call that a process is going to make, or to try again, is the moment."""
    return moments.matches(moment, process.program, *about_to_call(process))


def reached(moment: moments.Moment, when: str, host: Host, process: Process, target: str | None) -> bool:
    """Whether the call at hand is the moment; one that failed did nothing, so nothing is ``after`` it."""
    if not moments.matches(moment, process.program, verb_of(process.pending, target), target or ""):
        return False
    return when == "before" or host.trace.rows[-1][5] is None


def strike(host: Host, number: int, fault: AtOnce, process: Process | None) -> None:
    """Let a fault happen now, if there is anything to hit; ``process`` is whose call the moment was."""
    machine = host.machine
    if isinstance(fault, PowerCut) or fault.program is None:
        left = _left(host, fault.disk) if isinstance(fault, PowerCut) and machine.powered else None
        if not machine.powered or (isinstance(fault, PowerCut) and fault.disk > 1 and left is None):
            return
        host.trace.event(machine.now, host.name, ("fault", number))
        if isinstance(fault, PowerCut):
            host.cut_power(fault.back_after, left)
        else:
            host.kill_all(fault.back_after)
        return
    name = "KILL" if isinstance(fault, Kill) else fault.name
    struck = [one for one in machine.processes.values() if one.program == fault.program and one.state != DEAD]
    if process is not None and process.program == fault.program and process.state != DEAD:
        struck = [process]
    if struck:
        host.trace.event(machine.now, host.name, ("fault", number))
    for one in struck:
        machine.signal(one, name)
    if struck and isinstance(fault, Kill) and fault.back_after is not None:
        host.restart(fault.back_after)
    host.poke()


def _left(host: Host, disk: int) -> Image | None:
    """The disk that is found after a power cut; None, the worst, when that is asked for, or there are not so many."""
    machine = host.machine
    found = survivors(machine.disk, machine.now, seed=seed_at(machine)) if disk > 1 else None
    return found.images[disk - 1] if found and disk <= len(found.images) else None


def schedule(env: simpy.Environment, hosts: dict[str, Host], faults: Sequence[object]) -> None:
    """Set the timers and the watches of all faults of one instant; a fault's number counts from 1."""
    by_host: dict[str, dict[int, AtOnce]] = {}
    turns: dict[str, dict[int, Preempt]] = {}
    for number, fault in enumerate(faults, 1):
        if isinstance(fault, Preempt):
            turns.setdefault(fault.host, {})[number] = fault
        if not isinstance(fault, AtOnce):
            continue
        if fault.at is None:
            by_host.setdefault(fault.host, {})[number] = fault
        else:
            timeout = env.timeout(fault.at)
            assert timeout.callbacks is not None
            timeout.callbacks.append(_at_its_time(hosts[fault.host], number, fault))
    for name, waiting in by_host.items():
        hosts[name].on_boot = Watch(hosts[name], waiting).attach
    for name, lost in turns.items():
        hosts[name].machine.choose = Turns(hosts[name], lost)


def _at_its_time(host: Host, number: int, fault: AtOnce) -> Callable[[simpy.Event], None]:
    def happen(_event: simpy.Event) -> None:
        host.clock()
        strike(host, number, fault, None)

    return happen
