"""The verdict: whether every promise was kept, whether anything happened that must not, what was expected.

The ledger (ALICE's idea: a checker sees the crashed disk *and* what had been promised) says what became of each
promise; here it is judged. A second copy needs a crash or a lost acknowledgement to explain it. Everything is a
fold over the trace; no program reports to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim import expectations
from sim.expectations import Judged
from sim.folds.dialogues import Refusal, refusals
from sim.folds.processes import lives
from sim.folds.sweeps import OSSIFIED_S, SLEEP_CLEANUP_S, neglected
from sim.ledger import DISCARDED, OUTCOMES, Account, Evidence, ledger, waits
from sim.qmail.common import leading_number
from sim.qmail.send.state import safe
from sim.scenario import Scenario
from sim.trace import Trace

__all__ = [
    "SWEPT_AFTER_S",
    "Account",
    "Evidence",
    "Judged",
    "Verdict",
    "examine",
    "judge",
    "ledger",
]  # fmt: skip

LIFETIME_S = 604800
SWEPT_AFTER_S = OSSIFIED_S + 2 * SLEEP_CLEANUP_S
NEEDED = {"qmail-send", "qmail-clean"}


@dataclass(slots=True, repr=False)
class Verdict:
    """``accounts`` is the ledger; ``broken`` what must not happen; ``lines`` the story in sentences.

    ``unpromised`` says what became of mail that was promised to nobody, where there is no other.
    """

    accounts: list[Account]
    broken: list[str]
    notes: list[str]
    expectations: list[Judged]
    unpromised: str = ""

    def __repr__(self) -> str:
        """What a person reads, a sentence a line; the accounts are too long for a screen."""
        missed = [f"✗ {one.text} (found: {one.found})" for one in self.expectations if not one.holds]
        return "\n".join([*self.lines, *(f"✗ {line}" for line in self.broken), *missed])

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
        lost = f"{_some(self.lost, 'promise')} broken" if self.lost else "nothing lost"
        doubled = _some(self.duplicates, "duplicate") if self.duplicates else "no duplicate"
        return [
            self._promised() if self.accounts else f"Nothing was promised to anybody{self.unpromised}.",
            f"{lost.capitalize()}, {doubled}.",
            *self.notes,
        ]

    def _promised(self) -> str:
        """The first sentence: how much was promised, and how often each outcome came of it."""
        messages = len({id(account.message) for account in self.accounts})
        words = {"handed over": "handed over to the next host"}
        counts = [(self.count(outcome), words.get(outcome, outcome)) for outcome in OUTCOMES]
        given_up = sum(one.outcome == DISCARDED and one.message.sender == "#@[]" for one in self.accounts)
        counts = [(count - given_up if what == DISCARDED else count, what) for count, what in counts]
        counts.append((given_up, "given up, about a bounce that bounced"))
        told = [f"{count} {outcome}" for count, outcome in counts if count]
        first = f"{_some(messages, 'message')} promised for {_some(len(self.accounts), 'recipient')}"
        return f"{first[0].upper()}{first[1:]}: {', '.join(told)}."


def _some(count: int, noun: str, many: str = "") -> str:
    words = {0: "no", 1: "one"}
    return f"{words.get(count, count)} {noun if count == 1 else many or f'{noun}s'}"


def judge(play: Scenario, trace: Trace, evidence: Evidence | None = None) -> Verdict:
    """The ledger, the invariants and the scenario's ``expect:`` over a finished trace.

    ``evidence`` spares the folds where they have been made before.
    """
    evidence = evidence or Evidence.of(trace)
    accounts, notes, broken = examine(play, evidence, play.until)
    broken += neglected(trace, evidence.messages, ((crash.host, crash.t) for crash in evidence.crashes))
    notes += _sent_again(accounts)
    found = expectations.Found(
        evidence.messages, evidence.mail, evidence.attempts, _refusals(play, evidence), play.until
    )
    judged = [expectations.judge(one, found) for one in play.expect]
    return Verdict(accounts, broken, notes, judged, "" if accounts else _unpromised(evidence))


def _unpromised(evidence: Evidence) -> str:
    """What arrived, and what lies in a queue, though no qmail-queue ever said that it was accepted."""
    arrived = sum(copy.intact and copy.message.promised is None for copy in evidence.mail.copies)
    waiting = sum(one.promised is None and one.state in ("S4", "S5") for one in evidence.messages)
    told = [f"{_some(arrived, 'copy', 'copies')} arrived"] if arrived else []
    told += [f"{_some(waiting, 'message')} {'lies' if waiting == 1 else 'lie'} in a queue"] if waiting else []
    return f", but {' and '.join(told)} all the same" if told else ""


def _refusals(play: Scenario, evidence: Evidence) -> list[Refusal]:
    """All of them; one that came before any recipient was named counts for those whom the client had in mind."""
    remote = {
        (who[0], who[2]): call[2][3:]
        for _, who, call, _, _, error in evidence.trace.rows
        if call[0] == "execve" and call[1] == "qmail-remote" and error is None
    }
    letters = {mail.name: mail.to for mail in play.mail}
    found = []
    for one in refusals(evidence.dialogues):
        client = (one.client, one.client_pid)
        letter = evidence.mail.letter_of(client, one.t) or ""
        meant = remote.get(client) or letters.get(letter, ())
        found += [one] if one.recipient else [one._replace(recipient=recipient) for recipient in meant]
    return found


def examine(play: Scenario, evidence: Evidence, until_s: float) -> tuple[list[Account], list[str], list[str]]:
    """The ledger, notes on what a fault explains, and what is broken, when the run ended at ``until_s``."""
    accounts = ledger(evidence)
    notes, broken = _explain(evidence, accounts)
    broken += _queue_rules(evidence) + _drained(evidence, play, until_s) + _partial(evidence)
    return accounts, notes, broken


def _explain(evidence: Evidence, accounts: list[Account]) -> tuple[list[str], list[str]]:
    """Notes on duplicates that a crash or a broken line explains, and what nothing explains."""
    notes, broken = [], []
    for account in accounts:
        message = account.message
        name = f"message {message.number} on {message.host} for {account.recipient}"
        if account.outcome == "lost":
            broken.append(f"{name}: promised at {message.promised:g} s, and lost")
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


def _sent_again(accounts: list[Account]) -> list[str]:
    """What the next host has taken, but the sender has not heard of that."""
    return [
        f"message {one.message.number} for {one.recipient} is in the queue of {one.message.host} all the same, to be "
        "sent again: its sender has not heard that it was taken."
        for one in accounts
        if one.outcome == "handed over" and waits(one.message, one.recipient)
    ]


def _reason(evidence: Evidence, account: Account) -> str:
    """The crash, the lost acknowledgement or the put-off delivery that explains a second copy; nothing if none does."""
    message = account.message
    others = [*account.handed_over, *account.forwards, *account.bounces]
    hosts = {message.host, *(one.host for one in others)}
    last = max([copy.t for copy in account.copies] + [one.born for one in others])
    for crash in evidence.crashes:
        if crash.host in hosts and message.born <= crash.t <= last:
            return f"a {crash.what.replace('_', ' ')} of {crash.host} at {crash.t:g} s"
    for attempt in evidence.attempts_of(message):
        if attempt.recipient == safe(account.recipient) and "connection_died" in attempt.report:
            return f"an acknowledgement that was lost at {attempt.end:g} s"
    for run in evidence.mail.fate(message).deliveries:
        if run.recipient == account.recipient and run.status and any(copy.pid == run.pid for copy in account.copies):
            return f"a later line of .qmail that put the delivery off after the copy was made, at {run.start:g} s"
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


def _drained(evidence: Evidence, play: Scenario, until_s: float) -> list[str]:
    """With faults over, nothing stays for longer than its lifetime, nor a leftover beyond the third sweep.

    What waits for a channel that may make no deliveries waits for ever, as it does in qmail.
    """
    left = [one for one in evidence.messages if one.ended is None and one.state not in ("S1", None)]
    if not left:
        return []
    last_crash = {crash.host: crash.t for crash in evidence.crashes}
    old = []
    for message in left:
        control = play.hosts[message.host].control
        waiting = [control.get(f"concurrency{channel}", "") for channel in message.files & {"local", "remote"}]
        if waiting and all(leading_number(told) == 0 for told in waiting):
            continue
        lifetime = leading_number(control.get("queuelifetime", ""))
        lifetime = LIFETIME_S if lifetime is None else lifetime
        limit = SWEPT_AFTER_S if message.state in ("S2", "S3") else lifetime * 1.1 + 86400
        if until_s - max(message.born, last_crash.get(message.host, 0.0)) > limit:
            old.append(message)
    running = {(life.host, life.program) for life in lives(evidence.trace) if life.end is None} if old else set()
    return [
        f"message {message.number} on {message.host} is still there, in {message.state}"
        for message in old
        if all((message.host, program) in running for program in NEEDED)
    ]
