"""Where every message came from, and what became of it: lineage, copies in mailboxes, local deliveries.

Nothing is guessed from contents: a message descends from the process that handed it to qmail-queue, which is a
person's program, a delivery of another message, qmail-send with a bounce, or a server at the other end of a
connection.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TypeVar

from sim.folds.lineage import Copy, LocalDelivery, Mail, Mbox, Origin, ProcessKey
from sim.folds.queue import Message
from sim.mbox import quoted
from sim.trace import Row, Trace

MAILBOXES = ("~", "var/mail/")
Kept = TypeVar("Kept")


def mail(trace: Trace, messages: list[Message]) -> Mail:
    """Follow every process that had a message in its hands; ``messages`` is the queue fold's result."""
    fold = _Fold(messages)
    for index, row in enumerate(trace.rows):
        if row[5] is None:
            handler = _HANDLERS.get(row[2][0])
            if handler is not None:
                handler(fold, index, row)
    return fold.mail


class _Fold:
    """What is known of processes: parents, the message each delivers, the connection each serves."""

    def __init__(self, messages: list[Message]) -> None:
        self.mail = Mail(messages)
        self.by_number: dict[tuple[str, int], list[Message]] = {}
        self.first_rows: dict[tuple[str, int], list[int]] = {}
        self.by_queue_pid = {(one.host, one.queue_pid): one for one in messages}
        for one in messages:
            self.by_number.setdefault((one.host, one.number), []).append(one)
            self.first_rows.setdefault((one.host, one.number), []).append(one.first_row)
        self.parent: dict[ProcessKey, ProcessKey] = {}
        self.source: dict[ProcessKey, Message] = {}
        self.recipient: dict[ProcessKey, str] = {}
        self.program: dict[ProcessKey, str] = {}
        self.opened: dict[ProcessKey, Message] = {}
        self.dialled: dict[str, ProcessKey] = {}
        self.serves: dict[ProcessKey, str] = {}
        self.deliveries: dict[ProcessKey, LocalDelivery] = {}
        self.written: dict[tuple[ProcessKey, str], bytes] = {}
        self.mboxes: dict[tuple[str, str], Mbox] = {}
        self.next_letters: dict[ProcessKey, list[str]] = {}

    def message_at(self, host: str, number: str, index: int) -> Message | None:
        """Which message a number named at a place in the trace."""
        key = (host, int(number)) if number.isdigit() else ("", 0)
        place = bisect_right(self.first_rows.get(key, []), index)
        return self.by_number[key][place - 1] if place else None

    def inherited(self, table: dict[ProcessKey, Kept], key: ProcessKey | None) -> Kept | None:
        while key is not None:
            if key in table:
                return table[key]
            key = self.parent.get(key)
        return None

    def letter_of(self, key: ProcessKey | None) -> str | None:
        while key is not None:
            if key in self.mail.letters:
                return self.mail.letters[key][-1][1]
            key = self.parent.get(key)
        return None


def _start(fold: _Fold, _index: int, row: Row) -> None:
    t, (host, program, pid), call, *_ = row
    fold.program[host, pid] = program
    if call[4] is not None:
        names = call[4] if isinstance(call[4], tuple) else (call[4],)
        fold.mail.letters[host, pid] = [(t, names[0])]
        fold.next_letters[host, pid] = [*names]


def _fork(fold: _Fold, _index: int, row: Row) -> None:
    _, (host, program, pid), _, _, child, _ = row
    fold.parent[host, child] = (host, pid)
    fold.program[host, child] = program
    if (host, pid) in fold.opened and program in ("qmail-lspawn", "qmail-rspawn"):
        fold.source[host, child] = fold.opened[host, pid]


def _execve(fold: _Fold, _index: int, row: Row) -> None:
    t, (host, _, pid), call, *_ = row
    key, argv = (host, pid), call[2]
    fold.program[key] = call[1]
    if call[1] == "qmail-remote":
        fold.recipient[key] = argv[3]
        if key in fold.source:
            fold.mail.carried[key] = fold.source[key]
    elif call[1] == "qmail-local":
        fold.recipient[key] = f"{argv[4]}@{argv[7]}"
        source = fold.source.get(key)
        if source is not None:
            delivery = LocalDelivery(host, pid, source, fold.recipient[key], t)
            fold.deliveries[key] = delivery
            fold.mail.deliveries.append(delivery)


def _open(fold: _Fold, index: int, row: Row) -> None:
    _, (host, program, pid), _, target, *_ = row
    directory, _, number = (target or "").partition("/")
    if directory == "mess" and program in ("qmail-lspawn", "qmail-rspawn", "qmail-send"):
        message = fold.message_at(host, number, index)
        if message is not None:
            fold.opened[host, pid] = message


def _connect(fold: _Fold, _index: int, row: Row) -> None:
    _, (host, _, pid), _, target, *_ = row
    fold.dialled[(target or "").rpartition("/")[0]] = (host, pid)


def _read(fold: _Fold, _index: int, row: Row) -> None:
    _, (host, _, pid), _, target, *_ = row
    if target is not None and target.endswith("/server"):
        fold.serves[host, pid] = target.rpartition("/")[0]


def _write(fold: _Fold, _index: int, row: Row) -> None:
    t, (host, program, pid), call, target, *_ = row
    key = (host, pid)
    if program == "mua" and call[2].startswith(b"MAIL FROM:") and fold.next_letters.get(key):
        fold.mail.letters[key].append((t, fold.next_letters[key].pop(0)))
    if program not in ("qmail-local", "mail.local") or target is None:
        return
    if target.startswith(MAILBOXES):
        if "/tmp/" in target:
            fold.written[key, target] = fold.written.get((key, target), b"") + call[2]
        else:
            _mbox_copy(fold, t, key, target, call[2])
    elif call[1] == 1 and key in fold.deliveries:
        fold.deliveries[key].said += call[2]


def _mbox_copy(fold: _Fold, t: float, key: ProcessKey, path: str, data: bytes) -> None:
    """A piece of a message at the end of an mbox: of the copy under way, or the beginning of the next."""
    mbox = fold.mboxes.setdefault((key[0], path), Mbox())
    message = fold.inherited(fold.source, key)
    copy = mbox.copy
    if copy is None or copy.pid != key[1] or copy.intact or copy.glued:
        if message is None:
            return
        recipient = fold.inherited(fold.recipient, key) or ""
        torn = mbox.begin()
        copy = mbox.copy = Copy(t, key[0], path, path, message, recipient, key[1], mbox.size, False)
        if torn is not None:
            fold.mail.copies = [one for one in fold.mail.copies if one is not torn]
        fold.mail.copies.append(copy)
    copy.end = mbox.append(data)
    if mbox.written.endswith(quoted(copy.message.text) + b"\n"):
        copy.intact, copy.glued = not mbox.torn, mbox.torn


def _ftruncate(fold: _Fold, _index: int, row: Row) -> None:
    _, (host, *_), call, target, *_ = row
    if target is not None and (host, target) in fold.mboxes:
        fold.mboxes[host, target].cut(call[2])
        fold.mail.copies = [one for one in fold.mail.copies if one.path != target or one.end <= call[2]]


def _link(fold: _Fold, _index: int, row: Row) -> None:
    t, (host, program, pid), call, target, *_ = row
    key = (host, pid)
    if program == "qmail-queue" and key in fold.by_queue_pid and (target or "").startswith(("mess/", "todo/")):
        fold.mail.origins[id(fold.by_queue_pid[key])] = _origin(fold, fold.parent.get(key))
    if target is None or "/new/" not in target:
        return
    local = fold.parent.get(key)
    message = fold.inherited(fold.source, key)
    if local is None or message is None:
        return
    data = next((text for (who, name), text in fold.written.items() if who == key and name.endswith(call[1])), b"")
    mailbox, _, _ = target.partition("/new/")
    recipient = fold.recipient.get(local, "")
    whole = data.endswith(message.text)
    fold.mail.copies.append(Copy(t, host, mailbox, target, message, recipient, local[1], len(data), whole))
    fold.written = {place: text for place, text in fold.written.items() if place[0] != key}


def _exit(fold: _Fold, _index: int, row: Row) -> None:
    _, (host, _, pid), call, *_ = row
    if (host, pid) in fold.deliveries:
        fold.deliveries[host, pid].status = call[1]


def _origin(fold: _Fold, caller: ProcessKey | None) -> Origin:
    if caller is None:
        return Origin("unknown", None)
    program = fold.program.get(caller, "")
    if program == "qmail-send":
        parent = fold.opened.get(caller)
        return Origin("bounce", fold.mail.letter(parent) if parent else None, parent)
    if program == "qmail-smtpd":
        caller = fold.dialled.get(fold.serves.get(caller, ""))
    source = fold.inherited(fold.source, caller)
    if source is not None and caller is not None:
        kind = "relay" if program == "qmail-smtpd" else "forward"
        return Origin(kind, fold.mail.letter(source), source, fold.inherited(fold.recipient, caller) or "")
    return Origin("letter", fold.letter_of(caller))


def _power_cut(fold: _Fold, _index: int, row: Row) -> None:
    """A copy that was not durable is torn, or gone."""
    _, (host, *_), _, _, losses, _ = row
    for name, _, after in losses or ():
        for copy in fold.mail.copies:
            if copy.host == host and copy.path == name and copy.end > after:
                copy.intact = False
        if (host, name) in fold.mboxes:
            fold.mboxes[host, name].cut(after)


def _boot(fold: _Fold, _index: int, row: Row) -> None:
    """A copy whose name did not survive is not there at all."""
    _, (host, *_), _, _, found, _ = row
    names = {name for name, *_ in found or ()}
    fold.mail.copies = [one for one in fold.mail.copies if one.intact or one.host != host or one.path in names]


_HANDLERS = {
    "start": _start,
    "fork": _fork,
    "execve": _execve,
    "open": _open,
    "connect": _connect,
    "read": _read,
    "write": _write,
    "ftruncate": _ftruncate,
    "link": _link,
    "exit": _exit,
    "power_cut": _power_cut,
    "boot": _boot,
}
