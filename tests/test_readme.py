"""The README is true: its scenario loads and holds, its pictures exist, its screen is what is printed."""

from __future__ import annotations

import re
from pathlib import Path

import sim
from sim.scenario import loads

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_scenario_by_example_holds() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert sim.run(loads(text)).verdict.ok


def test_the_screen_is_what_is_printed() -> None:
    (screen,) = re.findall(r"\$ mailsim run (.*?)\n(.*?)```", README, re.DOTALL)
    assert screen[1].rstrip() == str(sim.run(sim.load(ROOT / screen[0])).summary).rstrip()


def test_the_pictures_exist() -> None:
    pictures = re.findall(r"\]\((tests/pictures/.*?)\)", README)
    assert pictures
    assert [name for name in pictures if not (ROOT / name).exists()] == []
