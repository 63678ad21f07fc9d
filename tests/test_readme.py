"""The README is true: its scenario loads and holds, its pictures exist, its screen is what is printed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from PIL import Image
from remake import CRASHED, CRASHES, crash_grid, digest

import sim
from sim.scenario import loads

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_scenario_by_example_holds() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert len(examples) == 2
    for text in examples:
        run = sim.run(loads(text))
        assert run.verdict.ok, run.summary
        assert not any(event.kind == "never" for event in run.story)


def test_the_screen_is_what_is_printed() -> None:
    (screen,) = re.findall(r"\$ mailsim run (.*?)\n(.*?)```", README, re.DOTALL)
    assert screen[1].rstrip() == str(sim.run(sim.load(ROOT / screen[0])).summary).rstrip()


def test_the_pictures_exist() -> None:
    pictures = re.findall(r"\]\((tests/pictures/.*?)\)", README)
    assert pictures
    assert [name for name in pictures if not (ROOT / name).exists()] == []


def test_the_crash_grid_shows_what_the_laboratory_finds() -> None:
    with Image.open(CRASHES) as picture:
        assert picture.info["Comment"] == digest(crash_grid(sim.load(CRASHED))), "python tests/remake.py draws it anew"


def test_the_drawing_of_the_rooms_is_the_one_that_imports_are_held_to() -> None:
    drawing = README.partition("## The rooms")[2].partition("```text\n")[2].partition("```")[0]
    drawn = re.findall(r"^((?: \| )?[a-z]+(?: \| [a-z]+)?) ", drawing, re.MULTILINE)
    rooms = "\n".join(drawn).replace("\n | ", " | ").split("\n")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert rooms == contracts[0]["layers"]
