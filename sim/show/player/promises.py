"""How the ledger stands after each step of a run: what was promised so far, and what had become of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sim.folds.queue import Message
from sim.ledger import CRASHES, Account, ledger
from sim.trace import Row
from sim.verdict import Evidence

COLUMNS = ("promised", "queued", "handed over", "delivered", "bounced", "lost", "twice", "other")
Standing = list[int]
Event = tuple[int, str, int]
_GOES_TO = {"handed over": "handed over", "delivered": "delivered", "bounced": "bounced", "lost": "lost"}


def standings(evidence: Evidence, since: int = 0) -> list[Standing]:
    """Lists of a place in the trace and the count of each of ``COLUMNS`` from there on; the first is for ``since``."""
    counts: Counter[str] = Counter()
    found: list[Standing] = [[since, *(0 for _ in COLUMNS)]]
    rows = _Rows(evidence.trace.rows)
    for row, column, more in sorted(event for account in ledger(evidence) for event in _events(account, rows)):
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
        self.crashes: list[int] = []
        for place, (t, (host, _, pid), call, target, _, _) in enumerate(rows):
            if call[0] == "exit":
                self.exits[host, pid, t] = place
            elif call[0] in ("link", "write", "fsync") and target and target.startswith(("~", "var/mail/")):
                self.files[host, t, target] = place
            elif call[0] == "link" and target and target.startswith("todo/"):
                self.accepted[host, pid, target[5:]] = place
            elif call[0] in CRASHES:
                self.crashes.append(place)

    def taken(self, message: Message) -> int:
        """When a message was safe in its queue."""
        return self.accepted.get((message.host, message.queue_pid, str(message.number)), message.first_row)


def _events(account: Account, rows: _Rows) -> list[Event]:
    """The promise, its end, and each copy beyond those that were ordered."""
    message = account.message
    promised = rows.exits.get((message.host, message.queue_pid, message.promised or 0.0), 0)
    events = [(promised, "promised", 1), (promised, "queued", 1)]
    outcome = "lost" if account.damaged else account.outcome
    arrivals = sorted(
        rows.files.get((copy.host, copy.t, copy.path), rows.last) for copy in account.copies if copy.intact
    )
    handed = sorted(rows.taken(child) for child in (*account.handed_over, *account.forwards))
    if outcome != "queued":
        ends = {"delivered": arrivals, "handed over": handed, "forwarded": handed}.get(outcome, [])
        lost = next((place for place in rows.crashes if place > promised), rows.last)
        end = ends[0] if ends else lost if outcome == "lost" else _gone(account, rows)
        events += [(max(end, promised), "queued", -1), (max(end, promised), _GOES_TO.get(outcome, "other"), 1)]
    again = sorted((*arrivals, *handed))[-account.duplicates :] if account.duplicates else []
    return events + [(place, "twice", 1) for place in again]


def _gone(account: Account, rows: _Rows) -> int:
    """When the message left the queue; bounced, when its bounce was written."""
    if account.bounces:
        return rows.taken(account.bounces[0])
    return account.message.last_row if account.message.last_row is not None else rows.last
