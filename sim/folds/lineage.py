"""What the fold over people's mail finds: where a message came from, its copies, its deliveries, what came of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from sim.folds.message import Message

COPY_BELOW = b"\n--- Below this line is "
_NOTE = re.compile(rb"^<(.*)>:$", re.MULTILINE)
ProcessKey = tuple[str, int]


class Origin(NamedTuple):
    """What a message descends from: a person's letter, or a message and the recipient it was on its way to.

    ``run`` is the pid of the qmail-local whose instructions made it, 0 if none did.
    """

    kind: str
    letter: str | None
    parent: Message | None = None
    recipient: str = ""
    run: int = 0

    def fork(self, own: dict[Message, Message]) -> Origin:
        """The same of another fold, whose messages are its ``own``."""
        return self if self.parent is None else self._replace(parent=own[self.parent])


UNKNOWN = Origin("unknown", None)


@dataclass(slots=True)
class Copy:
    """One copy in one mailbox; ``intact`` while it holds all of the message that qmail-queue was given.

    In an mbox it stands from byte ``start`` to ``end``; in a Maildir it is a file of its own.
    A copy is ``glued`` when it is all there, but in an mbox whose last line a crash left unfinished: its ``From ``
    line begins no line, so that a reader takes both for one message.
    """

    t: float
    host: str
    mailbox: str
    path: str
    message: Message
    recipient: str
    pid: int
    end: int
    intact: bool
    glued: bool = False
    start: int = 0

    def left_of(self, size: int | None) -> bool:
        """Whether anything is left of it in a file of this many bytes, or in none (None)."""
        return size is not None and (self.path != self.mailbox or size > self.start)

    def fork(self, own: dict[Message, Message]) -> Copy:
        """Another one like it, of the ``own`` message of another fold."""
        return Copy(
            self.t, self.host, self.mailbox, self.path, own[self.message], self.recipient, self.pid, self.end,
            self.intact, self.glued, self.start,
        )  # fmt: skip


@dataclass(slots=True)
class LocalDelivery:
    """One run of qmail-local: for whom, how it ended (None: it did not), what it said it did."""

    host: str
    pid: int
    message: Message
    recipient: str
    start: float
    status: int | None = None
    said: bytes = b""

    def fork(self, own: dict[Message, Message]) -> LocalDelivery:
        """Another one like it, of the ``own`` message of another fold."""
        message = own[self.message]
        return LocalDelivery(self.host, self.pid, message, self.recipient, self.start, self.status, self.said)


@dataclass(slots=True)
class Mbox:
    """The end of an mbox: how long it is, the last copy and what was written of it, and whether it began in a line."""

    size: int = 0
    copy: Copy | None = None
    written: bytes = b""
    torn: bool = False

    def begin(self) -> Copy | None:
        """Another message begins; gives the copy that it is glued to, if the last line has no end."""
        self.torn = self.written[-1:] not in (b"", b"\n")
        self.written = b""
        return self.copy if self.torn else None

    def append(self, data: bytes) -> int:
        """A piece more; gives the new size."""
        self.written += data
        self.size += len(data)
        return self.size

    def found(self, size: int) -> None:
        """So many bytes were found after a crash; what nobody has written reads as zeros."""
        if size > self.size:
            self.append(bytes(size - self.size))
        self.cut(size)

    def cut(self, size: int) -> None:
        """Only so many bytes are left."""
        self.written = self.written[: max(0, len(self.written) - max(0, self.size - size))]
        self.size = size


@dataclass(slots=True)
class Fate:
    """Copies, local deliveries and further messages that one message led to."""

    copies: list[Copy] = field(default_factory=list)
    deliveries: list[LocalDelivery] = field(default_factory=list)
    children: list[tuple[Message, Origin]] = field(default_factory=list)


@dataclass(slots=True)
class Mail:
    """The whole story: ``origins`` by message, copies and deliveries in order of time.

    ``letters`` are what people's programs had in their hands and since when, ``carried`` each qmail-remote's message;
    ``gone`` are copies that a boot did not find any more, with its time.
    """

    messages: list[Message]
    origins: dict[Message, Origin] = field(default_factory=dict)
    copies: list[Copy] = field(default_factory=list)
    gone: list[tuple[float, Copy]] = field(default_factory=list)
    deliveries: list[LocalDelivery] = field(default_factory=list)
    letters: dict[ProcessKey, list[tuple[float, str]]] = field(default_factory=dict)
    carried: dict[ProcessKey, Message] = field(default_factory=dict)
    _by_message: dict[Message, Fate] = field(default_factory=dict)

    def fork_into(self, other: Mail, own: dict[Message, Message]) -> None:
        """Tell an empty one all that is known here, of its ``own`` messages."""
        other.origins = {own[one]: origin.fork(own) for one, origin in self.origins.items()}
        other.copies = [one.fork(own) for one in self.copies]
        other.gone = [(t, one.fork(own)) for t, one in self.gone]
        other.deliveries = [one.fork(own) for one in self.deliveries]
        other.letters = {key: held.copy() for key, held in self.letters.items()}
        other.carried = {key: own[one] for key, one in self.carried.items()}

    def origin(self, message: Message) -> Origin:
        return self.origins.get(message, UNKNOWN)

    def letter(self, message: Message) -> str | None:
        return self.origin(message).letter

    def letter_of(self, process: ProcessKey, t: float) -> str | None:
        """The letter that a program had in its hands: a person's one after the other, qmail-remote's message's.

        A bounce is nobody's letter.
        """
        if process in self.carried:
            message = self.carried[process]
            return None if self.is_bounce(message) else self.letter(message)
        return next((name for since, name in reversed(self.letters.get(process, [])) if since <= t), None)

    def is_bounce(self, message: Message) -> bool:
        """Whether it is a bounce, or descends from one."""
        origin = self.origin(message)
        while origin.kind != "bounce" and origin.parent is not None:
            origin = self.origin(origin.parent)
        return origin.kind == "bounce"

    def chain(self, message: Message) -> list[str]:
        """The recipients that a message and its ancestors were on their way to."""
        names = []
        origin = self.origin(message)
        while origin.parent is not None and origin.kind != "bounce":
            names.append(origin.recipient.lower())
            origin = self.origin(origin.parent)
        return names

    def fate(self, message: Message) -> Fate:
        """What descends from a message; only asked when the fold is over."""
        if not self._by_message:
            self._by_message = {one: Fate() for one in self.messages}
            for copy in self.copies:
                self._by_message[copy.message].copies.append(copy)
            for delivery in self.deliveries:
                self._by_message[delivery.message].deliveries.append(delivery)
            for child in self.messages:
                origin = self.origin(child)
                if origin.parent is not None:
                    self._by_message[origin.parent].children.append((child, origin))
        return self._by_message[message]


def told_of(bounce: Message, failed: Message) -> list[str]:
    """Whom a bounce speaks of; below that stands a copy of the message that failed, whatever is in either."""
    notes = bounce.text.removesuffix(failed.text)
    cut = notes.rpartition(COPY_BELOW) if len(notes) < len(bounce.text) else notes.partition(COPY_BELOW)
    return noted_recipients(cut[0] if cut[1] else notes)


def waiting_recipients(message: Message) -> list[str]:
    """Whom the notes in ``bounce/N`` speak of, which no bounce has told yet."""
    return noted_recipients(message.notes)


def forgotten_recipients(message: Message) -> list[str]:
    """Whom the notes spoke of that a power cut took."""
    return noted_recipients(message.lost_notes)


def noted_recipients(notes: bytes) -> list[str]:
    """The addresses at the head of each paragraph of a notice."""
    return [name.decode("latin-1") for name in _NOTE.findall(notes)]
