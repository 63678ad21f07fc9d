"""How heavy and quick the lesson page is: ``python tests/benchmarks/player.py``; exit status 1 when a bar is missed.

Sizes are bytes of the file. Times are the browser's own clock in headless Chromium, from the beginning of the
navigation to the first picture; frames are the time between two animation frames while a mouse drags the timeline.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import browser  # noqa: E402
from bench import ROUNDS, TWO_HOSTS, Line, show  # noqa: E402

import sim  # noqa: E402
from sim import scenario  # noqa: E402
from sim.lab.futures import futures  # noqa: E402
from sim.show.player.data import lesson  # noqa: E402
from sim.show.player.page import page  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Page

ONE_LETTER = ("02-local-delivery", "01-first-letter", "08-crash-before-the-250")
MOST_BYTES, MOST_READY_MS, MOST_FRAME_MS = 1_000_000, 1_000.0, 33.0
RECORDS, LETTERS = 20_000, 50
MOVES = 400
WATCH = """() => {
  window.frames_ms = [];
  let last = performance.now();
  const tick = (now) => { window.frames_ms.push(now - last); last = now; requestAnimationFrame(tick); };
  requestAnimationFrame(tick);
}"""


def lines() -> list[Line]:
    from playwright.sync_api import sync_playwright

    found = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        path = browser.chromium()
        assert path is not None, browser.INSTALL
        launched = driver.chromium.launch(executable_path=path, args=browser.ARGUMENTS)
        shown = launched.new_page(viewport={"width": 1280, "height": 720})
        for name in ONE_LETTER:
            place = _lesson_of(Path(folder), name)
            size = place.stat().st_size
            found.append(Line(f"page of {name}, all futures", f"{size / 1000:.0f} kB", "≤ 1000 kB", size <= MOST_BYTES))
            ready = median(_ready(shown, place) for _ in range(ROUNDS))
            found.append(Line("  ready after", f"{ready:.0f} ms", "≤ 1000 ms", ready <= MOST_READY_MS))
        found += _long(shown, Path(folder))
        launched.close()
    return found


def _lesson_of(folder: Path, name: str) -> Path:
    play = sim.load(ROOT / f"scenarios/{name}.yaml")
    place = folder / f"{name}.html"
    place.write_text(page(lesson(play, sim.run(play).trace, futures(play))), encoding="utf-8")
    return place


def _ready(shown: Page, place: Path) -> float:
    shown.goto(f"file://{place}")
    return float(shown.evaluate("performance.getEntriesByName('ready')[0].startTime"))


def _long(shown: Page, folder: Path) -> list[Line]:
    """A run of twenty thousand records, dragged to and fro and stepped."""
    play = scenario.loads(TWO_HOSTS.format(copies=LETTERS, until=600))
    trace = sim.run(play).trace
    assert len(trace) >= RECORDS, len(trace)
    place = folder / "long.html"
    place.write_text(page(lesson(play, trace)), encoding="utf-8")
    ready = median(_ready(shown, place) for _ in range(3))
    frames = _dragged(shown)
    worst = quantiles(frames, n=20)[-1]
    back = _back(shown)
    return [
        Line(f"a run of {len(trace)} records", f"{place.stat().st_size / 1000:.0f} kB"),
        Line("  ready after", f"{ready:.0f} ms"),
        Line("  95th percentile of frames in a drag", f"{worst:.1f} ms", "≤ 33 ms", worst <= MOST_FRAME_MS),
        Line("  median of frames in a drag", f"{median(frames):.1f} ms"),
        Line("  a step back, with its picture (median)", f"{back:.1f} ms", "≤ 33 ms", back <= MOST_FRAME_MS),
    ]


def _dragged(shown: Page) -> list[float]:
    box = shown.locator(".slider").bounding_box()
    assert box is not None
    left, right, y = box["x"] + 12, box["x"] + box["width"] - 12, box["y"] + box["height"] / 2
    shown.mouse.move(left, y)
    shown.mouse.down()
    shown.evaluate(WATCH)
    for there in (right, left + (right - left) * 0.3, right * 0.9, left):
        shown.mouse.move(there, y, steps=MOVES // 4)
    frames = [float(one) for one in shown.evaluate("window.frames_ms")]
    shown.mouse.up()
    return frames[2:]


def _back(shown: Page) -> float:
    took = """() => {
      player.go(player.branch.last);
      player.draw();
      const found = [];
      for (let n = 0; n < 200; n += 1) {
        const start = performance.now();
        player.step -= 1;
        player.draw();
        found.push(performance.now() - start);
      }
      return found;
    }"""
    return median(float(one) for one in shown.evaluate(took))


if __name__ == "__main__":
    sys.exit(show(lines()))
