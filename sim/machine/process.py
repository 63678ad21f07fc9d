"""One process: a program under way, and what the kernel keeps for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import floor
from typing import Any

from sim.machine.calls import Steps
from sim.machine.names import REMEMBERED, names_from, resolve
from sim.machine.streams import Attempt, Descriptor, Waiters

READY, RUNNING, BLOCKED, DEAD = "ready", "running", "blocked", "dead"
UNFINISHED = "unfinished"  # the answer of a call that has none: it waits, has failed, or has replaced the program
NO_SIGNALS: frozenset[str] = frozenset()
NO_ENVIRONMENT: Mapping[str, str] = {}


def to_the_microsecond(seconds: float) -> float:
    """Sums of latencies and of time-outs as a trace should have them; ``round`` does the same, four times slower."""
    return floor(seconds * 1e6 + 0.5) / 1e6


def _nothing() -> Steps:
    yield from ()


NO_STEPS = _nothing()
NO_SEND = NO_STEPS.send


class Signalled(Exception):  # noqa: N818 - not an error: kill(2) that found its receiver
    """A process has sent ``signal`` to ``receiver``; what that does comes after the call in the trace."""

    def __init__(self, receiver: Process, signal: str) -> None:
        self.receiver = receiver
        self.signal = signal


class Process:
    """``uid`` is the real, ``euid`` the effective user's name; ``pending`` the call it is about to make (None: the
    program has yet to start), ``tried`` the same as long as that blocks it; no descriptor below ``free_from`` is free.

    ``names`` are paths that were asked for from ``cwd`` before, and what they lead to. ``deadline`` ends the call that
    blocks it, ``armed`` is the earliest timer set for it (seconds).
    """

    __slots__ = (
        "alarm_at",
        "argv",
        "armed",
        "attempt",
        "caught",
        "children",
        "cwd",
        "deadline",
        "env",
        "euid",
        "fds",
        "free_from",
        "handler",
        "ignored",
        "names",
        "parent",
        "pending",
        "pid",
        "send",
        "signals",
        "state",
        "status",
        "steps",
        "tried",
        "uid",
        "waiters",
        "who",
    )

    def __init__(
        self, pid: int, host: str, program: str, steps: Steps, uid: str, euid: str, parent: Process | None
    ) -> None:
        self.pid = pid
        self.who = (host, program, pid)
        self.steps = steps
        self.send = steps.send
        self.pending: Any = None
        self.tried: Any = None
        self.uid = uid
        self.euid = euid
        self.parent = parent
        self.children: dict[int, Process] = {}
        self.state = READY
        self.status = 0
        self.fds: dict[int, Descriptor] = {}
        self.free_from = 0
        self.waiters: Waiters = {}
        self.signals: tuple[str, ...] = ()
        self.handler: Callable[[str], object] | None = None
        self.deadline: float | None = None
        self.armed: float | None = None
        self.alarm_at: float | None = None
        self.attempt: Attempt | None = None
        if parent is None:
            self.cwd, self.names = "", names_from("")
            self.argv: tuple[str, ...] = ()
            self.env: Mapping[str, str] = NO_ENVIRONMENT
            self.caught = self.ignored = NO_SIGNALS
        else:
            self.cwd, self.names, self.argv, self.env = parent.cwd, parent.names, parent.argv, parent.env
            self.caught, self.ignored = parent.caught, parent.ignored

    def copy(self) -> Process:
        """The same, but without its program, its descriptors and its relatives."""
        other = Process.__new__(Process)
        other.pid, other.who, other.uid, other.euid = self.pid, self.who, self.uid, self.euid
        other.argv, other.env, other.free_from = self.argv, self.env, self.free_from
        other.cwd, other.names = self.cwd, self.names
        other.pending, other.tried, other.state, other.status = self.pending, self.tried, self.state, self.status
        other.caught, other.ignored, other.signals = self.caught, self.ignored, self.signals
        other.deadline, other.armed, other.alarm_at = self.deadline, self.armed, self.alarm_at
        other.handler, other.attempt, other.parent = self.handler, None, None
        other.steps, other.send = NO_STEPS, NO_SEND
        return other

    @property
    def program(self) -> str:
        return self.who[1]

    @property
    def over(self) -> bool:
        """Whether the program has come to its end, or to an exception that it let go by."""
        return self.steps.gi_frame is None  # type: ignore[attr-defined]

    def name_of(self, path: str) -> str:
        """The name of what a path leads to from the working directory; ``names`` has those that were asked before."""
        names = self.names
        if len(names) >= REMEMBERED:
            names.clear()
        name = names[path] = resolve(self.cwd, path)
        return name

    def become(self, program: str, steps: Steps) -> None:
        """Replace the program; descriptors, user and directory stay."""
        self.who = (self.who[0], program, self.pid)
        self.steps = steps
        self.send = steps.send
        self.pending = None
        self.caught = NO_SIGNALS
        self.handler = None
        self.signals = ()

    def end_program(self) -> None:
        """Drop the program where it stands: a dead computer tidies nothing."""
        self.steps, self.send = NO_STEPS, NO_SEND
        self.pending = self.handler = None

    def let_go(self) -> None:
        """The machine is gone: it ends without a word, and knows nobody any more."""
        self.state = DEAD
        self.end_program()
        self.fds, self.children = {}, {}
        self.parent = self.attempt = None

    def add(self, descriptor: Descriptor) -> int:
        """Put a descriptor into the lowest free slot."""
        fd = self.free_from
        fds = self.fds
        while fd in fds:
            fd += 1
        fds[fd] = descriptor
        self.free_from = fd + 1
        return fd

    def chosen(self, fds: Mapping[int, int] | None) -> dict[int, Descriptor]:
        """Some of the descriptors under new numbers, as ``fds`` maps these to the old ones; None: all as they are."""
        held = self.fds
        if fds is None:
            return held.copy()
        chosen = {}
        for new, old in fds.items():
            chosen[new] = held[old]
        return chosen

    def keep(self, kept: dict[int, Descriptor]) -> None:
        """Hold these descriptors, one more of each, and nothing else."""
        for one in kept.values():
            one.refs += 1
        self.fds = kept
        self.free_from = 0

    def __repr__(self) -> str:
        return f"<{self.program} pid {self.pid} {self.state}, about to call {self.pending}>"
