"""A message in a host's queue: which files it had, when, what they hold, and the states that they put it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sim.trace import Who


class Change(NamedTuple):
    """A moment at which a message's files changed: the files after it, and the state they amount to."""

    t: float
    who: Who
    files: frozenset[str]
    state: str | None


@dataclass(slots=True, eq=False)
class Message:
    """One message in one host's queue.

    ``envelope`` is what qmail-queue wrote into ``intd/N``; ``text`` what it wrote into ``mess/N``; ``lists`` the
    address records of each channel by their place in the file; ``done`` the places that were marked D.
    ``promised`` is when qmail-queue exited with 0, ``ended`` when the last file went; ``notes`` is what
    ``bounce/N`` holds, ``lost_notes`` what a power cut took of it. ``first_row`` and
    ``last_row`` are its life as places in the trace.
    """

    host: str
    number: int
    born: float
    queue_pid: int
    first_row: int
    last_row: int | None = None
    history: list[Change] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    envelope: bytes = b""
    text: bytes = b""
    lists: dict[str, dict[int, str]] = field(default_factory=dict)
    done: dict[tuple[str, int], float] = field(default_factory=dict)
    promised: float | None = None
    ended: float | None = None
    wrong_inode: bool = False
    notes: bytes = b""
    lost_notes: bytes = b""
    lost_bytes: dict[str, int] = field(default_factory=dict)

    @property
    def sender(self) -> str:
        return next((one[1:] for one in self._records() if one[:1] == "F"), "")

    @property
    def recipients(self) -> list[str]:
        """Recipients as qmail-send rewrote them, or as the envelope has them before it did."""
        rewritten = [one for places in self.lists.values() for one in places.values()]
        return rewritten or [one[1:] for one in self._records() if one[:1] == "T"]

    @property
    def state(self) -> str | None:
        return self.history[-1].state if self.history else "S1"

    @property
    def accepted(self) -> bool:
        """Whether it ever reached S4: from then on it is delivered, promised or not.

        Not if the disk that is found after a crash knows nothing of that, and nobody had been promised anything.
        """
        accepted, before = False, None
        for _, (_, program, _), _, state in self.history:
            forgotten = before == "S4" and not program and state in ("S1", "S2", "S3") and self.promised is None
            accepted = state == "S4" or (accepted and not forgotten)
            before = state
        return accepted

    def state_at(self, t: float) -> str | None:
        """The state at a time; S1 before the first file and after the last."""
        state: str | None = "S1"
        for change in self.history:
            if change.t > t:
                break
            state = change.state
        return state

    def likeness(self, sizes: Mapping[str, int]) -> int:
        """How many of the files of these sizes can be its own, by what qmail-queue wrote into them."""
        own = {"mess": len(self.text), "intd": len(self.envelope), "todo": len(self.envelope)}
        return sum(sizes.get(directory) == size for directory, size in own.items())

    def fork(self) -> Message:
        """Another one like it, which knows nothing of what is read into this one from now on."""
        return Message(
            self.host, self.number, self.born, self.queue_pid, self.first_row, self.last_row, self.history.copy(),
            self.files.copy(), self.envelope, self.text, {name: one.copy() for name, one in self.lists.items()},
            self.done.copy(), self.promised, self.ended, self.wrong_inode, self.notes,
            self.lost_notes, self.lost_bytes.copy(),
        )  # fmt: skip

    def _records(self) -> list[str]:
        return self.envelope.decode("latin-1").split("\0")[:-1]
