"""The S1–S5 table, exhaustively: 128 sets of files, five states, and nothing in between."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path

import pytest

from sim.folds.queue import messages
from sim.qmail.states import FILES, MEANINGS, STATES, classify
from sim.scenario import load
from sim.world.simulate import simulate

SCENARIOS = sorted((Path(__file__).parent.parent / "scenarios").glob("*.yaml"))
ALL = [frozenset(chosen) for size in range(len(FILES) + 1) for chosen in combinations(FILES, size)]


def by_hand(files: frozenset[str]) -> str | None:
    """The same table read aloud, independently of how the code reads it."""
    if not files:
        return "S1"
    if "mess" not in files:
        return None
    if "todo" in files:
        return "S4" if "bounce" not in files else None
    if "intd" in files:
        return "S3" if files == {"mess", "intd"} else None
    if "info" in files:
        return "S5"
    return "S2" if files == {"mess"} else None


@pytest.mark.parametrize("files", ALL, ids=lambda files: "+".join(sorted(files)) or "nothing")
def test_every_set_of_files_has_at_most_one_state(files: frozenset[str]) -> None:
    assert classify(files) == by_hand(files)


def test_the_table_is_the_document_s() -> None:
    assert list(STATES) == list(MEANINGS) == ["S1", "S2", "S3", "S4", "S5"]
    assert [sum(classify(files) == state for files in ALL) for state in STATES] == [1, 1, 1, 16, 8]


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_state_on_the_way_is_one_of_the_five(path: Path) -> None:
    seen = [change.state for one in messages(simulate(load(path)).trace) for change in one.history]
    assert None not in seen


def test_the_shipped_scenarios_visit_every_transition() -> None:
    """S1–S2–S3–S4–S5–S2–S1, and the two ways out that a crash and a sweep take."""
    steps = set()
    for path in SCENARIOS:
        for one in messages(simulate(load(path)).trace):
            states = ["S1", *(change.state for change in one.history)]
            steps |= {(before, after) for before, after in pairwise(states) if before != after}
    assert steps >= {("S1", "S2"), ("S2", "S3"), ("S3", "S4"), ("S4", "S5"), ("S5", "S2"), ("S2", "S1"), ("S3", "S2")}
