"""Questions of a lesson: where in the run they are asked, and what is said of those that never come."""

from __future__ import annotations

from pathlib import Path

import pytest

import sim
from sim.folds.questions import placed, unplaced
from sim.run import Run
from sim.scenario import from_data, to_data

SCENARIOS = Path(__file__).parent.parent / "scenarios"
TWICE = SCENARIOS / "07-twice-before-done.yaml"


@pytest.fixture(scope="module")
def twice() -> Run:
    return sim.run(sim.load(TWICE))


def asked(run: Run, **when: object) -> list[int]:
    """The rows before which one question, asked then, comes in a run."""
    data = to_data(run.scenario)
    data["ask"] = [{"question": "q", "choices": ["a", "b"], "answer": "a", **when}]
    return [row for row, _ in placed(from_data(data), run.trace)]


def calls(run: Run, verb: str, target: str) -> list[int]:
    return [n for n, one in enumerate(run.trace) if one.verb == verb and (one.target or "").startswith(target)]


def test_after_a_call_it_has_been_seen_and_before_it_has_not(twice: Run) -> None:
    first, *_ = calls(twice, "link", "todo/")
    assert asked(twice, after="link todo/*") == [first + 1]
    assert asked(twice, before="link todo/*") == [first]


def test_the_nth_call_and_the_host(twice: Run) -> None:
    _, second = calls(twice, "link", "~aku/Maildir/new/")
    assert asked(twice, after="link ~aku/*", nth=2, on="salman.itb.ac.id") == [second + 1]
    assert asked(twice, after="link ~aku/*", nth=3) == []


def test_a_call_that_a_fault_kept_from_being_made_counts(twice: Run) -> None:
    """The power fails before the DONE mark: that is the moment to ask, not the mark after the boot."""
    (fault,) = [n for n, one in enumerate(twice.trace) if one.call[0] == "fault"]
    assert asked(twice, before="mark local/*") == [fault]
    assert asked(twice, before="mark local/*", nth=2) == calls(twice, "mark", "local/")


def test_nothing_comes_after_a_call_that_failed(twice: Run) -> None:
    failed = next(n for n, one in enumerate(twice.trace) if one.verb == "unlink" and one.error)
    (place,) = asked(twice, after="unlink *")
    assert place != failed + 1
    assert twice.trace[place - 1].error is None


def test_a_time_is_before_all_that_happens_then(twice: Run) -> None:
    (place,) = asked(twice, at="1s")
    assert twice.trace[place - 1].t < 1 <= twice.trace[place].t
    assert asked(twice, at="0s") == [1]
    assert asked(twice, at="9m") == []


def test_a_question_that_never_comes_is_reported(twice: Run) -> None:
    data = to_data(twice.scenario)
    data["ask"] = [
        {"question": "q", "choices": ["a", "b"], "answer": "a", **when}
        for when in ({"at": "9m"}, {"after": "link nowhere/*", "on": "salman.itb.ac.id", "nth": 2})
    ]
    play = from_data(data)
    assert unplaced(play, twice.trace) == [
        (1, "nothing happens after its time"),
        (2, "no call was link nowhere/* on salman.itb.ac.id 2 times"),
    ]
    assert "question 2 is never asked" in sim.run(play).summary


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_question_of_a_lesson_comes_in_its_order(path: Path) -> None:
    play = sim.load(path)
    if play.ask:
        run = sim.run(play)
        assert [question for _, question in placed(play, run.trace)] == list(play.ask)
        assert all(question.why for question in play.ask)
    assert bool(play.ask) == (path.stem[:2] in ("06", "07", "08"))
