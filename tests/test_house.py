"""The house itself: lint, layout, types, the rooms' order, and what lies on the top floor."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOP = {"pyproject.toml", "sim", "scenarios", "notebooks", "tests", "README.md", "LICENSE"}


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return listed.stdout.split()


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "sim", "tests"],
        ["ruff", "format", "--check", "sim", "tests"],
        ["mypy", "--config-file", "pyproject.toml"],
        ["importlinter"],
    ],
    ids=lambda command: command[0] + " " + " ".join(command[1:2]),
)
def test_the_tools_have_nothing_to_say(command: list[str]) -> None:
    if command == ["importlinter"]:
        call = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    else:
        call = [sys.executable, "-m", *command]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_top_level_is_what_was_agreed() -> None:
    top = {name.split("/")[0] for name in tracked()}
    assert {name for name in top if not name.startswith(".")} == TOP


def test_nothing_is_committed_that_a_tool_made() -> None:
    made = [
        name
        for name in tracked()
        if re.search(r"\.pyc$|\.egg-info|(^|/)(build|dist|\.venv|__pycache__|\.ipynb_checkpoints)(/|$)|\.lock$", name)
    ]
    assert made == []


def test_modules_stay_readable() -> None:
    """About 250 lines read well; over 400 a module holds more than one thing."""
    sizes = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in ROOT.glob("sim/**/*.py")}
    assert {name: size for name, size in sizes.items() if size > 420} == {}


def test_heavy_libraries_stay_out_of_the_way() -> None:
    """``--help`` needs click alone; drawing libraries are loaded when something is drawn."""
    code = "import sys, sim.cli; print(' '.join(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in ("matplotlib", "networkx", "pydantic", "simpy", "rich", "ruamel.yaml", "dns"):
        assert name not in loaded.stdout.split()


def test_the_readme_gives_two_commands() -> None:
    commands = re.findall(r"^ *python3 -m venv .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(commands) == 2
    assert "mailsim run scenarios/01-first-letter.yaml" in commands[0]
    assert commands[1].endswith("pytest")
