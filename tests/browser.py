"""A real Chromium for the tests of the lesson page, and how to get one."""

from __future__ import annotations

import importlib.util
import os
import shutil
from functools import cache
from pathlib import Path

import sim

SCENARIOS = Path(__file__).parent.parent / "scenarios"

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
INSTALL = "apt-get install -y chromium && pip install playwright axe-playwright-python"


def chromium() -> str | None:
    """The path of the browser, or None when it or what drives it is missing."""
    driven = all(importlib.util.find_spec(name) for name in ("playwright", "axe_playwright_python"))
    return shutil.which("chromium") or shutil.which("chromium-browser") if driven else None


def demanded() -> bool:
    """Whether a missing browser is a failure: a machine that checks changes has to have one."""
    return bool(os.environ.get("CI"))


@cache
def _told(scenario: str) -> list[str]:
    trace = sim.run(SCENARIOS / f"{scenario}.yaml").trace
    return [f"{record.program} {record.verb} {record.target}" for record in trace]


def step(scenario: str, moment: str, nth: int = 0) -> int:
    """The page's number of a call, as in ``qmail-queue link todo/13``; ``nth`` tells apart those that are alike."""
    return [number for number, told in enumerate(_told(scenario)) if told == moment][nth]
