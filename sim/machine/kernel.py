"""A machine: it steps its programs one system call at a time, records each call, and can lose power.

Theory. A program is a generator that yields calls. ``advance`` executes the call a process is about to
make, appends the record, and resumes the program up to its next call; nothing else ever happens between
two calls, so "after call k" is a complete description of a machine. A call that cannot finish blocks its
process; whoever changes what it waits for only *wakes* it, and the call is tried again, so the trace never
shows an effect before its cause. A process runs until it blocks, then the next ready one has its turn.

The machine knows no clock of its own: ``run(now)`` does all there is to do at one instant and says when
the next timer is due. SimPy, a plain loop (``sim.machine.alone``) or an explorer can drive it.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Mapping
from itertools import repeat
from math import inf
from typing import Any

from sim.machine import files, processes, sockets, timers
from sim.machine.calls import Call, Program, Steps
from sim.machine.disk import Disk, Loss, failure
from sim.machine.files import not_held, target_of, unheard
from sim.machine.names import names_from
from sim.machine.process import (
    BLOCKED,
    DEAD,
    READY,
    RUNNING,
    UNFINISHED,
    Process,
    Signalled,
)
from sim.machine.sockets import Network
from sim.machine.streams import Listener, Pipe, PipeEnd, Waiters
from sim.machine.turns import Chooser, run_chosen
from sim.machine.watched import advance_watched
from sim.trace import Trace

CALLS_PER_INSTANT = 2_000_000
CALLS_PER_START = 1_000
SPENT = object()

HANDLERS: dict[str, Callable[..., Any]] = {**files.HANDLERS, **processes.HANDLERS, **sockets.HANDLERS}


Watch = Callable[[str, Process, str | None], None]


class Machine:
    """One computer. ``epoch_s`` is the UNIX time of second 0; ``programs`` is what execve can find.

    ``setuid_programs`` maps a program to the user that owns its set-user-id bit; ``uids`` maps users to
    numbers. ``watch(when, process, target)`` is called before and after each call while it is not None; ``choose``
    (see ``turns``) says who makes the next one.
    """

    def __init__(
        self,
        name: str,
        trace: Trace,
        disk: Disk,
        programs: Mapping[str, Program],
        *,
        epoch_s: float = 0.0,
        setuid_programs: Mapping[str, str] | None = None,
        uids: Mapping[str, int] | None = None,
        network: Network | None = None,
        addresses: tuple[str, ...] = (),
        first_pid: int = 1,
    ) -> None:
        self.name = name
        self.trace = trace
        self.rows = trace.rows
        self.disk = disk
        self.programs = programs
        self.setuid_programs = setuid_programs or {}
        self.uids = uids or {"root": 0}
        self.epoch_s = epoch_s
        self.network = network
        self.addresses = addresses
        self.now = 0.0
        self.powered = True
        self.watch: Watch | None = None
        self.choose: Chooser | None = None
        self.unseen = 0
        self.target: str | None = None
        self.absent = False
        self.processes: dict[int, Process] = {}
        self.ready: deque[Process] = deque()
        self.timers: list[tuple[float, int, int]] = []
        self.listeners: dict[int, Listener] = {}
        self.timers_set = 0
        self._next_pid = first_pid
        self._instant = -1.0
        self._tries: repeat[None] = repeat(None, 0)

    # Processes come and go

    @property
    def next_pid(self) -> int:
        """The number of the next process; a machine that takes another's place goes on from here."""
        return self._next_pid

    def spawn(
        self, program: str, argv: tuple[str, ...], *, user: str = "root", env: Mapping[str, str] | None = None,
        stdin: bytes | Pipe | None = None, cwd: str = "", mail: str | tuple[str, ...] | None = None,
    ) -> Process:  # fmt: skip
        """Start a program from outside, as a person or the boot does; ``stdin`` is what it can read."""
        self._allow(CALLS_PER_START)
        process = self.new_process(self.programs[program](argv, env or {}), program, user, user, None)
        process.argv = argv
        process.env = dict(env or {})
        process.cwd, process.names = cwd, names_from(cwd)
        if isinstance(stdin, Pipe):
            process.fds[0] = PipeEnd(stdin, False, self)
        elif stdin is not None:
            pipe = Pipe("stdin")
            pipe.data, pipe.seen_writer = stdin, True
            process.fds[0] = PipeEnd(pipe, False, self)
        self.rows.append((self.now, process.who, ("start", program, argv, user, mail), None, None, None))
        return process

    def new_process(self, steps: Steps, program: str, uid: str, euid: str, parent: Process | None) -> Process:
        pid = self._next_pid
        self._next_pid += 1
        process = Process(pid, self.name, program, steps, uid, euid, parent)
        self.processes[pid] = process
        self.ready.append(process)
        return process

    def finish(self, process: Process, status: int, call: Call, error: str | None = None) -> None:
        """A process is over: its descriptors close, its parent may wait for ``status``."""
        self.rows.append((self.now, process.who, call, None, None, error))
        process.state = DEAD
        process.status = status
        process.end_program()
        fds = process.fds
        if fds:
            files.release(self, fds)
            fds.clear()
        if process.children:
            self._orphan(process)
        if process.parent is None:
            del self.processes[process.pid]
        else:
            if process.waiters:
                self.wake(process.waiters)
            if "CHLD" in process.parent.caught:
                self.signal(process.parent, "CHLD")

    def _orphan(self, process: Process) -> None:
        """Nobody will wait for its children any more."""
        for child in process.children.values():
            child.parent = None
            if child.state == DEAD:
                self.processes.pop(child.pid, None)
        process.children = {}

    def signal(self, process: Process, name: str) -> None:
        """Deliver a signal: ignored, caught (a select source, EINTR elsewhere), or the end."""
        if process.state == DEAD or (name in process.ignored and name != "KILL"):
            return
        if name in process.caught and name != "KILL":
            process.signals += (name,)
            self.wake({process: None})
        elif name not in processes.HARMLESS:
            self.finish(process, -processes.SIGNALS[name], ("killed", name))

    def forget_listener(self, port: int) -> None:
        """Nobody listens on the port any more; in a dead machine nobody did anyway."""
        self.listeners.pop(port, None)

    # Blocking and waking

    def wake(self, waiters: Waiters) -> None:
        """Let each waiting process try its call again."""
        for process in waiters:
            if process.state is BLOCKED:
                process.state = READY
                self.ready.append(process)
        waiters.clear()

    def wait(self, process: Process, waiters: Waiters | None, timeout_s: float | None = None) -> Any:
        """The answer of a call that cannot finish yet: UNFINISHED; EINTR on a signal, ETIMEDOUT in the end."""
        if process.signals:
            process.deadline = None
            signal, process.signals = process.signals[0], process.signals[1:]
            raise failure(errno.EINTR, signal)
        if timeout_s is not None and not timers.has_time(self, process, timeout_s):
            raise failure(errno.ETIMEDOUT, str(timeout_s))
        if waiters is not None:
            waiters[process] = None
        return UNFINISHED

    def missing(self, call: Call, path: str) -> Any:
        """The answer of a call on a file that is not there: an error only for a caller who does not expect it."""
        if call[-1] is not True or path in self.disk.directories:
            raise self.disk.missing(path)
        self.absent = True
        return UNFINISHED

    # Stepping

    def run(self, now: float) -> float:
        """Do all there is to do at ``now``; give the time of the next timer (infinity: none).

        ``now`` itself when a Chooser wants others to have their turn first.
        """
        self.now = now
        if self._instant != now:
            self._instant, self._tries = now, repeat(None, CALLS_PER_INSTANT)
        due = self.timers
        if due and due[0][0] <= now:
            timers.fire(self)
        if self.choose is not None and not run_chosen(self):
            return now
        ready, tries = self.ready, self._tries
        while ready:
            process = ready.popleft()
            if process.state is READY:
                process.state = RUNNING
                while self.advance(process, tries):
                    if not tries.__length_hint__():
                        raise self._endless(process)
        return due[0][0] if due else inf

    def step(self, process: Process, most: int = 1) -> int:
        """One call of a process, or so many while it can; for a Chooser the end of a program is one as well."""
        left = self._tries.__length_hint__()
        if not left:
            raise self._endless(process)
        tries = repeat(None, min(most, left))
        self.advance(process, tries)
        tried = min(most, left) - tries.__length_hint__()
        self._tries = repeat(None, self._tries.__length_hint__() - tried)
        return tried

    def _endless(self, process: Process) -> RuntimeError:
        return RuntimeError(
            f"{self.name}: {CALLS_PER_INSTANT} calls at {self.now} s and no end; "
            f"{process.program} (pid {process.pid}) would call {process.pending}"
        )

    def _spend(self, tries: repeat[None], process: Process) -> None:
        """One try for what is no turn of the loop in ``advance``."""
        if next(tries, SPENT) is SPENT:
            raise self._endless(process)

    def _allow(self, calls: int) -> None:
        """So many calls more at this instant, which is cut short when they are used up: a loop takes no time."""
        left = self._tries.__length_hint__() if self._instant == self.now else CALLS_PER_INSTANT
        self._instant, self._tries = self.now, repeat(None, left + calls)

    def advance(self, process: Process, tries: repeat[None]) -> bool:
        """Execute calls of a process until one blocks, fails or ends it, or no more ``tries`` are left.

        True when the process has the turn still.
        """
        if process.pending is None and not self.resume(process, None):
            self._spend(tries, process)
            return False
        call = process.pending
        if self.watch is not None:
            self._spend(tries, process)
            if call[0] == "exit":
                self._leave(process, *call[1:])
            else:
                advance_watched(self, process, HANDLERS[call[0]])
            return process.state is RUNNING
        who, now = process.who, self.now
        send, rows = process.send, self.rows
        process.tried = None
        try:
            for _ in tries:
                result = HANDLERS[call[0]](self, process, call)
                if result is not UNFINISHED:
                    rows.append((now, who, call, self.target, result, None))
                elif self.absent:
                    self.absent, result = False, None
                    rows.append((now, who, call, self.target, None, "ENOENT"))
                elif process.pending is None:  # execve: another program begins
                    rows.append((now, who, call, self.target, None, None))
                    who, send, result = process.who, process.send, None
                    process.pending = call
                else:
                    process.state, process.tried, process.pending = BLOCKED, call, call
                    return False
                call = send(result)
            process.pending = call
        except StopIteration as end:
            self._exit(process, end.value or 0)
        except processes.Leaving:
            self._leave(process, *call[1:])
        except OSError as problem:
            if process.over:
                self._uncaught(process, problem)
            else:
                self._failed(process, call, problem)
        except KeyError as unknown:
            if process.over:
                raise
            self._failed(process, call, not_held(process, call, unknown))
        except Signalled as sent:
            rows.append((now, who, call, self.target, None, None))
            process.pending = call
            self.signal(sent.receiver, sent.signal)
            if process.state == RUNNING:
                self.resume(process, None)
        return process.state is RUNNING

    def _failed(self, process: Process, call: Call, problem: OSError) -> None:
        """Record a failure and tell the program."""
        target = target_of(process, call)
        self.rows.append((self.now, process.who, call, target, None, errno.errorcode[problem.errno or 0]))
        process.deadline = None
        if unheard(call, problem):
            self.resume(process, None)
        elif not self.handled(process, call, problem):
            self.resume(process, problem)
            problem.__traceback__ = None  # or a failure and the frames that it went through hold each other

    def handled(self, process: Process, call: Call, problem: OSError) -> bool:
        """Whether it was a signal that the program has a handler for: then the call is to be made again."""
        if process.handler is None or problem.errno != errno.EINTR:
            return False
        process.handler(problem.filename)
        process.pending = call
        return True

    def resume(self, process: Process, problem: OSError | None, result: Any = None) -> bool:
        """Hand a program a result or a failure, or start it; False when that ended it."""
        steps = process.steps
        try:
            process.pending = steps.send(result) if problem is None else steps.throw(problem)
        except StopIteration as end:
            self._exit(process, end.value or 0)
            return False
        except OSError as uncaught:
            self._uncaught(process, uncaught)
            return False
        return True

    def _uncaught(self, process: Process, problem: OSError) -> None:
        self._exit(process, processes.UNCAUGHT, errno.errorcode[problem.errno or 0])

    def _exit(self, process: Process, status: int, error: str | None = None) -> None:
        """The program is through; a Chooser may want to come between its last call and its end."""
        if self.choose is not None:
            process.pending = ("exit", status, error)
        else:
            self._leave(process, status, error)

    def _leave(self, process: Process, status: int, error: str | None) -> None:
        """The end of a process is a moment like any other."""
        call = process.pending = ("exit", status)
        if self.watch is not None:
            self.watch("before", process, None)
            if process.state == DEAD:
                return
        self.finish(process, status, call, error)
        if self.watch is not None:
            process.pending = call
            self.watch("after", process, None)

    # The end of a machine's life, and of its programs'

    def stand_like(self, other: Machine) -> None:
        """Take over another machine's clocks and numbers."""
        self.now, self.powered, self.timers = other.now, other.powered, other.timers.copy()
        self.timers_set, self._next_pid = other.timers_set, other._next_pid
        self._instant, self._tries = other._instant, repeat(None, other._tries.__length_hint__())

    def kill_all(self) -> None:
        """SIGKILL to every process at once, as ``kill -9 -1`` does; the page cache survives."""
        for process in self.processes.values():
            process.state = DEAD
            process.end_program()
        for _, process in sorted(self.processes.items()):
            files.release(self, process.fds)
        self.let_go()

    def power_cut(self) -> tuple[Loss, ...]:
        """Everything in memory is gone and nothing is tidied; peers hear nothing."""
        self.let_go()
        self.powered = False
        self.watch = None
        return self.disk.power_cut(self.now)

    def let_go(self) -> None:
        """Drop all programs where they stand; nothing holds on to anything, and nobody need collect what is left."""
        for process in self.processes.values():
            process.let_go()
        self.processes = {}
        self.ready.clear()
        self.timers.clear()
        self.listeners = {}
