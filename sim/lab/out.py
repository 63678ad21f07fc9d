"""What ``crash-test --out`` leaves behind: every crash as JSON, the table, the grid, the counterexample to replay."""

from __future__ import annotations

import json
from pathlib import Path

from sim.lab.counterexample import as_scenario, smallest
from sim.lab.report import Report
from sim.lab.story import story
from sim.lab.table import grid, table
from sim.scenario import Scenario, to_yaml
from sim.show import grid as pictures
from sim.show.ink import KINDS, write
from sim.show.out import MADE_BY, put


def write_out(report: Report, play: Scenario, directory: Path) -> None:
    """Write all files, or leave everything as it was; raises as ``sim.show.out`` does."""

    def make(new: Path) -> None:
        data = report.to_data()
        told = {"made_by": MADE_BY, "title": play.title, "ok": report.ok, "totals": data["totals"]}
        _text(new / "summary.json", json.dumps(told, indent=1, ensure_ascii=False))
        _text(new / "crashes.json", json.dumps(data, indent=1))
        _text(new / "crashes.txt", str(table(report)))
        figure = pictures.draw(grid(report, play.title))
        for kind in KINDS:
            write(figure, new / f"crashes.{kind}")
        _counterexample(report, new)

    put(directory, make)


def _counterexample(report: Report, new: Path) -> None:
    found = smallest(report)
    if found is None:
        return
    _text(new / "counterexample.txt", str(story(found, not report.interrupted)))
    try:
        _text(new / "counterexample.yaml", to_yaml(as_scenario(found)).rstrip("\n"))
    except LookupError as problem:
        _text(new / "counterexample.yaml", f"# It cannot be written as a scenario: {problem}")


def _text(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")
