"""Make the README's pictures of the lesson page anew: ``python tests/remake_lesson.py``, with a Chromium."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import browser
from playwright.sync_api import sync_playwright

import sim
from sim.lab.futures import lesson
from sim.show.player.page import page

if TYPE_CHECKING:
    from playwright.sync_api import Page

HERE = Path(__file__).parent
SCENARIO = HERE.parent / "scenarios/02-local-delivery.yaml"
SCREEN = {"width": 1280, "height": 720}


def main() -> None:
    """The page as a viewer sees it: a letter on its way, and two futures side by side."""
    play = sim.load(SCENARIO)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        place = Path(folder) / "lesson.html"
        place.write_text(page(lesson(play, sim.run(play).trace)), encoding="utf-8")
        launched = driver.chromium.launch(executable_path=browser.chromium(), args=browser.ARGUMENTS)
        shown = launched.new_page(viewport=SCREEN, reduced_motion="reduce")
        shown.goto(f"file://{place}#step={browser.step(SCENARIO.stem, 'qmail-send write local/13')}")
        _picture(shown, "lesson-page.png")
        shown.goto(f"file://{place}#step={browser.step(SCENARIO.stem, 'qmail-send mark local/13') - 1}")
        shown.reload()
        shown.click(".host .crash-host")
        shown.locator(".option").nth(1).click()
        shown.click(".last")
        _picture(shown, "lesson-two-futures.png")
        launched.close()


def _picture(shown: Page, name: str) -> None:
    shown.wait_for_timeout(500)
    shown.screenshot(path=HERE / "pictures" / name)


if __name__ == "__main__":
    main()
