"""One call with somebody looking on, before it and after it: so that a fault can come between two calls."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sim.machine.files import not_held, target_of, unheard
from sim.machine.process import BLOCKED, RUNNING, UNFINISHED, Process, Signalled

if TYPE_CHECKING:
    from sim.machine.kernel import Machine


def advance_watched(machine: Machine, process: Process, handler: Callable[..., Any]) -> None:
    """What ``advance`` does, for the one call that ``handler`` stands for."""
    assert machine.watch is not None
    call, steps = process.pending, process.steps
    if process.tried is not call:
        machine.watch("before", process, target_of(process, call))
        if process.state != RUNNING:
            return
    row = (machine.now, process.who, call)
    result, problem, sent, error = None, None, None, None
    try:
        result = handler(machine, process, call)
    except OSError as raised:
        problem, error = None if unheard(call, raised) else raised, errno.errorcode[raised.errno or 0]
    except KeyError as unknown:
        problem, error = not_held(process, call, unknown), "EBADF"
    except Signalled as signalled:
        sent = signalled
    if result is UNFINISHED:
        if machine.absent:
            machine.absent, error = False, "ENOENT"
        elif process.pending is not None:
            process.state, process.tried = BLOCKED, call
            return
        result = None
    if problem is not None:
        process.deadline = None
        machine.target = target_of(process, call)
    machine.rows.append((*row, machine.target, result, error))
    if sent is not None:
        machine.signal(sent.receiver, sent.signal)
    process.pending, process.tried = call, None
    if machine.watch is not None:
        machine.watch("after", process, machine.target)
    if process.state == RUNNING:
        process.pending = None
        if process.steps is steps and (problem is None or not machine.handled(process, call, problem)):
            machine.resume(process, problem, result)
