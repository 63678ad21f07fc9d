"""Make the recorded outputs, the README's screen and its pictures anew: ``python tests/remake.py``.

What it writes is test data: look at every difference before you commit it.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import browser

import sim
from sim.lab.crash_test import as_told
from sim.lab.expected import held, told
from sim.lab.table import grid, table
from sim.scenario import Scenario
from sim.show.grid import Grid
from sim.show.grid import draw as draw_grid

HERE = Path(__file__).parent
SCENARIOS = sorted((HERE.parent / "scenarios").glob("*.yaml"))
LONGEST, BEGINNING, ENDING = 200, 50, 10  # lines of one part of a recording
PICTURES = {
    "timeline-backup-exchanger.png": ("04-backup-exchanger", "timeline"),
    "map-backup-exchanger.png": ("04-backup-exchanger", "map"),
    "queue-crash-while-queueing.png": ("06-crash-while-queueing", "queue"),
}
CRASHED = HERE.parent / "scenarios/02-local-delivery.yaml"
CRASHES = HERE / "pictures/crashes-local-delivery.png"


def recorded(path: Path) -> str:
    """All that a person sees of one scenario, as plain text: summary, dialogues, and each host's log and queue."""
    run = sim.run(sim.load(path))
    parts = [_part("mailsim run", run.summary)]
    parts += [_part("what people typed", run.steps)] if run.scenario.steps else []
    parts.append("\n\n".join(_part(f"dialogue {one.name}", run.transcript(one.name)) for one in run.dialogues))
    for host, config in run.scenario.hosts.items():
        if config.mta != "none":
            parts += [_part(f"log of {host}", run.log(host)), _part(f"queue of {host}", run.queue(host))]
    parts += [_part("mailsim crash-test", crashes(run.scenario))] if run.scenario.laboratory.expect else []
    return "\n\n".join(_shortened(part) for part in parts if part) + "\n"


def crashes(play: Scenario) -> str:
    """What crash-test prints of an experiment, from the totals on, and whether that is as expected."""
    report = as_told(play, play.laboratory)
    text = str(table(report))
    totals = re.search(r"^ *\d+  \w", text, re.MULTILINE)
    assert totals is not None
    judged = held(report, play.laboratory.expect, play.laboratory.filesystems)
    return f"{text[totals.start() :]}\n{told(judged)}"


def _part(title: str, view: object) -> str:
    return f"=== {title} ===\n\n{str(view).rstrip()}"


def _shortened(text: str) -> str:
    """A long part by its beginning and its end, with a digest of what lies between, so that no change escapes."""
    lines = text.split("\n")
    if len(lines) <= LONGEST:
        return text
    between = lines[BEGINNING:-ENDING]
    digest = hashlib.sha256("\n".join(between).encode()).hexdigest()[:16]
    return "\n".join([*lines[:BEGINNING], f"[{len(between)} lines, SHA-256 {digest}…]", *lines[-ENDING:]])


def readme(text: str) -> str:
    """The README with its screen of output as it is printed now."""

    def screen(found: re.Match[str]) -> str:
        run = sim.run(sim.load(HERE.parent / found[1]))
        return f"$ mailsim run {found[1]}\n{str(run.summary).rstrip()}\n```"

    return re.sub(r"\$ mailsim run (\S+)\n.*?```", screen, text, flags=re.DOTALL)


def crash_grid(play: Scenario) -> Grid:
    """The crash grid on two file systems: the one that qmail was made for, and one that breaks its promises."""
    return grid(sim.crash_test(play, filesystems=("ffs", "journaled")), play.title)


def digest(shown: Grid) -> str:
    """What the picture of a grid carries as its comment, so that a test sees when it is out of date."""
    return hashlib.sha256(repr(shown).encode()).hexdigest()


def main() -> None:
    page = HERE.parent / "README.md"
    page.write_text(readme(page.read_text(encoding="utf-8")), encoding="utf-8")
    for path in SCENARIOS:
        (HERE / "recorded" / f"{path.stem}.txt").write_text(recorded(path), encoding="utf-8")
    for name, (stem, kind) in PICTURES.items():
        run = sim.run(sim.load(HERE.parent / "scenarios" / f"{stem}.yaml"))
        draw = {"timeline": run.plot_timeline, "map": run.plot_map, "queue": run.plot_queue}
        draw[kind]().savefig(HERE / "pictures" / name, dpi=110, metadata={"Software": None})
    shown = crash_grid(sim.load(CRASHED))
    draw_grid(shown).savefig(CRASHES, dpi=110, metadata={"Software": None, "Comment": digest(shown)})
    if browser.chromium() is not None:
        import remake_lesson  # needs what drives a browser

        remake_lesson.main()


if __name__ == "__main__":
    main()
