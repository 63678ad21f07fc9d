"""A trace read so far: what all the folds of the judge make of it, in one walk that can stop anywhere and go on.

Theory. What became of mail after a crash is a fold over the life before it and the rows after it. The life is the same
for every crash that comes in it, so it is read once, and at each crash *forked*: the fork is read on with what came
of that crash, and knows nothing of the others. A fork shares no object with its original that reading on would change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sim.folds import dialogues, log, mail, queue
from sim.folds.kinds import ANY, Table, Wish, Wishes, look
from sim.trace import Row

CRASHES = ("power_cut", "kill_all", "killed")


class Crash(NamedTuple):
    """A fault that can explain a second copy: when, on which host, what."""

    t: float
    host: str
    what: str


def _crash(crashes: list[Crash], _index: int, row: Row) -> None:
    t, (host, *_), call, *_ = row
    crashes.append(Crash(t, host, call[0]))


_OF_CRASHES: Wishes = tuple(Wish(kind, ANY, _crash) for kind in CRASHES)
_WANTED = Table(queue.WISHES, mail.WISHES, log.WISHES, dialogues.WISHES, queue.NUMBERS, _OF_CRASHES)


class Reading:
    """The first ``row`` rows of a trace, read; ``crashes`` are the faults that make a program forget what it knew."""

    def __init__(self) -> None:
        self.row = 0
        self.queue = queue.QueueFold()
        self.mail = mail.MailFold(self.queue)
        self.attempts = log.AttemptFold()
        self.dialogues = dialogues.DialogueFold()
        self.linked: list[queue.Linked] = []
        self.crashes: list[Crash] = []

    def read(self, rows: Sequence[Row]) -> None:
        """Go on with the rows that come next."""
        folds = (self.queue, self.mail, self.attempts, self.dialogues, self.linked, self.crashes)
        look(_WANTED, folds, rows, self.row)
        self.row += len(rows)

    def fork(self) -> Reading:
        """Another reading of the same rows, to be gone on with by itself."""
        other = Reading.__new__(Reading)
        other.row = self.row
        other.queue, own = self.queue.fork()
        other.mail = self.mail.fork(other.queue, own)
        other.attempts = self.attempts.fork()
        other.dialogues = self.dialogues.fork()
        other.linked = self.linked.copy()
        other.crashes = self.crashes.copy()
        return other
