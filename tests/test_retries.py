"""Retries: the formula, the times at which qmail was seen to try, and the picture that sets one over the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes

import sim
from sim.run import Run
from sim.show.retries import Retries, Tries, draw, last_attempt, retries, schedule

ROOT = Path(__file__).parent.parent
SCHEDULE: dict[str, Any] = json.loads((ROOT / "tests/reference/qmail/D_schedule.json").read_text())["channels"]
MOST_LATE_S = 2  # qmail waits a second longer than it must, and counts whole seconds


@pytest.fixture(scope="module")
def week() -> Run:
    return sim.run(sim.load(ROOT / "scenarios/09-retries.yaml"))


@pytest.fixture(scope="module")
def found(week: Run) -> Retries:
    return retries(week.scenario, week.trace)


@pytest.mark.parametrize(("channel", "skip"), [("local", 10), ("remote", 20)])
def test_the_formula_gives_what_was_computed_and_observed(channel: str, skip: int) -> None:
    rows = SCHEDULE[channel]["attempts"]
    ages = schedule(skip, len(rows))
    assert ages == [row["computed"] for row in rows]
    assert all(0 <= row["observed"] - age <= 1 for age, row in zip(ages, rows, strict=True))
    assert last_attempt(skip, 604_800) == (
        SCHEDULE[channel]["number_of_attempts_in_7_days"],
        SCHEDULE[channel]["last_attempt_computed"],
    )


def test_a_week_of_attempts_follows_the_formula_until_it_gives_up(found: Retries) -> None:
    local, remote = found.tries
    assert (local.channel, len(local.ages), local.formula[-1]) == ("local", 79, 608_400)
    assert (remote.channel, len(remote.ages), remote.formula[-1]) == ("remote", 40, 608_400)
    for tries in (local, remote):
        assert all(0 <= age - due <= MOST_LATE_S for age, due in zip(tries.ages, tries.formula, strict=True))
        assert tries.result == "failure"
    assert (found.lifetime_s, found.hidden) == (604_800, 0)


def test_alike_recipients_are_drawn_once_and_counted() -> None:
    run = sim.run(sim.load(ROOT / "scenarios/10-burst.yaml"))
    found = retries(run.scenario, run.trace)
    assert [len(one.ages) for one in found.tries] == [6]
    assert found.hidden == 199


def test_a_shorter_lifetime_is_read_from_the_control_file() -> None:
    data = {
        "title": "t",
        "until": "2h",
        "hosts": {"a.example": {"control": {"queuelifetime": "1000"}, "users": {"ann": "|exit 111", "bob": ""}}},
        "mail": [{"from": "bob@a.example", "to": ["ann@a.example"]}],
    }
    run = sim.run(sim.scenario.from_data(data))
    found = retries(run.scenario, run.trace)
    assert (found.lifetime_s, [len(one.ages) for one in found.tries]) == (1000, [last_attempt(10, 1000)[0]])


# The picture


def texts(ax: Axes) -> list[str]:
    return [one.get_text() for one in ax.texts]


def test_the_picture_says_units_numbers_and_the_end(week: Run) -> None:
    figure = week.plot_retries()
    early, late = figure.axes
    assert "age of the message (min)" in texts(early)
    assert "age of the message (d)" in texts(late)
    assert "number of the attempt" in texts(late)
    assert "lifetime in the queue: 7 d " in texts(late)
    words = [one.get_text() for one in figure.legends[0].get_texts()]
    assert words[0].startswith("penuh@salman.itb.ac.id (local, on salman): 79 attempts, the last at an age of 7 d 1 h")
    assert words[1].startswith("riza@tutup.itb.ac.id (remote, on salman): 40 attempts")
    assert all("formula: 608,400 s), given up" in one for one in words[:2])


def test_marks_lie_on_the_line_and_differ_in_shape(week: Run) -> None:
    _, late = week.plot_retries().axes
    marks = [line for line in late.get_lines() if len(line.get_xdata()) in (79, 40)]
    assert [len(line.get_xdata()) for line in marks] == [79, 40]
    assert len({line.get_marker() for line in marks}) == 2
    for line, skip in zip(marks, (10, 20), strict=True):
        for days, number in zip(line.get_xdata(), line.get_ydata(), strict=True):
            assert abs((days * 86_400) - (skip * (number - 1)) ** 2) <= MOST_LATE_S


def test_odd_names_are_drawn_as_they_are() -> None:
    tries = Tries(f"$x$\x1b{'y' * 90}@a.example (local, on a)", "local", [0.0, 100.0], "success")
    figure = draw(Retries("t", [tries], 604_800, 0))
    figure.canvas.draw()
    (words, _) = figure.legends[0].get_texts()
    assert words.get_text().startswith(r"\$x\$\x1byyy")
    assert words.get_window_extent().x1 < figure.bbox.x1


def test_nothing_tried_again_is_said() -> None:
    run = sim.run(sim.load(ROOT / "scenarios/02-local-delivery.yaml"))
    figure = run.plot_retries()
    assert "nothing was tried a second time" in [one.get_text() for one in figure.texts]
    assert draw(Retries("t", [], 604_800, 0)).texts
