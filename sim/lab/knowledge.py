"""What is known at a place between two calls, as small numbers: where they are equal, things go on alike.

Programs are deterministic, so the state of one is the history of the results it was given; each history gets a
number, and so does whatever else decides about the future: the promises made, the deliveries reported, what passed
over the network. ``Knowledge`` is a fold over one run, ``Histories`` the numbering that all runs share.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from sim.folds.mail import MAILBOXES
from sim.machine.kernel import Machine
from sim.machine.process import READY, Process
from sim.machine.streams import OpenFile, PipeEnd, Socket
from sim.trace import Row

NETWORK = frozenset(("connect", "accept", "query"))
ENDS = frozenset(("exit", "killed"))  # the end of a program that talks is the end of the connection
MAILERS = ("qmail-local", "mail.local")
Key = tuple[Any, ...]


class Histories:
    """Numbers for things that can be equal."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def number(self, thing: Hashable) -> int:
        return self._numbers.setdefault(thing, len(self._numbers))


class Knowledge:
    """``of`` numbers each process's history by host and pid, ``whole`` each host's, ``network`` its share in talks.

    ``promised`` and ``reported`` are messages and deliveries, as often as they were; ``started`` counts what people
    and the boot have started on each host, for of two who write at one instant one may still have to. ``failed``
    numbers each host's failures as they were said and noted, ``entered`` all that was given a place in a queue
    or an mbox: where a disk forgets them, the ledger does not.
    """

    def __init__(self, histories: Histories) -> None:
        self.histories = histories
        self.row = 0
        self.of: dict[tuple[str, int], int] = {}
        self.whole: dict[str, int] = {}
        self.network: dict[str, int] = {}
        self.started: dict[str, int] = {}
        self.failed: dict[str, int] = {}
        self.promised: tuple[tuple[str, str], ...] = ()
        self.reported: tuple[tuple[str, ...], ...] = ()
        self._entries: tuple[tuple[str, str, str], ...] = ()
        self.entered = histories.number(self._entries)
        self._queued: dict[tuple[str, int], str] = {}
        self._local: dict[tuple[str, int], tuple[str, ...]] = {}
        self._talking: set[tuple[str, int]] = set()

    def look(self, rows: list[Row]) -> None:
        """Take note of the rows that are new."""
        number, of, whole = self.histories.number, self.of, self.whole
        for row in rows[self.row :]:
            t, (host, program, pid), call, target, result, error = row
            key, name = (host, pid), call[0]
            if pid:
                of[key] = number((of.get(key), program, t, name, result, error))
                if name == "fork" and error is None:
                    of[host, result] = number(("fork", of[key]))
                elif name == "start":
                    of[key] = number(call)
                    self.started[host] = self.started.get(host, 0) + 1
            whole[host] = number((whole.get(host), program, t, result, error))
            talks = name in NETWORK or (target is not None and target.startswith("tcp/"))
            if talks:
                self._talking.add(key)
            if talks or (name in ENDS and key in self._talking):
                self.network[host] = number((self.network.get(host), program, t, name, result, error))
            if _noted(row) or (host in self.failed and name == "link" and target and target.startswith("mess/")):
                self.failed[host] = number((self.failed.get(host), call, target))
            if program in ("qmail-queue", *MAILERS):
                self._messages(key, program, row)
            elif name == "execve" and call[1] == "qmail-local":
                self._local[key] = (host, *call[2])
        self.row = len(rows)

    def _messages(self, key: tuple[str, int], program: str, row: Row) -> None:
        _, (host, *_), call, target, _, error = row
        if _kept(program, call[0], target) and error is None:
            self._entries = tuple(sorted((*self._entries, (host, call[0], str(target)))))
            self.entered = self.histories.number(self._entries)
        if call[0] == "link" and target is not None and target.startswith("todo/"):
            self._queued[key] = target
        elif call[0] == "exit" and program == "qmail-queue" and call[1] == 0:
            self.promised = tuple(sorted((*self.promised, (host, self._queued.get(key, "")))))
        elif call[0] == "exit" and program == "qmail-local":
            done = (*self._local.get(key, ()), str(call[1]), str(error))
            self.reported = tuple(sorted((*self.reported, done)))
        elif call[0] == "read" and target is not None and target.startswith("mess/") and key in self._local:
            self._local[key] += (target,)

    def outside(self, host: str, hosts: int) -> Key:
        """What decides how things go on after the end of all programs of a host, besides its disk."""
        others = tuple(sorted((name, number) for name, number in self.whole.items() if name != host))
        known = (host, self.started.get(host), self.entered, self.promised, self.reported, self.failed.get(host))
        return (*known, others, self.network.get(host)) if hosts > 1 else known


def _kept(program: str, verb: str, target: str | None) -> bool:
    """Whether a message, or a piece of one, is given its place in a queue or in an mbox."""
    if target is None or verb not in ("link", "write"):
        return False
    if program == "qmail-queue":
        return target.startswith(("mess/", "intd/", "todo/"))
    return verb == "write" and target.startswith(MAILBOXES) and "/tmp/" not in target


def _noted(row: Row) -> bool:
    """Whether qmail-send says that a delivery failed, or writes or forgets the note of it."""
    _, (_, program, _), call, target, *_ = row
    if program != "qmail-send" or target is None:
        return False
    if call[0] not in ("write", "unlink"):
        return False
    return target.startswith("bounce/") or (call[0] == "write" and target == "pipe" and b": failure" in call[2])


def machine_key(machine: Machine, known: Knowledge) -> Key:
    """A machine's programs, all of them; the disk is not in it."""
    of, name = known.of, machine.name
    return (
        machine.now,
        tuple((one.pid, of.get((name, one.pid)), _about(one)) for one in machine.processes.values()),
        tuple(one.pid for one in machine.ready if one.state == READY),
    )


def without(machine: Machine, known: Knowledge, victim: Process) -> Key:
    """A machine's programs but one that is about to die: of that only what others will notice."""
    of, name = known.of, machine.name
    kept = [one for one in machine.processes.values() if one is not victim]
    shared: dict[int, list[tuple[int, int]]] = {}
    for one in kept:
        for fd, held in one.fds.items():
            if isinstance(held, PipeEnd):
                shared.setdefault(id(held.pipe), []).append((one.pid, fd))
    ends = tuple(
        (tuple(shared.get(id(one.pipe), ())), one.writer) if isinstance(one, PipeEnd) else one.name
        for one in victim.fds.values()
        if not isinstance(one, OpenFile)
    )
    locks = tuple(one.name for one in victim.fds.values() if isinstance(one, OpenFile) and one.inode.holder is one)
    parent = victim.parent.pid if victim.parent else None
    return (
        machine.now, victim.pid, victim.program, parent, tuple(victim.children), ends, locks,
        tuple((one.pid, of.get((name, one.pid)), _about(one)) for one in kept),
        tuple(one.pid for one in machine.ready if one.state == READY and one is not victim),
    )  # fmt: skip


def _about(process: Process) -> Key:
    """What a process's own history does not say of it: whether it waits, for how long, and what waits for it."""
    waiting = []
    for fd, held in process.fds.items():
        data = held.pipe.data if isinstance(held, PipeEnd) else held.data if isinstance(held, Socket) else b""
        if data:
            waiting.append((fd, data))
    return (
        process.state, process.pending is process.tried, process.deadline, process.alarm_at, tuple(process.signals),
        tuple(waiting),
    )  # fmt: skip
