"""Where every message came from, and what became of it: lineage, copies in mailboxes, local deliveries.

Nothing is guessed from contents: a message descends from the process that handed it to qmail-queue, which is a
person's program, a delivery of another message, qmail-send with a bounce, or a server at the other end of a
connection.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from sim.folds.kinds import ANY, Wish, Wishes
from sim.folds.lineage import UNKNOWN, Copy, LocalDelivery, Mail, Mbox, Origin, ProcessKey
from sim.folds.message import Message
from sim.folds.queue import QueueFold
from sim.mbox import quoted
from sim.trace import Row

MAILBOXES = ("~", "var/mail/")
_LOCAL = ("qmail-local", "mail.local")
Kept = TypeVar("Kept")


class MailFold:
    """What is known of processes: parents, the message each delivers, the connection each serves.

    ``queue`` is the fold over the queues, which is shown every row first.
    """

    def __init__(self, queue: QueueFold) -> None:
        self.queue = queue
        self.mail = Mail(queue.all)
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

    def fork(self, queue: QueueFold, own: dict[Message, Message]) -> MailFold:
        """Another one like it, over a fork of the queue fold, whose messages are its ``own``."""
        other = MailFold(queue)
        other.parent = self.parent.copy()
        other.program = self.program.copy()
        other.recipient = self.recipient.copy()
        other.source = {key: own[one] for key, one in self.source.items()}
        other.opened = {key: own[one] for key, one in self.opened.items()}
        other.dialled = self.dialled.copy()
        other.serves = self.serves.copy()
        other.written = self.written.copy()
        other.next_letters = {key: names.copy() for key, names in self.next_letters.items()}
        self.mail.fork_into(other.mail, own)
        other.deliveries = {(one.host, one.pid): one for one in other.mail.deliveries}
        copies = dict(zip(map(id, self.mail.copies), other.mail.copies, strict=True))
        for place, mbox in self.mboxes.items():
            last = mbox.copy and (copies.get(id(mbox.copy)) or mbox.copy.fork(own))
            other.mboxes[place] = replace(mbox, copy=last)
        return other

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


def _start(fold: MailFold, _index: int, row: Row) -> None:
    t, (host, program, pid), call, *_ = row
    fold.program[host, pid] = program
    if call[4] is not None:
        names = call[4] if isinstance(call[4], tuple) else (call[4],)
        fold.mail.letters[host, pid] = [(t, names[0])]
        fold.next_letters[host, pid] = [*names]


def _fork(fold: MailFold, _index: int, row: Row) -> None:
    _, (host, program, pid), _, _, child, _ = row
    fold.parent[host, child] = (host, pid)
    fold.program[host, child] = program
    if (host, pid) in fold.opened and program in ("qmail-lspawn", "qmail-rspawn"):
        fold.source[host, child] = fold.opened[host, pid]


def _execve(fold: MailFold, _index: int, row: Row) -> None:
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


def _open(fold: MailFold, _index: int, row: Row) -> None:
    _, (host, _, pid), _, target, *_ = row
    number = (target or "").removeprefix("mess/")
    message = fold.queue.latest.get((host, int(number))) if number.isdecimal() else None
    if message is not None:
        fold.opened[host, pid] = message


def _connect(fold: MailFold, _index: int, row: Row) -> None:
    _, (host, _, pid), _, target, *_ = row
    fold.dialled[(target or "").rpartition("/")[0]] = (host, pid)


def _read(fold: MailFold, _index: int, row: Row) -> None:
    _, (host, _, pid), _, target, *_ = row
    if target is not None and target.endswith("/server"):
        fold.serves[host, pid] = target.rpartition("/")[0]


def _submit(fold: MailFold, _index: int, row: Row) -> None:
    """A person's program begins its next letter."""
    t, (host, _, pid), call, *_ = row
    key = (host, pid)
    if call[2].startswith(b"MAIL FROM:") and fold.next_letters.get(key):
        fold.mail.letters[key].append((t, fold.next_letters[key].pop(0)))


def _deliver(fold: MailFold, _index: int, row: Row) -> None:
    t, (host, _, pid), call, target, *_ = row
    key, path = (host, pid), target or ""
    if "/tmp/" in path:
        fold.written[key, path] = fold.written.get((key, path), b"") + call[2]
    else:
        _mbox_copy(fold, t, key, path, call[2])


def _say(fold: MailFold, _index: int, row: Row) -> None:
    """qmail-local says what it did."""
    _, (host, _, pid), call, *_ = row
    if call[1] == 1 and (host, pid) in fold.deliveries:
        fold.deliveries[host, pid].said += call[2]


def _mbox_copy(fold: MailFold, t: float, key: ProcessKey, path: str, data: bytes) -> None:
    """A piece of a message at the end of an mbox: of the copy under way, or the beginning of the next."""
    mbox = fold.mboxes.setdefault((key[0], path), Mbox())
    message = fold.inherited(fold.source, key)
    copy = mbox.copy
    if copy is None or copy.pid != key[1] or copy.intact or copy.glued:
        if message is None:
            return
        recipient = fold.inherited(fold.recipient, key) or ""
        torn = mbox.begin()
        copy = mbox.copy = Copy(t, key[0], path, path, message, recipient, key[1], mbox.size, False, start=mbox.size)
        if torn is not None:
            fold.mail.copies = [one for one in fold.mail.copies if one is not torn]
        fold.mail.copies.append(copy)
    copy.end = mbox.append(data)
    if mbox.written.endswith(quoted(copy.message.text) + b"\n"):
        copy.intact, copy.glued = not mbox.torn, mbox.torn


def _ftruncate(fold: MailFold, _index: int, row: Row) -> None:
    _, (host, *_), call, target, *_ = row
    if target is not None and (host, target) in fold.mboxes:
        fold.mboxes[host, target].cut(call[2])
        fold.mail.copies = [one for one in fold.mail.copies if one.path != target or one.end <= call[2]]


def _queued(fold: MailFold, _index: int, row: Row) -> None:
    _, (host, _, pid), *_ = row
    message = fold.queue.by_queue_pid.get((host, pid))
    if message is not None:
        fold.mail.origins[message] = _origin(fold, fold.parent.get((host, pid)))


def _link(fold: MailFold, _index: int, row: Row) -> None:
    """A copy comes into a Maildir."""
    t, (host, _, pid), call, target, *_ = row
    if target is None or "/new/" not in target:
        return
    key = (host, pid)
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


def _exit(fold: MailFold, _index: int, row: Row) -> None:
    _, (host, _, pid), call, *_ = row
    if (host, pid) in fold.deliveries:
        fold.deliveries[host, pid].status = call[1]


def _origin(fold: MailFold, caller: ProcessKey | None) -> Origin:
    if caller is None:
        return UNKNOWN
    program = fold.program.get(caller, "")
    if program == "qmail-send":
        parent = fold.opened.get(caller)
        return Origin("bounce", fold.mail.letter(parent) if parent else None, parent)
    if program == "qmail-smtpd":
        caller = fold.dialled.get(fold.serves.get(caller, ""))
    source = fold.inherited(fold.source, caller)
    if source is not None and caller is not None:
        kind = "relay" if program == "qmail-smtpd" else "forward"
        run = fold.inherited(fold.deliveries, caller)
        recipient = fold.inherited(fold.recipient, caller) or ""
        return Origin(kind, fold.mail.letter(source), source, recipient, run.pid if run else 0)
    return Origin("letter", fold.letter_of(caller))


def _power_cut(fold: MailFold, _index: int, row: Row) -> None:
    """A copy that was not durable is torn, or gone."""
    _, (host, *_), _, _, losses, _ = row
    for name, _, after in losses or ():
        for copy in fold.mail.copies:
            if copy.host == host and copy.path == name and copy.end > after:
                copy.intact = False
        if (host, name) in fold.mboxes:
            fold.mboxes[host, name].cut(after)


def _boot(fold: MailFold, _index: int, row: Row) -> None:
    """A copy whose name did not survive is not there at all, nor one of which an mbox has not a byte."""
    t, (host, *_), _, _, found, _ = row
    sizes = {name: size for name, _, size in found or ()}
    copies, fold.mail.copies = fold.mail.copies, []
    for one in copies:
        if one.intact or one.host != host or one.left_of(sizes.get(one.path)):
            fold.mail.copies.append(one)
        else:
            fold.mail.gone.append((t, one))
    for (where, path), mbox in fold.mboxes.items():
        if where == host:
            mbox.found(sizes.get(path, 0))


WISHES: Wishes = (
    Wish("start", ANY, _start),
    Wish("fork", ANY, _fork),
    Wish("execve", ANY, _execve),
    Wish("open", ("mess/",), _open, ("qmail-lspawn", "qmail-rspawn", "qmail-send")),
    Wish("connect", ANY, _connect),
    Wish("read", ("tcp/",), _read),
    Wish("write", ("tcp/",), _submit, ("mua",)),
    Wish("write", MAILBOXES, _deliver, _LOCAL),
    Wish("write", ("pipe",), _say, _LOCAL),
    Wish("ftruncate", MAILBOXES, _ftruncate),
    Wish("link", ("mess/", "todo/"), _queued, ("qmail-queue",)),
    Wish("link", ANY, _link),
    Wish("exit", ANY, _exit),
    Wish("power_cut", ANY, _power_cut),
    Wish("boot", ANY, _boot),
)
