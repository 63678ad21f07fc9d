"""Another machine that stands where one stands: the same disk, the same processes, each before the same call.

Theory. A generator cannot be copied, but a program's state is its history of results, and the trace has it: start the
same program again, give it the same results, and it is about to make the same call. Everything else that a machine
knows is data. A program of the copy is started again only when it is its turn, and many never have one: a crash ends
them, or nothing comes that they wait for.

That holds for programs that learn what they know by their calls, which is all of ours. It does not hold where the
world outside remembers the machine: a machine with a connection, or with a question to a name server under way, is
not copied. Nor does a trace tell which signal a handler was told of.
"""

from __future__ import annotations

import errno
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from typing import Any

from sim.machine.calls import Call, Handled, Steps, is_answer
from sim.machine.disk import Inode, failure
from sim.machine.kernel import Machine
from sim.machine.process import DEAD, Process
from sim.machine.sockets import listening
from sim.machine.streams import Descriptor, Listener, OpenFile, Pipe, PipeEnd, Waiters
from sim.trace import EVENTS, Row, Trace


class CannotBeCopied(Exception):  # noqa: N818 - said in the words of who asks
    """The world outside remembers the machine, or its trace does not tell all that its programs know."""


class Histories:
    """What each process of a host got back from its calls, and how the program began that it runs; by pid."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.read = 0
        self.results: defaultdict[int, list[Row]] = defaultdict(list)
        self.forked: dict[int, tuple[Callable[..., Steps], tuple[Any, ...]]] = {}
        self.interrupted: set[int] = set()

    def look(self, rows: Sequence[Row]) -> None:
        """Read on, as far as the trace goes now."""
        for row in rows[self.read :]:
            _, (host, program, pid), call, _, result, error = row
            if host != self.host or not program:
                continue
            if call[0] == "execve" and error is None:
                self.results[pid] = []
                self.forked.pop(pid, None)
            elif call[0] not in EVENTS:
                self.results[pid].append(row)
            if error == "EINTR":
                self.interrupted.add(pid)
            if call[0] == "fork" and error is None:
                self.forked[result] = call[1], call[2]
        self.read = len(rows)


class Remembered(Generator[Call, Any, Any]):
    """A program that is started again, and told what it was told before, when it is to go on.

    It stands in the place of the program's own generator until then: ``gi_frame`` says that it has not ended.
    """

    gi_frame = True

    def __init__(self, machine: Machine, process: Process, histories: Histories) -> None:
        self.machine = machine
        self.process = process
        self.results = histories.results[process.pid]
        self.count = len(self.results)
        self.forked = histories.forked.get(process.pid)

    def send(self, result: Any) -> Call:
        return self.program().send(result)

    def throw(self, problem: Any, *_: Any) -> Call:
        return self.program().throw(problem)

    def close(self) -> None:
        """Nothing has begun that would have to end."""

    def handle(self, signal: str) -> None:
        """A signal for a handler that the program has set up."""
        self.program()
        assert self.process.handler is not None
        self.process.handler(signal)

    def program(self) -> Steps:
        """The program itself, which takes this one's place."""
        process = self.process
        if process.steps is not self:
            return process.steps
        if self.forked:
            function, args = self.forked
            steps = function(*args)
        else:
            steps = self.machine.programs[process.program](process.argv, process.env)
        process.steps, process.send = steps, steps.send
        if process.pending is not None:
            call = self._tell(steps)
            assert _same(call, process.pending), f"{process.program} would call {call}, not {process.pending}"
        return steps

    def _tell(self, steps: Steps) -> Call:
        call = next(steps)
        for _, _, told, target, result, error in self.results[: self.count]:
            assert told == call or _same(told, call), f"{self.process.program} calls {call}, and called {told} before"
            if call[0] == "sigaction" and isinstance(call[1], Handled):
                self.process.handler = call[1].handler
            if error is None or is_answer(call, error):
                call = steps.send(result)
            else:  # without a name of its own the failure does not keep this frame, nor that the failure
                call = steps.throw(failure(getattr(errno, error), target or ""))
        return call


def _same(call: Call, other: Call) -> bool:
    """Whether two calls are alike; a function that a program makes for its child is not the same when made again."""
    return call == other or (call[0] == other[0] == "fork" and call[2:] == other[2:])


def copied(machine: Machine, trace: Trace, histories: Histories) -> Machine:
    """A machine that goes on as this one would, and writes into ``trace``, which has the same rows.

    ``histories`` has been read as far as the trace goes. CannotBeCopied where that would not be the whole machine.
    """
    other = Machine(
        machine.name, trace, machine.disk.copy(), machine.programs, epoch_s=machine.epoch_s,
        setuid_programs=machine.setuid_programs, uids=machine.uids, addresses=machine.addresses,
    )  # fmt: skip
    other.stand_like(machine)
    copy = _Copy(machine, other)
    for process in machine.processes.values():
        copy.processes[process] = process.copy()
    other.processes = {one.pid: one for one in copy.processes.values()}
    for old, new in copy.processes.items():
        copy.connect(old, new)
        if new.state != DEAD:
            _remember(other, new, histories)
    for number, inode in machine.disk.inodes.items():
        copy.open_inode(inode, other.disk.inodes[number])
    other.ready.extend(copy.processes[one] for one in machine.ready if one in copy.processes)
    return other


def _remember(machine: Machine, process: Process, histories: Histories) -> None:
    steps = Remembered(machine, process, histories)
    process.steps, process.send = steps, steps.send
    if process.handler is not None:
        if process.pid in histories.interrupted:
            raise CannotBeCopied(f"{process.program} was told of a signal, and the trace does not say of which")
        process.handler = steps.handle


class _Copy:
    """What stands for what in a copy under way."""

    def __init__(self, machine: Machine, other: Machine) -> None:
        self.machine = machine
        self.other = other
        self.processes: dict[Process, Process] = {}
        self.held: dict[Descriptor, Descriptor] = {}
        self.pipes: dict[Pipe, Pipe] = {}

    def connect(self, old: Process, new: Process) -> None:
        """Give a process its relatives, its descriptors and who waits for it."""
        if old.attempt is not None:
            raise CannotBeCopied(f"{old.program} waits for an answer from outside, which cannot be copied")
        new.parent = None if old.parent is None else self.processes[old.parent]
        new.children = {pid: self.processes[child] for pid, child in old.children.items()}
        new.waiters = self.waiters(old.waiters)
        new.fds = {fd: self.descriptor(one) for fd, one in old.fds.items()}

    def waiters(self, old: Waiters) -> Waiters:
        """The same processes in the same order; the dead do not wait."""
        if not old:
            return {}
        return {self.processes[one]: None for one in old if one in self.processes}

    def descriptor(self, old: Descriptor) -> Descriptor:
        new = self.held.get(old)
        if new is None:
            new = self.held[old] = self._descriptor(old)
            new.refs = old.refs
        return new

    def _descriptor(self, old: Descriptor) -> Descriptor:
        if isinstance(old, OpenFile):
            new = OpenFile.__new__(OpenFile)
            new.inode, new.position = self.other.disk.inodes[old.inode.number], old.position
            new.writable, new.append = old.writable, old.append
            return new
        if isinstance(old, PipeEnd):
            end = PipeEnd.__new__(PipeEnd)
            end.pipe, end.name, end.writer, end.waker = self.pipe(old.pipe), old.name, old.writer, self.other
            end.waiters = end.pipe.to_write if old.writer else end.pipe.to_read
            return end
        if isinstance(old, Listener) and not old.backlog:
            return self.listener(old)
        raise CannotBeCopied(f"{old.name} has an end outside, which cannot be copied")

    def pipe(self, old: Pipe) -> Pipe:
        new = self.pipes.get(old)
        if new is None:
            new = self.pipes[old] = Pipe(old.name)
            new.data, new.readers, new.writers, new.seen_writer = old.data, old.readers, old.writers, old.seen_writer
            new.to_read, new.to_write = self.waiters(old.to_read), self.waiters(old.to_write)
        return new

    def listener(self, old: Listener) -> Listener:
        (port,) = (port for port, one in self.machine.listeners.items() if one is old)
        new = self.other.listeners[port] = listening(self.other, port)
        new.waiters = self.waiters(old.waiters)
        return new

    def open_inode(self, old: Inode, new: Inode) -> None:
        """What hangs on an inode while the machine runs."""
        if old.fifo is not None:
            new.fifo = self.pipe(old.fifo)
        if old.holder is not None:
            new.holder = self.descriptor(old.holder)
        if old.waiters is not None:
            new.waiters = self.waiters(old.waiters)
