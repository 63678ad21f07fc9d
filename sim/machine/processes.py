"""System calls on processes, signals, pipes and time."""

from __future__ import annotations

import errno
from collections.abc import Callable
from math import floor
from typing import TYPE_CHECKING, Any

from sim.machine.calls import ANY_CHILD, Call, Handled
from sim.machine.disk import failure
from sim.machine.files import release
from sim.machine.process import DEAD, UNFINISHED, Process, Signalled, to_the_microsecond
from sim.machine.streams import Pipe, PipeEnd
from sim.machine.timers import arm, has_time

if TYPE_CHECKING:
    from sim.machine.kernel import Machine

SIGNALS = {"HUP": 1, "INT": 2, "QUIT": 3, "KILL": 9, "USR1": 10, "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15}
HARMLESS = ("CHLD", "CONT", "STOP")
UNCAUGHT = 111


class Leaving(Exception):  # noqa: N818 - not an error: exit(2), which gives no answer
    """A program that has come to its end leaves now, for a Chooser let others go first."""


def fork(m: Machine, p: Process, call: Call) -> int:
    _, function, args, fds = call
    held = p.chosen(fds)
    program = m.target = p.who[1]
    child = m.new_process(function(*args), program, p.uid, p.euid, p)
    child.keep(held)
    p.children[child.pid] = child
    return child.pid


def execve(m: Machine, p: Process, call: Call) -> Any:
    _, program, argv, env, fds = call
    m.target = program
    if program not in m.programs:
        raise failure(errno.ENOENT, program)
    if fds is not None:
        dropped = p.fds
        p.keep(p.chosen(fds))
        release(m, dropped)
    p.euid = m.setuid_programs.get(program, p.euid)
    if env is not None:
        p.env = env
    p.argv = tuple(argv)
    p.become(program, m.programs[program](argv, p.env))
    return UNFINISHED


def wait(m: Machine, p: Process, call: Call) -> Any:
    m.target = None
    child = call[1]
    if child == ANY_CHILD:
        return _reap_any(m, p)
    process = p.children.get(child)
    if process is None:
        raise failure(errno.ECHILD, str(child))
    if process.state != DEAD:
        return m.wait(p, process.waiters)
    del p.children[child]
    del m.processes[child]
    return process.status


def _reap_any(m: Machine, p: Process) -> int:
    for pid, process in p.children.items():
        if process.state == DEAD:
            del p.children[pid]
            del m.processes[pid]
            return pid
    return 0


def kill(m: Machine, p: Process, call: Call) -> None:
    _, process, signal = call
    receiver = m.processes.get(process)
    if receiver is None:
        raise failure(errno.ESRCH, str(process))
    m.target = receiver.program
    raise Signalled(receiver, signal)


def sigaction(m: Machine, p: Process, call: Call) -> None:
    m.target = None
    _, catch, ignore = call
    p.caught = frozenset(catch)
    p.ignored = frozenset(ignore)
    p.handler = catch.handler if isinstance(catch, Handled) else None


def alarm(m: Machine, p: Process, call: Call) -> None:
    m.target = None
    seconds = call[1]
    p.alarm_at = to_the_microsecond(m.now + seconds) if seconds else None
    if p.alarm_at is not None:
        arm(m, p, p.alarm_at)


def sleep(m: Machine, p: Process, call: Call) -> Any:
    m.target = None
    seconds = call[1]
    try:
        return m.wait(p, None, seconds)
    except TimeoutError:
        return None


def select(m: Machine, p: Process, call: Call) -> Any:
    fds = call[1]
    if len(fds) != 1 or p.signals:
        return _select_several(m, p, call)
    one = p.fds[fds[0]]
    m.target = one.name
    if one.has_room() if len(call) > 3 else one.readable():
        p.deadline = None
        return fds
    timeout_s = call[2]
    if timeout_s is not None and not has_time(m, p, timeout_s):
        return ()
    one.waiters[p] = None
    return UNFINISHED


def _select_several(m: Machine, p: Process, call: Call) -> Any:
    """Any number of descriptors, and signals that have come."""
    fds, timeout_s, to_write = call[1], call[2], len(call) > 3
    held = p.fds
    m.target = held[fds[0]].name if len(fds) == 1 else None
    ready: list[int | str] = []
    for fd in fds:
        if held[fd].has_room() if to_write else held[fd].readable():
            ready.append(fd)
    if p.signals:
        ready += p.signals
        p.signals = ()
    if ready:
        p.deadline = None
        return tuple(ready)
    if timeout_s is not None and not has_time(m, p, timeout_s):
        return ()
    for fd in fds:
        held[fd].waiters[p] = None
    return UNFINISHED


def pipe(m: Machine, p: Process, call: Call) -> tuple[int, int]:
    m.target = None
    new = Pipe("pipe")
    return p.add(PipeEnd(new, False, m)), p.add(PipeEnd(new, True, m))


def getpid(m: Machine, p: Process, call: Call) -> int:
    m.target = None
    return p.pid


def getuid(m: Machine, p: Process, call: Call) -> int:
    m.target = None
    return m.uids[p.uid]


def uname(m: Machine, p: Process, call: Call) -> str:
    m.target = None
    return m.name


def ioctl(m: Machine, p: Process, call: Call) -> tuple[str, ...]:
    m.target = None
    return m.addresses


def sysctl(m: Machine, p: Process, call: Call) -> tuple[tuple[int, str, str], ...]:
    m.target = None
    alive = (one for one in m.processes.values() if one.state != DEAD)
    return tuple((one.pid, one.euid, " ".join(one.argv) or one.program) for one in alive)


def set_group(m: Machine, p: Process, call: Call) -> None:
    m.target = call[1]


def setuid(m: Machine, p: Process, call: Call) -> None:
    user = call[1]
    m.target = user
    p.uid = p.euid = user


def time(m: Machine, p: Process, call: Call) -> int:
    m.target = None
    return floor(m.epoch_s + m.now)


def syslog(m: Machine, p: Process, call: Call) -> None:
    m.target = call[1]


def exit_(m: Machine, p: Process, call: Call) -> None:
    raise Leaving


HANDLERS: dict[str, Callable[..., Any]] = {
    "fork": fork,
    "execve": execve,
    "exit": exit_,
    "wait": wait,
    "kill": kill,
    "sigaction": sigaction,
    "alarm": alarm,
    "sleep": sleep,
    "select": select,
    "pipe": pipe,
    "getpid": getpid,
    "getuid": getuid,
    "uname": uname,
    "ioctl": ioctl,
    "sysctl": sysctl,
    "setgroups": set_group,
    "setgid": set_group,
    "setuid": setuid,
    "time": time,
    "syslog": syslog,
}
