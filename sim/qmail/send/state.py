"""What qmail-send keeps in memory: two channels, their priority queues, jobs and deliveries under way."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

from sim.machine.calls import Call, Steps, close, fstat, open_, read, write, write_if_heard

SLEEP_TODO_S = 1500
SLEEP_FUZZ_S = 1
SLEEP_FOREVER_S = 86400
SLEEP_CLEANUP_S = 76431
SLEEP_SYSFAIL_S = 123
OSSIFIED_S = 129600
REPORT_LIMIT = 10000


GRAPHIC = frozenset(range(ord("!"), ord("~") + 1)) - {ord("%")}
SAFE = bytes(code if code in GRAPHIC else ord("/" if code == ord("\n") else "_") for code in range(256))

LOG = 0
CLEAN_TO, CLEAN_FROM = 5, 6


class PriorityQueue:
    """Message numbers by time (epoch seconds): qmail's own heap (prioq.c), which no other will do for.

    Of equal times the one that lies on top comes first, and which one that is follows from how the heap is mended: of
    five that became due at once, qmail takes the first, the last, and then back to the second. ``earliest`` is the
    time on top, infinity when there is nothing.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []
        self.earliest: float = math.inf

    def insert(self, when: int, number: int) -> None:
        heap = self._heap
        place = len(heap)
        heap.append((when, number))
        while place and heap[parent := (place - 1) // 2][0] > when:
            heap[place] = heap[parent]
            place = parent
        heap[place] = (when, number)
        self.earliest = heap[0][0]

    def take(self) -> int:
        """The number whose time comes first."""
        return self._take()[1]

    def _take(self) -> tuple[int, int]:
        heap = self._heap
        first, last = heap[0], heap[-1]
        place, end = 0, len(heap) - 1
        while (child := 2 * place + 2) <= end:
            child -= heap[child - 1][0] <= heap[child][0]
            if last[0] <= heap[child][0]:
                break
            heap[place] = heap[child]
            place = child
        heap[place] = last
        heap.pop()
        self.earliest = heap[0][0] if heap else math.inf
        return first

    def drain(self) -> list[tuple[int, int]]:
        """All that is left, with its time, in the order in which it would have been taken."""
        return [self._take() for _ in range(len(self._heap))]

    def all_due(self, now: int) -> None:
        """Everything may be tried now (SIGALRM)."""
        self._heap = [(now, number) for _, number in self._heap]
        self.earliest = now if self._heap else math.inf


@dataclass(slots=True)
class Job:
    """One message on one channel while its recipients are being served."""

    number: int
    sender: str
    retry_at: int
    dying: bool
    open_deliveries: int = 1
    not_done: int = 0
    all_read: bool = False


@dataclass(slots=True)
class Delivery:
    """One recipient under way: its place in the address file, for the D byte."""

    job: Job
    position: int
    recipient: str
    delivery: int


@dataclass(slots=True)
class Pass:
    """A walk through one message's address file, a recipient at a time."""

    job: Job
    fd: int
    position: int = 0
    unread: bytes = b""


@dataclass(slots=True)
class Channel:
    """Local or remote: its spawner's descriptors, its limits, its schedule, its deliveries.

    ``order`` is what the spawner is yet to be told, ``said`` the part of a report that has come so far.
    """

    name: str
    to: int
    report_from: int
    skip: int
    concurrency: int
    queue: PriorityQueue = field(default_factory=PriorityQueue)
    deliveries: dict[int, Delivery] = field(default_factory=dict)
    current: Pass | None = None
    alive: bool = True
    order: bytes = b""
    said: bytes = b""

    def has_room(self) -> bool:
        return self.alive and len(self.deliveries) < self.concurrency

    def free_slot(self) -> int:
        slot = 0
        while slot in self.deliveries:
            slot += 1
        return slot


@dataclass(slots=True)
class Controls:
    """The control files that qmail-send reads (qmail-control(5)); SIGHUP rereads the last two."""

    me: str | None
    lifetime_s: int
    envnoathost: str
    bouncefrom: str
    bouncehost: str
    doublebounceto: str
    doublebouncehost: str
    percenthack: frozenset[str] = frozenset()
    locals: frozenset[str] = frozenset()
    virtualdomains: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Queue:
    """All of it together; ``heard`` are the signals that came, which the loop heeds.

    ``done`` has the messages without a recipient left, ``unknown`` those of which qmail-send could not find out.

    ``exiting``: no new deliveries, for somebody sent SIGTERM, or one of the programs that qmail-send needs is gone.
    """

    controls: Controls
    local: Channel
    remote: Channel
    trigger: int | None
    recent: int
    done: PriorityQueue = field(default_factory=PriorityQueue)
    unknown: PriorityQueue = field(default_factory=PriorityQueue)
    next_todo_run: int = 0
    todo_names: list[str] | None = None
    next_cleanup: int = 0
    mess_names: list[str] | None = None
    jobs: int = 0
    last_delivery: int = 0
    heard: set[str] = field(default_factory=set)
    exiting: bool = False
    channels: tuple[Channel, Channel] = field(init=False)

    def __post_init__(self) -> None:
        self.channels = (self.local, self.remote)

    def may_begin(self) -> bool:
        """Whether another message can be opened on some channel: there are as many jobs as slots for deliveries."""
        return self.jobs < self.local.concurrency + self.remote.concurrency

    def hear(self, signal: str) -> None:
        self.heard.add(signal)
        self.exiting = self.exiting or signal == "TERM"


def log(text: str) -> Call:
    """One line to the logger, if there is one."""
    return write_if_heard(LOG, f"{text}\n".encode("latin-1"))


def log_status(queue: Queue) -> Call:
    """``status: local 1/10 remote 0/20``, and whether qmail-send is on its way out."""
    local, remote = queue.local, queue.remote
    return _status(len(local.deliveries), local.concurrency, len(remote.deliveries), remote.concurrency, queue.exiting)


@lru_cache(maxsize=1024)
def _status(local: int, of_local: int, remote: int, of_remote: int, exiting: bool) -> Call:
    return log(f"status: local {local}/{of_local} remote {remote}/{of_remote}{' exitasap' if exiting else ''}")


@lru_cache(maxsize=1024)
def safe(text: str) -> str:
    r"""Text from outside as the log has it: in one word, and nothing in it that could be taken for a format.

    >>> safe("Remote host said: 550 100%\n")
    'Remote_host_said:_550_100_/'
    """
    return text.encode("latin-1").translate(SAFE).decode("ascii")


def ask_clean(queue: Queue, command: str) -> Steps:
    """Let qmail-clean remove files; True when it did. Without qmail-clean nothing can be finished, so leave."""
    try:
        yield write(CLEAN_TO, command.encode() + b"\0")
        answer = yield read(CLEAN_FROM, 1)
    except BrokenPipeError:
        answer = b""
    if not answer:
        queue.exiting = True
        yield log("alert: oh no! lost qmail-clean connection! dying...")
    elif answer != b"+":
        yield log(f"warning: qmail-clean unable to clean up {command}")
    return answer == b"+"


def read_info(number: int) -> Steps:
    """The envelope sender and the birth of a message (epoch seconds), from ``info/N``; None if it fails."""
    try:
        fd = yield open_(f"info/{number}")
    except OSError:
        return None
    try:
        birth = (yield fstat(fd)).mtime_s
        record = yield read(fd)
    except OSError:
        yield close(fd)
        return None
    yield close(fd)
    sender, end, _ = record.partition(b"\0")
    return (sender[1:].decode("latin-1"), birth) if end and sender[:1] == b"F" else None
