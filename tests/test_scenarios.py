"""Every shipped scenario holds, teaches something, and prints what was recorded."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest
from remake import HERE, SCENARIOS, recorded

import sim
from sim.lab.crash_test import as_told
from sim.lab.expected import held


@pytest.fixture(scope="module", params=SCENARIOS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    chosen: Path = request.param
    return chosen


def test_it_holds(path: Path) -> None:
    verdict = sim.run(sim.load(path)).verdict
    assert verdict.broken == []
    assert [one.text for one in verdict.expectations if not one.holds] == []


def test_it_teaches_and_expects(path: Path) -> None:
    play = sim.load(path)
    assert play.lesson
    assert play.expect


def test_it_prints_what_was_recorded(path: Path) -> None:
    was = (HERE / "recorded" / f"{path.stem}.txt").read_text(encoding="utf-8")
    now = recorded(path)
    changes = difflib.unified_diff(was.splitlines(), now.splitlines(), "recorded", "now", lineterm="")
    assert was == now, "\n".join(["python tests/remake.py makes it anew; first look at:", *changes])


EXPERIMENTS = [path for path in SCENARIOS if sim.load(path).laboratory.expect]


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_an_experiment_finds_what_it_expects(path: Path) -> None:
    play = sim.load(path)
    report = as_told(play, play.laboratory)
    found = held(report, play.laboratory.expect, play.laboratory.filesystems)
    assert [one.text for one in found if not one.holds] == []
    assert len(found) == len(play.laboratory.expect)


def test_nothing_is_recorded_of_a_scenario_that_is_gone() -> None:
    assert {one.stem for one in (HERE / "recorded").glob("*.txt")} == {one.stem for one in SCENARIOS}
