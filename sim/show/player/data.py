"""All that the page is given: the run, what becomes of it after each crash, and the words to say it.

``trunk`` is a run without crashes; ``story`` is the scenario's own when it has crashes, and leaves the trunk where
the first of them strikes. ``forks`` are distinct futures; ``points`` say which of them a crash comes to, and where.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sim.qmail.states import FILES, MEANINGS, STATES
from sim.scenario import Scenario
from sim.show.player import layout
from sim.show.player.promises import COLUMNS, standings
from sim.show.player.questions import questions
from sim.show.player.steps import steps
from sim.show.player.tape import Tape
from sim.show.player.words import catalogues
from sim.trace import Trace
from sim.verdict import Evidence, examine

VERSION = 1
Data = dict[str, Any]


@dataclass
class Forks:
    """What the laboratory found; empty where it did not look.

    A point is a list: the record before which it strikes, host, program, pid, the fork when that program is killed
    (-1: not carried out), the fork when all of the host are, and for each surviving disk a fork and a disk.
    ``sampled`` counts the points with more disks than were tried; ``explored`` of ``planned`` crashes were carried out,
    not all where it was ``interrupted``.
    """

    trunk: Trace | None = None
    tape: Tape = field(default_factory=Tape)
    trunk_pieces: list[int] = field(default_factory=list)
    forks: list[Data] = field(default_factory=list)
    points: list[list[Any]] = field(default_factory=list)
    disks: list[Data] = field(default_factory=list)
    sampled: int = 0
    explored: int = 0
    planned: int = 0
    interrupted: bool = False


def lesson(play: Scenario, trace: Trace, found: Forks | None = None) -> Data:
    """The data of one page; without ``found`` nothing can be crashed in it."""
    found = found or Forks()
    tape = found.tape
    evidence = Evidence.of(trace)
    if found.trunk is None:
        trunk = _branch(play, evidence, tape.tell(steps(trace.rows, 0.0, tape)), 0)
        story = None
    else:
        trunk = _branch(play, Evidence.of(found.trunk), found.trunk_pieces, 0)
        story = _story(play, found.trunk, evidence, tape)
    return {
        "version": VERSION, "title": play.title, "lesson": play.lesson, "start": play.start.isoformat(),
        "until": play.until, "hosts": layout.hosts(play), "wires": layout.wires(play, trace),
        "states": {"files": list(FILES), "signs": {name: signs.split() for name, signs in STATES.items()},
                   "meanings": MEANINGS},
        "columns": list(COLUMNS), "steps": tape.steps, "parts": tape.parts, "trunk": trunk, "story": story,
        "forks": found.forks, "points": found.points, "disks": found.disks, "sampled": found.sampled,
        "explored": found.explored, "planned": found.planned,
        "questions": questions(play, evidence), "words": catalogues(),
    }  # fmt: skip


def _branch(play: Scenario, evidence: Evidence, pieces: list[int], since: int) -> Data:
    _, notes, broken = examine(play, evidence, play.until)
    starts = evidence.trace.rows[since - 1][0] if since else 0.0
    return {
        "from": since,
        "t": starts,
        "tape": pieces,
        "ledger": standings(evidence, since),
        "notes": [*broken, *notes],
    }


def _story(play: Scenario, trunk: Trace, evidence: Evidence, tape: Tape) -> Data | None:
    """The scenario's own run from where it leaves the trunk; None when it never does."""
    rows = evidence.trace.rows
    mine, other = steps(rows, 0.0, tape), steps(trunk.rows, 0.0, tape)
    since = next((place for place, (a, b) in enumerate(zip(mine, other, strict=False)) if a != b), len(other))
    if since >= len(mine):
        return None
    return _branch(play, evidence, tape.tell(mine[since:]), since)
