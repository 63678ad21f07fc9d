"""When a machine is to look at a process again: where a time-out ends its call, or for its alarm(2).

A timer knows its process by number: the dead need not be kept until a time that they will not see.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from sim.machine.process import DEAD, Process, to_the_microsecond

if TYPE_CHECKING:
    from sim.machine.kernel import Machine


def arm(machine: Machine, process: Process, at: float) -> None:
    """See to it that the process is woken at ``at``; an earlier timer of its own will do as well."""
    if process.armed is None or at < process.armed:
        process.armed = at
        machine.timers_set += 1
        heapq.heappush(machine.timers, (at, machine.timers_set, process.pid))


def has_time(machine: Machine, process: Process, timeout_s: float) -> bool:
    """Whether a call may wait, or go on waiting: no more when ``timeout_s`` have passed since its first try."""
    deadline = process.deadline
    if deadline is None:
        if timeout_s <= 0:
            return False
        deadline = process.deadline = to_the_microsecond(machine.now + timeout_s)
        arm(machine, process, deadline)
    if machine.now < deadline:
        return True
    process.deadline = None
    return False


def fire(machine: Machine) -> None:
    """All that is due: end time-outs, send SIGALRM, and set what comes later."""
    timers, now = machine.timers, machine.now
    while timers and timers[0][0] <= now:
        at, _, pid = heapq.heappop(timers)
        process = machine.processes.get(pid)
        if process is None or process.state == DEAD or process.armed != at:
            continue
        process.armed = None
        if process.alarm_at is not None and process.alarm_at <= now:
            process.alarm_at = None
            machine.signal(process, "ALRM")
        for due in (process.deadline, process.alarm_at):
            if due is not None and due > now:
                arm(machine, process, due)
        if process.deadline is not None and process.deadline <= now:
            machine.wake({process: None})
