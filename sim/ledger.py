"""The ledger: what was promised to whom, and what became of it. A fold over the folds; nobody reports to it.

A message is promised when qmail-queue exits with 0 (a server's 250 says no more than that). From then on each of
its recipients must be queued, delivered, handed over, forwarded, given to a program, bounced or discarded by an
instruction: never nowhere. What a program *says* it did counts only where the trace shows it.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from sim.folds.dialogues import Dialogue
from sim.folds.lineage import Copy, LocalDelivery, Mail, forgotten_recipients, told_of, waiting_recipients
from sim.folds.log import Attempt
from sim.folds.message import Message
from sim.folds.queue import Linked
from sim.folds.reading import Crash, Reading
from sim.qmail.send.state import safe
from sim.trace import Trace

DISCARDED = "discarded by instruction"
OUTCOMES = (
    "delivered", "handed over", "forwarded", "given to a program", "bounced", "bounce incomplete",
    DISCARDED, "queued", "lost",
)  # fmt: skip
_DID = re.compile(rb"did (\d+)\+(\d+)\+(\d+)\n")
_ACCEPTED = re.compile(r"([\d.]+)_accepted_message")


@dataclass(slots=True)
class Account:
    """One promised message and one of its recipients: what became of them.

    ``times`` is how often the envelope names it, ``each`` how often its instructions forward it then, ``unsaid`` how
    many copies nobody spoke of.
    """

    message: Message
    recipient: str
    outcome: str
    copies: list[Copy] = field(default_factory=list)
    handed_over: list[Message] = field(default_factory=list)
    forwards: list[Message] = field(default_factory=list)
    bounces: list[Message] = field(default_factory=list)
    damaged: bool = False
    times: int = 1
    each: int = 1
    unsaid: int = 0

    @property
    def duplicates(self) -> int:
        """Deliveries beyond those that were ordered: in one mailbox, at one next host, forwarded, or bounced."""
        boxes = [mailbox for mailbox, _ in {(copy.mailbox, copy.pid) for copy in self.copies if copy.intact}]
        hosts = [message.host for message in self.handed_over]
        beyond = [max(0, place.count(one) - self.times) for place in (boxes, hosts) for one in set(place)]
        forwards = max(0, len(self.forwards) - self.times * self.each)
        bounces = max(0, len(self.bounces) - 1)
        return self.unsaid + sum(beyond) + forwards + bounces


@dataclass(slots=True)
class Evidence:
    """The folds that ledger and expectations share, made once."""

    trace: Trace
    messages: list[Message]
    mail: Mail
    attempts: list[Attempt]
    crashes: list[Crash]
    dialogues: list[Dialogue]
    linked: list[Linked]
    _by_number: dict[tuple[str, int], list[Attempt]] = field(default_factory=dict)

    @classmethod
    def of(cls, trace: Trace, reading: Reading | None = None) -> Evidence:
        """What a trace says; ``reading`` is one of its beginning, or of all of it, which is gone on with."""
        read = reading or Reading()
        read.read(trace.rows[read.row :])
        talks = list(read.dialogues.found.values())
        return cls(trace, read.queue.all, read.mail.mail, read.attempts.all, read.crashes, talks, read.linked)

    def attempts_of(self, message: Message) -> list[Attempt]:
        """The attempts whose number in the log stood for this message, not for another with its number."""
        if not self._by_number:
            for one in self.attempts:
                self._by_number.setdefault((one.host, one.message), []).append(one)
        known = self._by_number.get((message.host, message.number), [])
        last = message.last_row if message.last_row is not None else math.inf
        place = bisect_left(known, message.first_row, key=lambda one: one.row)
        found = []
        while place < len(known) and known[place].row <= last:
            found.append(known[place])
            place += 1
        return found

    def outsiders(self) -> set[str]:
        """The addresses of scripted peers: whatever they take, no queue of ours shows it."""
        if not self.dialogues:
            return set()
        data = self.trace.rows[0][2][1] if self.trace.rows and self.trace.rows[0][2][0] == "scenario" else {}
        scripted = {name for name, host in data.get("hosts", {}).items() if host.get("mta") == "scripted"}
        return {one.address for one in self.dialogues if one.server in scripted}


def ledger(evidence: Evidence) -> list[Account]:
    """One account for each promised message and recipient, in the order of the promises' first files."""
    outsiders = evidence.outsiders()
    return [
        _account(evidence, message, recipient, times, outsiders)
        for message in evidence.messages
        if message.promised is not None
        for recipient, times in Counter(message.recipients).items()
    ]


def _account(evidence: Evidence, message: Message, recipient: str, times: int, outsiders: set[str]) -> Account:
    fate = evidence.mail.fate(message)
    account = Account(message, recipient, "", [one for one in fate.copies if one.recipient == recipient], times=times)
    for child, origin in fate.children:
        if origin.recipient == recipient and child.accepted:
            (account.handed_over if origin.kind == "relay" else account.forwards).append(child)
    runs = [one for one in fate.deliveries if one.recipient == recipient]
    account.each = _forwarded_each(account, runs, Counter(origin.run for _, origin in fate.children))
    torn = bool(account.copies) and not any(copy.intact for copy in account.copies)
    account.outcome = _served(evidence, account, runs, outsiders) or _unserved(evidence, account)
    account.damaged = torn and account.outcome != "queued"  # what still waits is delivered once more
    if account.outcome in ("bounced", DISCARDED) and recipient == _first_bounced(evidence, message):
        account.bounces = [child for child, origin in fate.children if origin.kind == "bounce" and child.accepted]
    return account


def _served(evidence: Evidence, account: Account, runs: list[LocalDelivery], outsiders: set[str]) -> str:
    """The outcome when a delivery reached the recipient; ``lost`` when one only said so; nothing when none did."""
    done = [one for one in runs if one.status == 0]
    account.unsaid = sum(max(0, _made(account, run) - _said(run)[0]) for run in done)
    true = [run for run in done if _made(account, run) >= _said(run)[0] and (account.forwards or not _said(run)[1])]
    if len(true) < min(len(done), account.times):  # what a crash took may have been delivered once more
        return "lost"
    if any(copy.intact or copy.glued for copy in account.copies):
        return "delivered"
    if any(one.promised is not None for one in account.handed_over):
        return "handed over"
    if _acknowledged(evidence, account, outsiders):
        return "handed over"
    if any(one.promised is not None for one in account.forwards):
        return "forwarded"
    if done and not account.copies:
        return "given to a program" if any(_said(run)[2] for run in done) else DISCARDED
    return ""


def _forwarded_each(account: Account, runs: list[LocalDelivery], made: Counter[int]) -> int:
    """How many messages one delivery makes of it: one for all forward lines, and one for each program that forwards.

    No more than a run that came to its end has both made and said.
    """
    if len(account.forwards) < 2:
        return 1
    said = ((run, _said(run)) for run in runs if run.status == 0)
    return max([1, *(min(made[run.pid], (lines > 0) + programs) for run, (_, lines, programs) in said)])


def _said(run: LocalDelivery) -> tuple[int, int, int]:
    """How many mailboxes, forwards and programs a run of qmail-local says it served."""
    said = _DID.search(run.said)
    return (int(said[1]), int(said[2]), int(said[3])) if said else (0, 0, 0)


def _made(account: Account, run: LocalDelivery) -> int:
    return sum(copy.pid == run.pid for copy in account.copies)


def _acknowledged(evidence: Evidence, account: Account, outsiders: set[str]) -> bool:
    """Whether a server outside the simulated mail systems has taken the message."""
    for attempt in evidence.attempts_of(account.message):
        if attempt.result == "success" and attempt.recipient == safe(account.recipient):
            taken = _ACCEPTED.match(attempt.report)
            if taken is not None and taken[1] in outsiders:
                return True
    return False


def _unserved(evidence: Evidence, account: Account) -> str:
    """The outcome of a recipient that no delivery reached."""
    message, recipient = account.message, account.recipient
    if waits(message, recipient):
        return "queued"
    told, waiting = _told(evidence, message), waiting_recipients(message)
    if any(_names(note, recipient) for note in told + waiting):
        if message.sender == "#@[]":
            return DISCARDED
        spoken = message.ended is None or any(_names(note, recipient) for note in told)
        return "bounced" if spoken else _unsaid(evidence, message)
    failed = [
        one for one in evidence.attempts_of(message) if one.recipient == safe(recipient) and one.result == "failure"
    ]
    if failed and message.sender == "#@[]":
        return DISCARDED
    if not failed and _to_nobody(evidence, message, recipient):
        return DISCARDED
    forgotten = any(_names(note, recipient) for note in forgotten_recipients(message))
    return _unsaid(evidence, message) if failed or forgotten else "lost"


def _to_nobody(evidence: Evidence, message: Message, recipient: str) -> bool:
    """Whether the recipient is <>, whom qmail-lspawn serves by doing nothing."""
    mine = (one for one in evidence.attempts_of(message) if one.recipient.startswith("@"))
    return not recipient.partition("@")[0] and any(one.result == "success" for one in mine)


def _unsaid(evidence: Evidence, message: Message) -> str:
    """A failure that no bounce speaks of: a power cut may take the note, by qmail's own word; a kill takes nothing."""
    ended = message.ended if message.ended is not None else math.inf
    cuts = (one.t for one in evidence.crashes if one.what == "power_cut" and one.host == message.host)
    return "bounce incomplete" if any(message.born <= t <= ended for t in cuts) else "lost"


def waits(message: Message, recipient: str) -> bool:
    """Whether the message is in the queue for this recipient, with all that its state needs of it whole."""
    if message.state == "S4":
        return not message.lost_bytes.keys() & {"mess", "intd", "todo"}
    if message.state == "S5":
        whole = not message.lost_bytes.keys() & {"mess", "info", "local", "remote"}
        return whole and any(
            name == recipient and (channel, place) not in message.done
            for channel, names in message.lists.items()
            for place, name in names.items()
        )
    return False


def _names(note: str, recipient: str) -> bool:
    """Whether a paragraph of a bounce speaks of a recipient; a virtual domain's prefix is left out of it."""
    return note == recipient or recipient.endswith(f"-{note}")


def _told(evidence: Evidence, message: Message) -> list[str]:
    """Whom its bounces speak of, as far as they have got into the queue: one that was cut short tells nobody."""
    bounces = [child for child, origin in evidence.mail.fate(message).children if origin.kind == "bounce"]
    return [name for bounce in bounces if bounce.accepted for name in told_of(bounce, message)]


def _first_bounced(evidence: Evidence, message: Message) -> str:
    notes = _told(evidence, message) + waiting_recipients(message)
    return next((one for one in message.recipients if any(_names(note, one) for note in notes)), "")
