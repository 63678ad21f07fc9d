"""The verdict: what was promised, what became of it, and whether anything happened that must not.

The ledger (ALICE's idea: a checker sees the crashed disk *and* what had been promised). A message is promised
when qmail-queue exits with 0; from then on each of its recipients must be queued, delivered, handed over,
bounced, or discarded by an instruction, never nowhere. A second copy needs a crash or a lost acknowledgement
to explain it. Everything here is a fold over the trace; no program reports to it.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from sim import expectations
from sim.expectations import Judged
from sim.folds.dialogues import dialogues, refusals
from sim.folds.log import Attempt, attempts
from sim.folds.mail import Copy, Mail, bounced_recipients, mail
from sim.folds.queue import Message, messages
from sim.scenario import Scenario
from sim.trace import Trace

LIFETIME_S = 604800
SWEPT_AFTER_S = 129600 + 2 * 76431
CRASHES = ("power_cut", "kill_all", "killed")
OUTCOMES = (
    "delivered", "handed over", "forwarded", "given to a program", "bounced", "bounce incomplete",
    "discarded by instruction", "queued", "lost",
)  # fmt: skip


class Crash(NamedTuple):
    """A fault that can explain a second copy: when, on which host, what."""

    t: float
    host: str
    what: str


@dataclass(slots=True)
class Account:
    """One promised message and one of its recipients: what became of them."""

    message: Message
    recipient: str
    outcome: str
    copies: list[Copy] = field(default_factory=list)
    handed_over: list[Message] = field(default_factory=list)
    damaged: bool = False

    @property
    def duplicates(self) -> int:
        """Copies beyond the first, in one mailbox or at one next host."""
        boxes = Counter(copy.mailbox for copy in self.copies if copy.intact)
        hosts = Counter(message.host for message in self.handed_over)
        return sum(count - 1 for count in (*boxes.values(), *hosts.values()))


@dataclass(slots=True)
class Evidence:
    """The folds that ledger and expectations share, made once."""

    trace: Trace
    messages: list[Message]
    mail: Mail
    attempts: list[Attempt]
    crashes: list[Crash]
    _by_number: dict[tuple[str, int], list[Attempt]] = field(default_factory=dict)

    @classmethod
    def of(cls, trace: Trace) -> Evidence:
        queue = messages(trace)
        return cls(trace, queue, mail(trace, queue), attempts(trace), crashes(trace))

    def attempts_of(self, message: Message) -> list[Attempt]:
        """The attempts whose number in the log stood for this message, not for another with its number."""
        if not self._by_number:
            for one in self.attempts:
                self._by_number.setdefault((one.host, one.message), []).append(one)
        known = self._by_number.get((message.host, message.number), [])
        ended = message.ended if message.ended is not None else math.inf
        return [one for one in known if message.born <= one.start <= ended]


@dataclass(slots=True)
class Verdict:
    """``accounts`` is the ledger; ``broken`` what must not happen; ``lines`` the story in sentences."""

    accounts: list[Account]
    broken: list[str]
    notes: list[str]
    expectations: list[Judged]

    @property
    def ok(self) -> bool:
        return not self.broken and all(one.holds for one in self.expectations)

    @property
    def duplicates(self) -> int:
        return sum(account.duplicates for account in self.accounts)

    @property
    def lost(self) -> int:
        return sum(account.outcome == "lost" or account.damaged for account in self.accounts)

    def count(self, outcome: str) -> int:
        return sum(account.outcome == outcome for account in self.accounts)

    @property
    def lines(self) -> list[str]:
        """The sentences a person reads: what was promised, what was lost or doubled, what is broken."""
        promised = len({id(account.message) for account in self.accounts})
        told = [f"{self.count(outcome)} {outcome}" for outcome in OUTCOMES if self.count(outcome)]
        first = f"{_some(promised, 'message')} promised for {_some(len(self.accounts), 'recipient')}"
        lost = f"{_some(self.lost, 'promise')} broken" if self.lost else "nothing lost"
        doubled = _some(self.duplicates, "duplicate") if self.duplicates else "no duplicate"
        return [
            f"{first[0].upper()}{first[1:]}: {', '.join(told) or 'nothing'}.",
            f"{lost.capitalize()}, {doubled}.",
            *self.notes,
        ]


def _some(count: int, noun: str) -> str:
    words = {0: "no", 1: "one"}
    return f"{words.get(count, count)} {noun}{'' if count == 1 else 's'}"


def judge(play: Scenario, trace: Trace, evidence: Evidence | None = None) -> Verdict:
    """The ledger, the invariants and the scenario's ``expect:`` over a finished trace.

    ``evidence`` spares the folds where they have been made before.
    """
    evidence = evidence or Evidence.of(trace)
    accounts = ledger(evidence)
    notes, broken = _explain(evidence, accounts)
    broken += _queue_rules(evidence) + _drained(evidence, play) + _partial(evidence)
    found = expectations.Found(
        evidence.messages, evidence.mail, evidence.attempts, refusals(dialogues(trace)), play.until
    )
    return Verdict(accounts, broken, notes, [expectations.judge(one, found) for one in play.expect])


def crashes(trace: Trace) -> list[Crash]:
    """Every fault on record that makes a program forget what it knew, or a connection break."""
    return [Crash(t, who[0], call[0]) for t, who, call, *_ in trace.rows if call[0] in CRASHES]


def ledger(evidence: Evidence) -> list[Account]:
    """One account for each promised message and recipient, in the order of the promises' first files."""
    return [
        _account(evidence, message, recipient)
        for message in evidence.messages
        if message.promised is not None
        for recipient in dict.fromkeys(message.recipients)
    ]


def _account(evidence: Evidence, message: Message, recipient: str) -> Account:
    fate = evidence.mail.fate(message)
    copies = [one for one in fate.copies if one.recipient == recipient]
    on_its_way = [(m, o) for m, o in fate.children if o.recipient == recipient and m.accepted]
    handed = [m for m, origin in on_its_way if origin.kind == "relay"]
    account = Account(message, recipient, "", copies, handed)
    done = [one for one in fate.deliveries if one.recipient == recipient and one.status == 0]
    account.damaged = bool(copies) and not any(copy.intact for copy in copies)
    if any(copy.intact for copy in copies):
        account.outcome = "delivered"
    elif any(m.promised is not None for m in handed) or _acknowledged(evidence, message, recipient):
        account.outcome = "handed over"
    elif any(origin.kind == "forward" and m.promised is not None for m, origin in on_its_way):
        account.outcome = "forwarded"
    elif any(not one.said.endswith(b"did 0+0+0\n") and not copies for one in done):
        account.outcome = "given to a program"
    elif done and not copies:
        account.outcome = "discarded by instruction"
    else:
        account.outcome = _unserved(evidence, message, recipient)
    return account


def _acknowledged(evidence: Evidence, message: Message, recipient: str) -> bool:
    """Whether a server outside the simulated mail systems has taken the message."""
    return any(
        one.channel == "remote" and one.result == "success" and one.recipient == recipient
        for one in evidence.attempts_of(message)
    )


def _unserved(evidence: Evidence, message: Message, recipient: str) -> str:
    """The outcome of a recipient that no delivery reached."""
    waiting = message.state == "S4" or (message.state == "S5" and _not_done(message, recipient))
    if waiting and not message.lost_bytes:
        return "queued"
    if recipient in bounced_recipients(message):
        bounces = [m for m, origin in evidence.mail.fate(message).children if origin.kind == "bounce"]
        if message.sender == "#@[]":
            return "discarded by instruction"
        return "bounced" if bounces or message.ended is None else "bounce incomplete"
    failed = [one for one in evidence.attempts_of(message) if one.recipient == recipient and one.result == "failure"]
    return "bounce incomplete" if failed else "lost"


def _not_done(message: Message, recipient: str) -> bool:
    """Whether a record of this recipient stands in the address files without the D byte."""
    return any(
        name == recipient and (channel, place) not in message.done
        for channel, names in message.lists.items()
        for place, name in names.items()
    )


def _explain(evidence: Evidence, accounts: list[Account]) -> tuple[list[str], list[str]]:
    """Notes on duplicates that a crash or a broken line explains, and what nothing explains."""
    notes, broken = [], []
    for account in accounts:
        message = account.message
        name = f"message {message.number} on {message.host} for {account.recipient}"
        if account.outcome == "lost":
            broken.append(f"{name}: promised at {message.promised} s, and lost")
        if account.damaged:
            broken.append(f"{name}: delivered, but not whole")
        if account.outcome == "bounce incomplete":
            notes.append(f"{name}: failed, and its bounce was lost in a crash (documented: bounces are not crashproof)")
        if account.duplicates:
            reason = _reason(evidence, account)
            doubled = _some(account.duplicates, "duplicate")
            if reason:
                notes.append(f"{name}: {doubled}, explained by {reason}.")
            else:
                broken.append(f"{name}: {doubled} that no crash and no lost acknowledgement explains")
    return notes, broken


def _reason(evidence: Evidence, account: Account) -> str:
    message = account.message
    hosts = {message.host, *(one.host for one in account.handed_over)}
    last = max([copy.t for copy in account.copies] + [one.born for one in account.handed_over])
    for crash in evidence.crashes:
        if crash.host in hosts and message.born <= crash.t <= last:
            return f"a {crash.what.replace('_', ' ')} of {crash.host} at {crash.t:g} s"
    for attempt in evidence.attempts_of(message):
        if attempt.recipient == account.recipient and "connection_died" in attempt.report:
            return f"an acknowledgement that was lost at {attempt.end:g} s"
    return ""


def _queue_rules(evidence: Evidence) -> list[str]:
    """Every state on the way is one of S1 to S5, and ``mess/N`` has inode N."""
    broken = []
    for message in evidence.messages:
        for change in message.history:
            if change.state is None:
                files = " ".join(sorted(change.files))
                broken.append(f"message {message.number} on {message.host} at {change.t:g} s: {files} is no state")
                break
        if message.wrong_inode:
            broken.append(f"message {message.number} on {message.host}: mess/{message.number} is another inode")
    return broken


def _partial(evidence: Evidence) -> list[str]:
    """``new/`` never holds a partial message."""
    return [
        f"{copy.path} on {copy.host} holds a partial message"
        for copy in evidence.mail.copies
        if "/new/" in copy.path and not copy.intact
    ]


def _drained(evidence: Evidence, play: Scenario) -> list[str]:
    """With faults over, nothing stays for longer than its lifetime, nor a leftover beyond the third sweep."""
    broken = []
    last_crash = {crash.host: crash.t for crash in evidence.crashes}
    for message in evidence.messages:
        if message.ended is not None or message.state in ("S1", None):
            continue
        lifetime = play.hosts[message.host].control.get("queuelifetime", str(LIFETIME_S)).strip()
        limit = SWEPT_AFTER_S if message.state in ("S2", "S3") else int(lifetime) * 1.1 + 86400
        age = play.until - max(message.born, last_crash.get(message.host, 0.0))
        if age > limit:
            broken.append(f"message {message.number} on {message.host} is still there, in {message.state}")
    return broken
