"""Letting somebody else say who makes the next call: for the explorer of schedules, and for ``preempt`` faults.

``run`` of the kernel gives each process its turn until it blocks. Here a ``Chooser`` is asked before every call, so
that it may look at the machine between any two calls, strike there, or take the turn away from a process. The end
of a program is a call of its own here, which the kernel has no reason for otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.machine.process import READY, RUNNING, Process

if TYPE_CHECKING:
    from sim.machine.kernel import Machine


class Others:
    """The answer of a Chooser that lets the rest of the world have its turn at this instant first."""


OTHERS = Others()
PAUSE = Others()  # the same, but whoever has the turn keeps it: all goes on as if nothing had been
# ``choose(machine, next_one, running)`` says who makes the next call. ``next_one`` is who would, or None at the end of
# the instant; ``running`` whether it has the turn already or only gets it now. The answer None: look again.
Chooser = Callable[["Machine", "Process | None", bool], "Process | Others | None"]


def run_chosen(machine: Machine) -> bool:
    """All there is to do at this instant, in the order that is chosen; False when others were let in before the end.

    A Chooser that has nothing to do for a while says how many places may go by unseen (``machine.unseen``); when it
    has left, so do we, and the machine goes on by itself.
    """
    current: Process | None = None
    while machine.choose is not None:
        if current is not None and current.state != RUNNING:
            current = None
        next_one = current or _first(machine)
        if next_one is not None and next_one.pending is None:
            machine.resume(next_one, None)
        if machine.unseen:
            if next_one is None:
                machine.unseen -= 1
                return True
            if next_one is not current:
                current = _take_turn(machine, next_one, current)
            machine.unseen -= machine.step(current, machine.unseen)
            continue
        chosen = machine.choose(machine, next_one, current is not None)
        if chosen is OTHERS:
            _lose_turn(machine, current)
            return False
        if chosen is PAUSE:
            _keep_turn(machine, current)
            return False
        if next_one is None:
            return True
        if isinstance(chosen, Process):
            if chosen is not current:
                current = _take_turn(machine, chosen, current)
            machine.step(chosen)
    _keep_turn(machine, current)
    return True


def _first(machine: Machine) -> Process | None:
    while machine.ready and machine.ready[0].state != READY:
        machine.ready.popleft()
    return machine.ready[0] if machine.ready else None


def _take_turn(machine: Machine, process: Process, current: Process | None) -> Process:
    machine.ready.remove(process)
    process.state = RUNNING
    _lose_turn(machine, current)
    return process


def _keep_turn(machine: Machine, process: Process | None) -> None:
    if process is not None and process.state == RUNNING:
        process.state = READY
        machine.ready.appendleft(process)


def _lose_turn(machine: Machine, process: Process | None) -> None:
    if process is not None:
        process.state = READY
        machine.ready.append(process)
