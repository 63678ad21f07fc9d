"""Every message that was in a queue: which files it had, when, and in which of the states S1 to S5 that put it.

Message numbers are inode numbers and come again, so a message is known by host, number and the order of its
appearance. Only successful calls on the queue's directories count, and what a power cut took away.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sim.folds.kinds import ANY, Table, Wish, Wishes, look
from sim.folds.message import Change, Message
from sim.machine.disk import WRITE_BACK_S
from sim.qmail.states import FILES, classify
from sim.trace import Row, Trace, Who

_DIRECTORIES = frozenset(FILES)
_QUEUE = tuple(f"{directory}/" for directory in FILES)


class Linked(NamedTuple):
    """A message that gets its number: the place in the trace, the host, and the number."""

    row: int
    host: str
    number: str


class QueueFold:
    """The state of the fold: the message that each number names now, on each host."""

    def __init__(self) -> None:
        self.all: list[Message] = []
        self.current: dict[tuple[str, int], Message] = {}
        self.latest: dict[tuple[str, int], Message] = {}
        self.by_queue_pid: dict[tuple[str, int], Message] = {}
        self.positions: dict[tuple[str, int, int], int] = {}
        self.inodes: dict[tuple[str, int], int] = {}
        self.cut_at: dict[str, float] = {}

    def fork(self) -> tuple[QueueFold, dict[Message, Message]]:
        """Another one like it, and for each of these messages its own."""
        own = {one: one.fork() for one in self.all}
        other = QueueFold()
        other.all = list(own.values())
        other.current = {key: own[one] for key, one in self.current.items()}
        other.latest = {key: own[one] for key, one in self.latest.items()}
        other.by_queue_pid = {key: own[one] for key, one in self.by_queue_pid.items()}
        other.positions = self.positions.copy()
        other.inodes = self.inodes.copy()
        other.cut_at = self.cut_at.copy()
        return other, own

    def enter(self, index: int, row: Row, directory: str, number: int) -> None:
        """A file of a message that is new in its directory; with ``mess/N`` the message begins, or with the first one.

        What a crash has left of another one with its number is its own from then on.
        """
        t, who, *_ = row
        key = (who[0], number)
        message = self.current.get(key)
        if message is None or (directory == "mess" and message.text):
            left = set() if message is None else message.files
            if message is not None:
                message.files = set()
                self.changed(index, t, who, message)
            message = self.current[key] = self.latest[key] = Message(who[0], number, t, who[2], index, files=left)
            self.all.append(message)
            self.by_queue_pid[who[0], who[2]] = message
        message.files.add(directory)
        message.lost_bytes.pop(directory, None)
        message.done = {place: at for place, at in message.done.items() if place[0] != directory}
        self.changed(index, t, who, message)

    def changed(self, index: int, t: float, who: Who, message: Message) -> None:
        files = frozenset(message.files)
        message.history.append(Change(t, who, files, classify(files)))
        if not files:
            message.ended, message.last_row = t, index
            del self.current[message.host, message.number]


def _place(row: Row) -> tuple[str, int] | None:
    """Directory and number of a message's file; None for another name."""
    directory, _, number = (row[3] or "").partition("/")
    return (directory, int(number)) if number.isdecimal() else None


def _enter(fold: QueueFold, index: int, row: Row) -> None:
    if (place := _place(row)) is None:
        return
    directory, number = place
    _, (host, _, pid), *_ = row
    message = fold.current.get((host, number))
    if message is None or directory not in message.files:
        fold.enter(index, row, directory, number)
    if directory == "mess":
        fold.current[host, number].wrong_inode = fold.inodes.get((host, pid)) != number


def _open(fold: QueueFold, index: int, row: Row) -> None:
    if row[2][2] == "a":
        _enter(fold, index, row)


def _unlink(fold: QueueFold, index: int, row: Row) -> None:
    """A ``bounce/N`` that goes has been sent; what is noted after that belongs to another bounce."""
    if (place := _place(row)) is None:
        return
    t, who, *_ = row
    directory, number = place
    message = fold.current.get((who[0], number))
    if message is None:
        return
    if directory == "bounce":
        message.notes = b""
    if directory in message.files:
        message.files.discard(directory)
        fold.changed(index, t, who, message)


def _write(fold: QueueFold, _index: int, row: Row) -> None:
    if (place := _place(row)) is None:
        return
    t, (host, program, pid), call, *_ = row
    directory, number = place
    written_by = fold.by_queue_pid.get((host, pid)) if program == "qmail-queue" else None
    message = written_by or fold.current.get((host, number))
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
            message.done[directory, fold.positions.get((host, pid, call[1]), 0)] = t
        else:
            _list(message, directory, data)


def _list(message: Message, directory: str, data: bytes) -> None:
    places = message.lists.setdefault(directory, {})
    place = 0
    for record in data.decode("latin-1").split("\0")[:-1]:
        places[place] = record[1:]
        place += len(record) + 1


def _lseek(fold: QueueFold, _index: int, row: Row) -> None:
    _, (host, _, pid), call, *_ = row
    if _place(row) is not None:
        fold.positions[host, pid, call[1]] = call[2]


def _fstat(fold: QueueFold, _index: int, row: Row) -> None:
    _, (host, _, pid), _, _, result, _ = row
    fold.inodes[host, pid] = result[0]


def _exit(fold: QueueFold, _index: int, row: Row) -> None:
    t, (host, _, pid), call, *_ = row
    promised = fold.by_queue_pid.get((host, pid))
    if promised is not None and call[1] == 0:
        promised.promised = t


def _boot(fold: QueueFold, index: int, row: Row) -> None:
    """Believe the disk that was found, not what was done to the one before the crash: names go, and come back."""
    t, who, _, _, found, _ = row
    there: dict[int, dict[str, int]] = {}
    for name, _, size in found or ():
        if name.startswith(_QUEUE):
            directory, _, digits = name.partition("/")
            if digits.isdecimal():
                there.setdefault(int(digits), {})[directory] = size
    for number, files in there.items():
        key, owner = (who[0], number), _owner(fold, who[0], number, files)
        if owner is None:
            continue
        held = fold.current.get(key, owner)
        if held is not owner:
            held.files = set()
            fold.changed(index, t, who, held)
        fold.current[key] = fold.latest[key] = owner
        owner.ended = owner.last_row = None
    for (host, number), message in list(fold.current.items()):
        names = set(there.get(number, ()))
        if host == who[0] and message.files != names:
            message.files = names
            fold.changed(index, t, who, message)


def _owner(fold: QueueFold, host: str, number: int, sizes: dict[str, int]) -> Message | None:
    """Whose files these are: the last message of that number, unless an earlier one has had just these, and it has not.

    A number comes again when a message is gone, and a disk that forgets the last seconds brings the one before back.
    """
    since = fold.cut_at.get(host, 0.0) - WRITE_BACK_S
    known = [one for one in fold.all if (one.host, one.number) == (host, number)]
    known = [one for one in known if one is known[-1] or one.ended is None or one.ended >= since]
    fits = [
        (one.likeness(sizes), any(change.files == sizes.keys() for change in one.history), place)
        for place, one in enumerate(known)
    ]
    return known[max(fits)[-1]] if known else None


def _power_cut(fold: QueueFold, _index: int, row: Row) -> None:
    """What a power cut took: bytes, marks that were not on the disk yet, notes for a bounce."""
    t, (host, *_), _, _, losses, _ = row
    fold.cut_at[host] = t
    for name, before, after in losses or ():
        directory, _, number = name.partition("/")
        message = fold.current.get((host, int(number))) if number.isdecimal() else None
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


WISHES: Wishes = (
    Wish("create", _QUEUE, _enter),
    Wish("link", _QUEUE, _enter),
    Wish("rename", _QUEUE, _enter),
    Wish("open", ("bounce/",), _open),
    Wish("unlink", _QUEUE, _unlink),
    Wish("write", _QUEUE, _write),
    Wish("lseek", _QUEUE, _lseek),
    Wish("fstat", ("pid/",), _fstat),
    Wish("exit", ANY, _exit, ("qmail-queue",)),
    Wish("boot", ANY, _boot),
    Wish("power_cut", ANY, _power_cut),
)


def _numbered(linked: list[Linked], index: int, row: Row) -> None:
    _, (host, *_), _, target, *_ = row
    linked.append(Linked(index, host, (target or "").removeprefix("mess/")))


NUMBERS: Wishes = (Wish("link", ("mess/",), _numbered),)


def linked(rows: Iterable[Row]) -> list[Linked]:
    """Every number that a message was given."""
    found: list[Linked] = []
    look(Table(NUMBERS), (found,), rows)
    return found


def messages(trace: Trace) -> list[Message]:
    """All messages of all queues, in the order in which their first file appeared."""
    fold = QueueFold()
    look(Table(WISHES), (fold,), trace.rows)
    return fold.all
