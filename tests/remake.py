"""Make the recorded outputs, the README's screen and its pictures anew: ``python tests/remake.py``.

``python tests/remake.py lesson`` makes the pictures of the lesson page alone; they need a Chromium. What it writes is
test data: look at every difference before you commit it.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import browser

import sim
from sim.lab.futures import futures
from sim.show.player.data import lesson
from sim.show.player.page import page

if TYPE_CHECKING:
    from playwright.sync_api import Page

HERE = Path(__file__).parent
SCENARIOS = sorted((HERE.parent / "scenarios").glob("*.yaml"))
LONGEST, BEGINNING, ENDING = 200, 50, 10  # lines of one part of a recording
PICTURES = {
    "timeline-backup-exchanger.png": ("04-backup-exchanger", "timeline"),
    "map-backup-exchanger.png": ("04-backup-exchanger", "map"),
    "queue-crash-while-queueing.png": ("06-crash-while-queueing", "queue"),
}
LESSON = "02-local-delivery"
SCREEN = {"width": 1280, "height": 720}


def recorded(path: Path) -> str:
    """All that a person sees of one scenario, as plain text: summary, dialogues, and each host's log and queue."""
    run = sim.run(sim.load(path))
    parts = [_part("mailsim run", run.summary)]
    parts += [_part("what people typed", run.steps)] if run.scenario.steps else []
    parts.append("\n\n".join(_part(f"dialogue {one.name}", run.transcript(one.name)) for one in run.dialogues))
    for host, config in run.scenario.hosts.items():
        if config.mta != "none":
            parts += [_part(f"log of {host}", run.log(host)), _part(f"queue of {host}", run.queue(host))]
    return "\n\n".join(_shortened(part) for part in parts if part) + "\n"


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


def pictures_of_the_lesson() -> None:
    """The page as a viewer sees it: a letter on its way, and two futures side by side."""
    from playwright.sync_api import sync_playwright

    play = sim.load(HERE.parent / f"scenarios/{LESSON}.yaml")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        place = Path(folder) / "lesson.html"
        place.write_text(page(lesson(play, sim.run(play).trace, futures(play))), encoding="utf-8")
        launched = driver.chromium.launch(executable_path=browser.chromium(), args=browser.ARGUMENTS)
        shown = launched.new_page(viewport=SCREEN, reduced_motion="reduce")
        shown.goto(f"file://{place}#step=144")
        _picture(shown, "lesson-page.png")
        shown.goto(f"file://{place}#step=238")
        shown.reload()
        shown.click(".host .crash-host")
        shown.locator(".option").nth(1).click()
        shown.click(".last")
        _picture(shown, "lesson-two-futures.png")
        launched.close()


def _picture(shown: Page, name: str) -> None:
    shown.wait_for_timeout(500)
    shown.screenshot(path=HERE / "pictures" / name)


def main() -> None:
    pictures_of_the_lesson()
    if sys.argv[1:] == ["lesson"]:
        return
    front = HERE.parent / "README.md"
    front.write_text(readme(front.read_text(encoding="utf-8")), encoding="utf-8")
    for path in SCENARIOS:
        (HERE / "recorded" / f"{path.stem}.txt").write_text(recorded(path), encoding="utf-8")
    for name, (stem, kind) in PICTURES.items():
        run = sim.run(sim.load(HERE.parent / "scenarios" / f"{stem}.yaml"))
        figure = {"timeline": run.plot_timeline, "map": run.plot_map, "queue": run.plot_queue}[kind]()
        figure.savefig(HERE / "pictures" / name, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
