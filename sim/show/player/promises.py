"""How the ledger stands after each step of a run: what was promised so far, and what a person sees of it by then."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from sim.folds.log import LOG
from sim.folds.message import Message
from sim.folds.reading import CRASHES
from sim.ledger import Account, ledger
from sim.qmail.send.state import safe
from sim.trace import Row
from sim.verdict import Evidence

COLUMNS = ("promised", "queued", "handed over", "delivered", "bounced", "lost", "twice", "other")
Standing = list[int]
Event = tuple[int, str, int]
_GOES_TO = {"handed over": "handed over", "delivered": "delivered", "bounced": "bounced", "lost": "lost"}
_START = re.compile(rb"starting delivery (\d+): msg (\d+) to (?:local|remote) (.*)\n")
_SUCCESS = re.compile(rb"delivery (\d+): success")


def standings(evidence: Evidence, since: int = 0) -> list[Standing]:
    """Lists of a place in the trace and the count of each of ``COLUMNS`` from there on; the first is for ``since``."""
    counts: Counter[str] = Counter()
    found: list[Standing] = [[since, *(0 for _ in COLUMNS)]]
    accounts = ledger(evidence)
    story = _Story(evidence, accounts)
    for row, column, more in sorted(event for account in accounts for event in story.events(account)):
        counts[column] += more
        place = max(row, since)
        if found[-1][0] != place:
            found.append([])
        found[-1] = [place, *(counts[name] for name in COLUMNS)]
    return found


class _Rows:
    """Where in a trace the things happened that an account speaks of by time and name."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.last = len(rows) - 1
        self.exits: dict[tuple[str, int, float], int] = {}
        self.files: dict[tuple[str, float, str], int] = {}
        self.accepted: dict[tuple[str, int, str], int] = {}
        self.crashes: list[tuple[int, str]] = []
        self.tries: dict[tuple[str, int, str], list[tuple[int, bool]]] = {}
        running: dict[tuple[str, bytes], tuple[str, int, str]] = {}
        for place, (t, (host, program, pid), call, target, _, _) in enumerate(rows):
            if call[0] == "exit":
                self.exits[host, pid, t] = place
            elif call[0] in ("link", "write") and target and target.startswith(("~", "var/mail/")):
                self.files[host, t, target] = place
            elif call[0] == "link" and target and target.startswith("todo/"):
                self.accepted[host, pid, target[5:]] = place
            elif call[0] in CRASHES:
                self.crashes.append((place, host))
            elif call[0] == "write" and program == "qmail-send" and call[1] == LOG:
                self._said(running, place, host, call[2])

    def _said(self, running: dict[tuple[str, bytes], tuple[str, int, str]], place: int, host: str, line: bytes) -> None:
        """qmail-send begins an attempt, or knows that one has succeeded."""
        if begun := _START.match(line):
            key = running[host, begun[1]] = (host, int(begun[2]), begun[3].decode("latin-1"))
            self.tries.setdefault(key, []).append((place, False))
        elif (done := _SUCCESS.match(line)) and (host, done[1]) in running:
            self.tries[running[host, done[1]]].append((place, True))

    def taken(self, message: Message) -> int:
        """When a message was safe in its queue."""
        return self.accepted.get((message.host, message.queue_pid, str(message.number)), message.first_row)

    def known(self, account: Account) -> list[tuple[int, bool]]:
        """When the sending side began to try, and when it knew of a success."""
        message = account.message
        last = self.last if message.last_row is None else message.last_row
        tries = self.tries.get((message.host, message.number, safe(account.recipient)), [])
        return [one for one in tries if message.first_row <= one[0] <= last]


class _Story:
    """What becomes of each account, in order: one column at a time, and the copies beyond those that were ordered."""

    def __init__(self, evidence: Evidence, accounts: Iterable[Account]) -> None:
        self.mail = evidence.mail
        self.rows = _Rows(evidence.trace.rows)
        self.bounces = {id(one.message): one.bounces[0] for one in accounts if one.bounces}

    def events(self, account: Account) -> list[Event]:
        """The promise, each change of column, and each copy too many."""
        message = account.message
        start = self.rows.exits.get((message.host, message.queue_pid, message.promised or 0.0), 0)
        events = [(start, "promised", 1), (start, "queued", 1)]
        now = "queued"
        for place, column in self._changes(account, start):
            if column != now:
                events += [(max(place, start), now, -1), (max(place, start), column, 1)]
                now = column
        return events + [(place, "twice", 1) for place in self._again(account)]

    def _changes(self, account: Account, start: int) -> list[tuple[int, str]]:
        outcome = "lost" if account.damaged else account.outcome
        column = _GOES_TO.get(outcome, "other")
        if outcome == "queued":
            return []
        if outcome == "delivered":
            return [(self._arrivals(account)[0], column)]
        if outcome in ("handed over", "forwarded"):
            return self._passed_on(account, column)
        if outcome == "lost":
            seen = [self._placed(copy.host, copy.t, copy.path) for copy in account.copies]
            after = max([start, *seen])
            lost = next((at for at, host in self.rows.crashes if at > after and host == account.message.host), None)
            return [*((at, "delivered") for at in sorted(seen)[:1]), (self.rows.last if lost is None else lost, column)]
        return [(self._gone(account), column)]

    def _passed_on(self, account: Account, column: str) -> list[tuple[int, str]]:
        """Handed over once the sending side knows it.

        Until then it may lie in a mailbox already, by a message that the next host never promised: that is delivered,
        as long as no message that it did promise has come as far.
        """
        children = [*account.handed_over, *account.forwards]
        known = self.rows.known(account)
        if not any(success for _, success in known):
            known = [*known, (self.rows.last, True)]
        theirs = [place for one in children if one.promised is not None for place in self._copies(one)]
        end = min(theirs, default=min(place for place, success in known if success))
        mine = [place for one in children if one.promised is None for place in self._copies(one) if place < end]
        credit = (min(mine), end) if mine else (end, end)
        changes = []
        for place in sorted({*credit, *(place for place, _ in known)}):
            knows = [success for at, success in known if at <= place][-1:] == [True]
            changes.append((place, "delivered" if credit[0] <= place < credit[1] else column if knows else "queued"))
        return changes

    def _again(self, account: Account) -> list[int]:
        """When each copy beyond those that were ordered was there; a message without any counts from its queue on."""
        if not account.duplicates:
            return []
        passed = [
            min(self._copies(one), default=self.rows.taken(one)) for one in (*account.handed_over, *account.forwards)
        ]
        bounced = [self.rows.taken(one) for one in account.bounces]
        return sorted((*self._arrivals(account), *passed, *bounced))[-account.duplicates :]

    def _arrivals(self, account: Account) -> list[int]:
        whole = [copy for copy in account.copies if copy.intact] or account.copies
        return sorted(self._placed(copy.host, copy.t, copy.path) for copy in whole)

    def _copies(self, message: Message) -> list[int]:
        """When whole copies of a message, and of what it was passed on as, came into mailboxes."""
        fate = self.mail.fate(message)
        own = [self._placed(copy.host, copy.t, copy.path) for copy in fate.copies if copy.intact]
        return own + [at for child, origin in fate.children if origin.kind != "bounce" for at in self._copies(child)]

    def _placed(self, host: str, t: float, path: str) -> int:
        return self.rows.files.get((host, t, path), self.rows.last)

    def _gone(self, account: Account) -> int:
        """When the message left the queue; bounced, when its bounce was written; else when its delivery was known."""
        message = account.message
        if account.outcome == "bounced" and id(message) in self.bounces:
            return self.rows.taken(self.bounces[id(message)])
        successes = [place for place, success in self.rows.known(account) if success]
        if successes:
            return successes[-1]
        return message.last_row if message.last_row is not None else self.rows.last
