"""One machine without a world around it: a plain loop in the place of a clock."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable

from sim.machine.kernel import Machine


def run_alone(machine: Machine, until_s: float, inputs: Iterable[tuple[float, Callable[[], object]]] = ()) -> None:
    """Drive one machine with a plain loop: ``inputs`` are ``(time, action)`` pairs, in order of time."""
    waiting = deque(inputs)
    due = machine.run(0.0)
    while True:
        now = min(due, waiting[0][0] if waiting else math.inf)
        if now > until_s:
            machine.now = until_s
            return
        if waiting and waiting[0][0] <= now:
            machine.now = now
            waiting.popleft()[1]()
        due = machine.run(now)
