"""Every message that was in a queue: which files it had, when, and in which of the states S1 to S5 that put it.

Message numbers are inode numbers and come again, so a message is known by host, number and the order of its
appearance. Only successful calls on the queue's directories count, and what a power cut took away.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from sim.machine.disk import WRITE_BACK_S
from sim.qmail.states import FILES, classify
from sim.trace import Call, Trace, Who

_DIRECTORIES = frozenset(FILES)
_ENTERING = frozenset(("create", "link", "rename"))


class Change(NamedTuple):
    """A moment at which a message's files changed: the files after it, and the state they amount to."""

    t: float
    who: Who
    files: frozenset[str]
    state: str | None


@dataclass(slots=True, eq=False)
class Message:
    """One message in one host's queue.

    ``envelope`` is what qmail-queue wrote into ``intd/N``; ``text`` what it wrote into ``mess/N``; ``lists`` the
    address records of each channel by their place in the file; ``done`` the places that were marked D.
    ``promised`` is when qmail-queue exited with 0, ``ended`` when the last file went; ``notes`` is what
    ``bounce/N`` holds, ``sent_notes`` what went into bounces, ``lost_notes`` what a power cut took. ``first_row`` and
    ``last_row`` are its life as places in the trace.
    """

    host: str
    number: int
    born: float
    queue_pid: int
    first_row: int
    last_row: int | None = None
    history: list[Change] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    envelope: bytes = b""
    text: bytes = b""
    lists: dict[str, dict[int, str]] = field(default_factory=dict)
    done: dict[tuple[str, int], float] = field(default_factory=dict)
    promised: float | None = None
    ended: float | None = None
    wrong_inode: bool = False
    notes: bytes = b""
    sent_notes: bytes = b""
    lost_notes: bytes = b""
    lost_bytes: dict[str, int] = field(default_factory=dict)

    @property
    def sender(self) -> str:
        return next((one[1:] for one in self._records() if one[:1] == "F"), "")

    @property
    def recipients(self) -> list[str]:
        """Recipients as qmail-send rewrote them, or as the envelope has them before it did."""
        rewritten = [one for places in self.lists.values() for one in places.values()]
        return rewritten or [one[1:] for one in self._records() if one[:1] == "T"]

    @property
    def state(self) -> str | None:
        return self.history[-1].state if self.history else "S1"

    @property
    def accepted(self) -> bool:
        """Whether it ever reached S4: from then on it is delivered, promised or not."""
        return any(change.state == "S4" for change in self.history)

    def state_at(self, t: float) -> str | None:
        """The state at a time; S1 before the first file and after the last."""
        state: str | None = "S1"
        for change in self.history:
            if change.t > t:
                break
            state = change.state
        return state

    def _records(self) -> list[str]:
        return self.envelope.decode("latin-1").split("\0")[:-1]


class _Fold:
    """The state of the fold: the message that each number names now, on each host."""

    def __init__(self) -> None:
        self.all: list[Message] = []
        self.current: dict[tuple[str, int], Message] = {}
        self.latest: dict[tuple[str, int], Message] = {}
        self.by_queue_pid: dict[tuple[str, int], Message] = {}
        self.positions: dict[tuple[str, int, int], int] = {}
        self.row = 0

    def changed(self, t: float, who: Who, message: Message) -> None:
        files = frozenset(message.files)
        message.history.append(Change(t, who, files, classify(files)))
        if not files:
            message.ended, message.last_row = t, self.row
            del self.current[message.host, message.number]

    def enter(self, t: float, who: Who, directory: str, number: int) -> None:
        key = (who[0], number)
        message = self.current.get(key)
        if message is None:
            message = self.current[key] = self.latest[key] = Message(who[0], number, t, who[2], self.row)
            self.all.append(message)
            self.by_queue_pid[who[0], who[2]] = message
        message.files.add(directory)
        message.lost_bytes.pop(directory, None)
        message.done = {place: at for place, at in message.done.items() if place[0] != directory}
        self.changed(t, who, message)

    def leave(self, t: float, who: Who, directory: str, number: int) -> None:
        message = self.current.get((who[0], number))
        if message is not None and directory in message.files:
            message.files.discard(directory)
            self.changed(t, who, message)

    def wrote(self, t: float, who: Who, call: Call, directory: str, number: int) -> None:
        written_by = self.by_queue_pid.get((who[0], who[2])) if who[1] == "qmail-queue" else None
        message = written_by or self.current.get((who[0], number))
        if message is None:
            return
        data: bytes = call[2]
        if directory == "mess":
            message.text += data
        elif directory in ("intd", "todo"):
            message.envelope += data
        elif directory == "bounce":
            message.notes += data
        elif directory in ("local", "remote"):
            if data == b"D":
                message.done[directory, self.positions.get((who[0], who[2], call[1]), 0)] = t
            else:
                self._list(message, directory, data)

    def _list(self, message: Message, directory: str, data: bytes) -> None:
        places = message.lists.setdefault(directory, {})
        place = 0
        for record in data.decode("latin-1").split("\0")[:-1]:
            places[place] = record[1:]
            place += len(record) + 1

    def sent(self, host: str, directory: str, number: int) -> None:
        """A ``bounce/N`` that goes has been sent; what is noted after that belongs to another bounce."""
        message = self.current.get((host, number))
        if directory == "bounce" and message is not None:
            message.notes = b""

    def copied(self, host: str, number: int, text: bytes) -> None:
        """qmail-send reads ``bounce/N`` when it writes the bounce: what it read, the bounce says."""
        message = self.current.get((host, number))
        if message is not None:
            message.sent_notes += text

    def found_at_boot(self, t: float, who: Who, listing: tuple[tuple[str, int, int], ...]) -> None:
        """Believe the disk that was found, not what was done to the one before the crash: names go, and come back."""
        there: dict[int, set[str]] = {}
        for name, _, _ in listing:
            directory, _, digits = name.partition("/")
            if directory in _DIRECTORIES and digits.isdigit():
                there.setdefault(int(digits), set()).add(directory)
        for number in there:
            message = self.latest.get((who[0], number))
            if message is not None and self.current.setdefault((who[0], number), message).ended is not None:
                message.ended = message.last_row = None
        for (host, number), message in list(self.current.items()):
            files = there.get(number, set())
            if host == who[0] and message.files != files:
                message.files = files
                self.changed(t, who, message)

    def lost(self, t: float, host: str, losses: tuple[tuple[str, int, int], ...]) -> None:
        """What a power cut took: bytes, marks that were not on the disk yet, notes for a bounce."""
        for name, before, after in losses:
            directory, _, number = name.partition("/")
            message = self.current.get((host, int(number))) if number.isdigit() else None
            if message is None or directory not in _DIRECTORIES:
                continue
            if before != after:
                message.lost_bytes[directory] = before - after
            if directory == "bounce":
                message.lost_notes += message.notes
                message.notes = message.notes[:after]
            message.done = {
                place: when for place, when in message.done.items() if place[0] != directory or when <= t - WRITE_BACK_S
            }


def messages(trace: Trace) -> list[Message]:
    """All messages of all queues, in the order in which their first file appeared."""
    fold = _Fold()
    inodes: dict[tuple[str, int], int] = {}
    for fold.row, (t, who, call, target, result, error) in enumerate(trace.rows):
        name = call[0]
        if error is not None:
            continue
        if target is None:
            if name == "exit" and call[1] == 0 and who[1] == "qmail-queue":
                promised = fold.by_queue_pid.get((who[0], who[2]))
                if promised is not None:
                    promised.promised = t
            elif name == "power_cut":
                fold.lost(t, who[0], result or ())
            elif name == "boot":
                fold.found_at_boot(t, who, result or ())
            continue
        directory, _, number = target.partition("/")
        if directory not in _DIRECTORIES or not number.isdigit():
            if name == "fstat" and directory == "pid":
                inodes[who[0], who[2]] = result[0]
            continue
        if name in _ENTERING or (name == "open" and directory == "bounce" and call[2] == "a"):
            if (who[0], int(number)) not in fold.current or directory not in fold.current[who[0], int(number)].files:
                fold.enter(t, who, directory, int(number))
            if directory == "mess":
                fold.current[who[0], int(number)].wrong_inode = inodes.get((who[0], who[2])) != int(number)
        elif name == "unlink":
            fold.sent(who[0], directory, int(number))
            fold.leave(t, who, directory, int(number))
        elif name == "write":
            fold.wrote(t, who, call, directory, int(number))
        elif name == "read" and directory == "bounce":
            fold.copied(who[0], int(number), result)
        elif name == "lseek":
            fold.positions[who[0], who[2], call[1]] = call[2]
    return fold.all
