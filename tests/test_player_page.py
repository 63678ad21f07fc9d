"""The lesson page in a real browser: step, back, drag, crash, fork, link, keyboard, sizes, and what must never be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import browser
import pytest

import sim
from sim.lab.futures import futures
from sim.scenario import from_data, to_data
from sim.show.player.data import lesson
from sim.show.player.page import as_json, page, script, styles

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
DESK, PHONE = {"width": 1280, "height": 720}, {"width": 390, "height": 844}
LOCAL, FAR = "02-local-delivery", "08-crash-before-the-250"
LINKED = browser.step(LOCAL, "qmail-queue link mess/13")
WRITTEN = browser.step(LOCAL, "qmail-queue write mess/13")
PROMISED = browser.step(LOCAL, "qmail-queue link todo/13")
ADDRESSED = browser.step(LOCAL, "qmail-send write local/13")
MARKED = browser.step(LOCAL, "qmail-send mark local/13")
LAST = browser.step(LOCAL, "qmail-send time None", -1)
LATER = browser.step(FAR, "qmail-send open todo/12")
SENT = browser.step(FAR, "qmail-remote write tcp/1/client", 4)
SILENT = browser.step(FAR, "qmail-remote select tcp/1/client", -1)
FORKED = f"#step={WRITTEN}&fork=p128c0"
HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    path = browser.chromium()
    assert path is not None, f"no browser: {browser.INSTALL}"
    with sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=path, args=browser.ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def lessons(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages by name: a local letter, a crash that the scenario has, and a letter that means harm."""
    folder = tmp_path_factory.mktemp("lessons")
    data = to_data(sim.load("scenarios/01-first-letter.yaml"))
    data["mail"][0]["subject"] = HOSTILE
    data["title"] = HOSTILE
    floating = to_data(sim.load("scenarios/02-local-delivery.yaml"))
    floating["hosts"]["salman.itb.ac.id"]["filesystem"] = "async"
    plays = {
        "async": from_data(floating),
        "local": sim.load("scenarios/02-local-delivery.yaml"),
        "twice": sim.load("scenarios/07-twice-before-done.yaml"),
        "hostile": from_data(data),
        "far": sim.load("scenarios/08-crash-before-the-250.yaml"),
    }
    found = {}
    for name, play in plays.items():
        programs = ["qmail-queue"] if name == "async" else []
        forks = futures(play, programs=programs) if name in ("async", "local", "twice") else None
        told = lesson(play, sim.run(play).trace, forks)
        found[name] = folder / f"{name}.html"
        found[name].write_text(page(told), encoding="utf-8")
    return found


@contextmanager
def opened(chromium: Browser, path: Path, hash_: str = "", **words: Any) -> Iterator[Page]:
    """A page in a window of its own; nothing may be wrong in its console, and nothing may leave it."""
    context = chromium.new_context(viewport=words.pop("viewport", DESK), **words)
    shown = context.new_page()
    wrong: list[str] = []
    asked: list[str] = []
    shown.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    shown.on("pageerror", lambda error: wrong.append(str(error)))
    shown.on("request", lambda request: asked.append(request.url))
    shown.on("dialog", lambda dialog: wrong.append(dialog.message))
    shown.goto(f"file://{path}{hash_}")
    settled(shown)
    yield shown
    settled(shown)
    context.close()
    assert wrong == []
    assert {url.partition("#")[0] for url in asked if not url.startswith("data:")} == {f"file://{path}"}


def settled(shown: Page) -> None:
    """Two frames later, and a little more for the address bar."""
    shown.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    shown.wait_for_timeout(200)


def step_of(shown: Page) -> int:
    found = re.search(r"step (\d+) of", shown.locator(".clock").inner_text())
    assert found is not None
    return int(found[1])


def test_a_step_forward_and_back_give_the_same_picture(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["local"], f"#step={LINKED - 1}") as shown:
        assert step_of(shown) == LINKED - 1
        before = shown.locator("main").inner_text()
        shown.click(".forward")
        settled(shown)
        assert step_of(shown) == LINKED
        assert "mess/13" in shown.locator(".band .now").inner_text()
        assert "✉ 13" in shown.locator(".state.S2").inner_text()
        shown.click(".back")
        settled(shown)
        assert shown.locator("main").inner_text() == before


def test_every_state_is_lit_in_turn(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["local"]) as shown:
        seen = []
        for step in range(LINKED - 9, LAST + 1):
            shown.evaluate(f"player.go({step}); player.draw()")
            lit = shown.locator(".state.lit .state-name").all_inner_texts()
            seen += lit if lit != seen[-1:] else []
        assert seen == ["S2", "S3", "S4", "S5", "S2"]
        assert shown.locator(".count.delivered dd").inner_text() == "1"


def test_dragging_the_timeline_goes_to_any_step(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["local"]) as shown:
        box = shown.locator(".slider").bounding_box()
        assert box is not None
        y = box["y"] + box["height"] / 2
        shown.mouse.move(box["x"] + 11, y)
        shown.mouse.down()
        shown.mouse.move(box["x"] + box["width"] - 2, y, steps=12)
        settled(shown)
        assert step_of(shown) == LAST
        shown.mouse.move(box["x"] + box["width"] / 2, y, steps=12)
        shown.mouse.up()
        settled(shown)
        assert abs(step_of(shown) - LAST / 2) <= 3


def test_play_goes_on_by_itself_and_stops(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["local"], f"#step={LAST - 14}") as shown:
        shown.select_option(".speed", "30")
        shown.click(".play")
        for _ in range(40):
            if step_of(shown) == LAST:
                break
            shown.wait_for_timeout(100)
        settled(shown)
        assert step_of(shown) == LAST
        assert not shown.evaluate("player.transport.playing")


def test_the_next_event_of_a_kind(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["local"]) as shown:
        shown.select_option(".kind", "delivered")
        settled(shown)
        assert "~aku/Maildir/new/" in shown.locator(".band .now").inner_text()


def test_a_crash_shows_both_futures_side_by_side_and_is_kept(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["local"], f"#step={WRITTEN}") as shown:
        shown.click(".host .crash-host")
        assert shown.locator(".disks .option").count() == 2
        assert "mess/13 is empty: 244 bytes lost" in shown.locator(".disks").inner_text()
        shown.locator(".disks .option").first.click()
        settled(shown)
        assert shown.locator(".world").count() == 2
        assert "Without the crash" in shown.locator(".world").first.inner_text()
        assert "With the crash" in shown.locator(".world").last.inner_text()
        assert "no power" in shown.locator(".world").last.inner_text()
        assert "0 B" in shown.locator(".world").last.locator(".queue").inner_text()
        assert "244 B" in shown.locator(".world").first.locator(".queue").inner_text()
        shown.click('.tree [data-fork="none"]')
        settled(shown)
        assert shown.locator(".world").count() == 1
        assert shown.locator(".tree [data-fork]").count() == 2
        shown.locator(".tree [data-fork]").last.click()
        settled(shown)
        assert shown.locator(".world").count() == 2


def test_a_file_whose_other_name_is_lost_keeps_its_contents(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["async"], f"#step={PROMISED}") as shown:
        shown.click(".host .crash-host")
        wanted = shown.locator(".option").filter(has_text="intd/13 is gone").filter(has_not_text="todo/13 is gone")
        wanted.filter(has_not_text="mess/13 is gone").first.click()
        settled(shown)
        assert "55 B" in shown.locator(".world").last.locator(".queue").inner_text()
        assert "✉ 13" in shown.locator(".world").last.locator(".state.S4").inner_text()


def test_a_program_is_killed_by_a_click_on_it(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["local"], f"#step={WRITTEN}") as shown:
        shown.click('[data-program="qmail-queue"]')
        shown.get_by_role("button", name="Kill qmail-queue").click()
        settled(shown)
        right = shown.locator(".world").last
        assert right.locator(".program.dead").inner_text().endswith("qmail-queue")
        assert "killed" in shown.locator(".band .now").inner_text()


def test_every_fork_of_the_page_can_be_walked_to_its_end(chromium: Browser, lessons: dict[str, Path]) -> None:
    walk = """() => {
      const ends = new Set();
      player.data.points.forEach((point, number) => {
        const cuts = point[6].map((_, disk) => `p${number}c${disk}`);
        const names = [`p${number}a`, ...(point[4] < 0 ? [] : [`p${number}k`]), ...cuts];
        for (const name of names) {
          const crash = player.crashes.named(name);
          if (ends.has(crash.fork)) continue;
          ends.add(crash.fork);
          player.goFork(name);
          player.step = player.branch.last;
          player.draw();
        }
      });
      return [ends.size, player.data.forks.length];
    }"""
    with opened(chromium, lessons["local"]) as shown:
        walked, there = shown.evaluate(walk)
        assert walked == there > 100


def test_a_link_holds_step_and_fork_and_survives_reload(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["local"], f"#step={WRITTEN}") as shown:
        shown.click(".host .crash-host")
        shown.locator(".disks .option").first.click()
        shown.click(".forward")
        settled(shown)
        link = shown.evaluate("location.hash")
        assert re.fullmatch(rf"#step={WRITTEN + 2}&fork=p\d+c0", link)
        before = shown.locator("main").inner_text()
        shown.reload()
        settled(shown)
        assert shown.evaluate("location.hash") == link
        assert shown.locator("main").inner_text() == before
    with opened(chromium, lessons["local"], link) as shown:
        assert shown.locator("main").inner_text() == before
        shown.evaluate("location.hash = '#step=57'")
        settled(shown)
        assert step_of(shown) == 57


def test_the_readmes_link_is_the_moment_it_speaks_of(chromium: Browser, lessons: dict[str, Path]) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    (link,) = re.findall(r"`lesson\.html(#step=\d+&fork=p\d+c0)` is the power that fails", readme)
    assert link.startswith(f"#step={PROMISED + 1}&"), "right after link todo/13"
    with opened(chromium, lessons["local"], link) as shown:
        assert "no power" in shown.locator(".world").last.inner_text()
        assert "✉ 13" in shown.locator(".world").last.locator(".state.S4").inner_text()


def test_a_link_to_nowhere_shows_the_lesson(chromium: Browser, lessons: dict[str, Path]) -> None:
    for link in ("#step=99999&fork=p9999c9", "#step=-3", "#fork=%00", "#step=1e9&fork=__proto__"):
        with opened(chromium, lessons["local"], link) as shown:
            assert shown.locator(".world").count() == 1


def test_the_keyboard_alone_is_enough(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["local"], f"#step={WRITTEN - 1}") as shown:
        shown.keyboard.press("ArrowRight")
        settled(shown)
        assert step_of(shown) == WRITTEN
        shown.keyboard.press("c")
        for _ in range(12):
            if shown.evaluate("document.activeElement.dataset.crash ?? ''").endswith("c0"):
                break
            shown.keyboard.press("Tab")
        shown.keyboard.press("Enter")
        settled(shown)
        assert shown.locator(".world").count() == 2
        for key in ("ArrowRight", "ArrowLeft", "Home"):
            shown.keyboard.press(key)
            settled(shown)
        assert step_of(shown) == 0
        reached = set()
        for _ in range(60):
            shown.keyboard.press("Tab")
            reached.add(shown.evaluate("document.activeElement.className.baseVal ?? document.activeElement.className"))
        assert {"slider", "control play", "language", "predict", "crash-host", "kind", "speed"} <= reached


def test_focus_is_seen(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["local"]) as shown:
        shown.keyboard.press("Tab")
        width = shown.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert float(width.removesuffix("px")) >= 2


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("name", ["local", "far"])
def test_nothing_is_wider_than_the_window(
    chromium: Browser, lessons: dict[str, Path], viewport: dict[str, int], name: str
) -> None:
    for link in (f"#step={ADDRESSED}", FORKED):
        with opened(chromium, lessons[name], link, viewport=viewport) as shown:
            assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert shown.locator(".world").count() == (2 if link == FORKED and name == "local" else 1)


def test_predict_first_asks_and_keeps_the_score(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["local"], f"#step={LINKED - 1}") as shown:
        shown.check(".predict")
        shown.click(".forward")
        assert "Which state will letter 13 be in" in shown.locator(".question").inner_text()
        assert step_of(shown) == LINKED - 1
        shown.get_by_text("S2 –").click()
        shown.get_by_role("button", name="Answer").click()
        assert "Right." in shown.locator(".question").inner_text()
        shown.get_by_role("button", name="Show it").click()
        settled(shown)
        assert step_of(shown) == LINKED
        assert shown.locator(".score").inner_text() == "Score 1 of 1"
        shown.reload()
        shown.get_by_text("Score 1 of 1").wait_for()


def asked(shown: Page) -> bool:
    return bool(shown.locator(".question[open]").count())


def test_no_way_forward_goes_past_a_question(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["far"], "#step=20") as shown:
        first = shown.evaluate("player.data.questions[0].step")
        shown.click(".predict")
        shown.select_option(".kind", "crash")
        settled(shown)
        assert (asked(shown), step_of(shown)) == (True, first)
        shown.get_by_role("button", name="Skip").click()
        settled(shown)
        assert step_of(shown) == first + 1
        for way in ("n", "End"):
            shown.evaluate("player.lesson.asked.clear(); player.go(20)")
            shown.evaluate("document.activeElement.blur()")
            shown.keyboard.press(way)
            settled(shown)
            assert (asked(shown), step_of(shown)) == (True, first), way
            shown.keyboard.press("Escape")
        shown.evaluate("player.lesson.asked.clear(); player.go(20)")
        settled(shown)
        box, last = shown.locator(".slider").bounding_box(), shown.evaluate("player.branch.last")
        assert box is not None
        shown.mouse.move(box["x"] + 11 + (box["width"] - 22) * 20 / last, box["y"] + box["height"] / 2)
        shown.mouse.down()
        shown.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2, steps=12)
        settled(shown)
        assert (asked(shown), step_of(shown)) == (True, first)
        assert shown.locator(".slider").input_value() == str(first)
        shown.mouse.up()
        settled(shown)
        assert (asked(shown), step_of(shown)) == (True, first)


def test_an_answer_needs_a_choice(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["local"], f"#step={LINKED - 1}") as shown:
        shown.check(".predict")
        shown.click(".forward")
        shown.get_by_role("button", name="Answer").click()
        assert shown.locator(".question .verdict").inner_text() == "Choose one first."
        assert shown.evaluate("player.lesson.score.asked") == 0


def test_the_keyboard_works_after_a_click_on_the_checkbox(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["far"], "#step=20") as shown:
        shown.click(".predict")
        shown.keyboard.press("ArrowRight")
        settled(shown)
        assert step_of(shown) == 21
        shown.keyboard.press("n")
        settled(shown)
        assert step_of(shown) > 21
        assert not asked(shown)
        shown.keyboard.press(" ")
        assert not shown.locator(".predict").is_checked()


def test_predict_first_does_not_tell_what_is_to_come(chromium: Browser, lessons: dict[str, Path]) -> None:
    ahead = """() => {
      const { canvas, branch } = player.timeline;
      const from = Math.round((11 + (player.step / branch.last) * (canvas.width - 22)) + 10);
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
      copy.drawImage(canvas, 0, 0);
      return copy.getImageData(from, 0, canvas.width - from, canvas.height).data.some((one) => one);
    }"""
    with opened(chromium, lessons["far"], f"#step={LATER}") as shown:
        assert shown.evaluate(ahead)
        assert "arrives twice" in shown.locator(".about").inner_text()
        shown.check(".predict")
        settled(shown)
        assert not shown.evaluate(ahead)
        assert "crash" not in shown.locator(".mark-legend").inner_text()
        assert "promise" in shown.locator(".mark-legend").inner_text()
        assert "arrives twice" not in shown.locator(".about").inner_text()
        shown.evaluate("player.go(player.branch.last)")
        settled(shown)
        assert "crash" in shown.locator(".mark-legend").inner_text()
        assert "arrives twice" in shown.locator(".about").inner_text()


def test_on_a_phone_a_crash_is_in_sight(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["local"], f"#step={WRITTEN}", viewport={"width": 375, "height": 760}) as shown:
        shown.click(".host .crash-host")
        shown.locator(".disks .option").first.click()
        settled(shown)
        places = [
            shown.locator(one).bounding_box()
            for one in (".band", ".world:last-child .world-top", ".world:last-child .host", "footer")
        ]
        band, banner, host, bar = [one for one in places if one is not None]
        assert band["y"] + band["height"] <= banner["y"] < host["y"] < host["y"] + host["height"] <= bar["y"]
        assert bar["height"] <= 0.16 * 760
        cut = "[...document.querySelectorAll('.queue .file')].filter((one) => one.scrollWidth > one.clientWidth).length"
        assert shown.evaluate(cut) == 0


def test_a_future_is_predicted_before_it_is_shown(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["local"], f"#step={MARKED - 1}") as shown:
        shown.check(".predict")
        shown.click(".host .crash-host")
        shown.locator(".option").nth(1).click()
        assert "What will become of the letter?" in shown.locator(".question").inner_text()
        assert shown.locator(".world").count() == 1
        shown.get_by_text("The letter arrives twice.").click()
        shown.get_by_role("button", name="Answer").click()
        assert "Right." in shown.locator(".question").inner_text()


def test_the_page_speaks_indonesian(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["local"], f"#step={PROMISED}") as shown:
        assert shown.locator(".band .now").get_attribute("aria-live") == "polite"
        english = shown.locator(".band .now").inner_text()
        shown.select_option(".language", "id")
        settled(shown)
        assert "todo/13" in shown.locator(".band .now").inner_text()
        assert shown.locator(".band .now").inner_text() != english
        assert "Tebak dulu" in shown.locator("header").inner_text()
        assert shown.evaluate("document.documentElement.lang") == "id"


def test_the_scenarios_own_crash_is_what_one_sees_first(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["twice"]) as shown:
        shown.click(".last")
        settled(shown)
        assert shown.locator(".count.twice dd").inner_text() == "⚠ 1"
        shown.click('.tree [data-fork="none"]')
        shown.click(".last")
        settled(shown)
        assert shown.locator(".count.twice dd").inner_text() == "0"


def test_idle_time_is_folded_and_says_so(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["far"]) as shown:
        shown.select_option(".kind", "boot")
        settled(shown)
        assert shown.locator(".quiet").inner_text() == "⋯ 1 min with nothing happening: folded"


def test_a_letter_travels_and_the_dialogue_is_told(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["far"], f"#step={SENT}") as shown:
        assert shown.locator(".flying.letter").count() == 1
        assert "RCPT TO:<wahid@students.itb.ac.id>" in shown.locator(".talk-panel").inner_text()
        assert "starting delivery 1" in shown.locator(".panel").last.inner_text()


def test_the_front_end_can_be_mounted_in_another_page_and_taken_away(chromium: Browser) -> None:
    run = sim.run("scenarios/02-local-delivery.yaml")
    context = chromium.new_context(viewport=DESK)
    shown = context.new_page()
    shown.set_content("<main id=cell></main>")
    shown.add_script_tag(type="module", content=script().replace("export { mount };", "window.mount = mount;"))
    shown.add_style_tag(content=styles())
    put = "(data) => { window.leave = mount(document.getElementById('cell'), JSON.parse(data)); }"
    shown.evaluate(put, as_json(lesson(run.scenario, run.trace)))
    settled(shown)
    shown.click(".forward")
    settled(shown)
    assert step_of(shown) == 1
    assert shown.evaluate("location.hash") == ""
    shown.evaluate("leave()")
    assert shown.locator("#cell > *").count() == 0
    context.close()


def test_a_hostile_letter_is_shown_as_text(chromium: Browser, lessons: dict[str, Path]) -> None:
    with opened(chromium, lessons["hostile"]) as shown:
        shown.click(".last")
        shown.locator(".talk-panel .link").click()
        settled(shown)
        assert f"Subject: {HOSTILE}" in shown.locator(".talk-panel").inner_text()
        assert shown.locator("h1").inner_text() == HOSTILE
        assert shown.locator("img").count() == 0


def test_reduced_motion_is_respected(chromium: Browser, lessons: dict[str, Path]) -> None:
    moving = "getComputedStyle(document.querySelector('.flying')).transitionDuration"
    with opened(chromium, lessons["far"], f"#step={SENT}", reduced_motion="reduce") as shown:
        assert shown.evaluate(moving) == "0s"
    with opened(chromium, lessons["far"], f"#step={SENT}") as shown:
        assert shown.evaluate(moving) != "0s"


@pytest.mark.parametrize(
    ("name", "link", "act"),
    [
        ("local", f"#step={ADDRESSED}", ""),
        ("local", FORKED, ""),
        ("local", f"#step={WRITTEN}", ".host .crash-host"),
        ("far", f"#step={SILENT}", ""),
    ],
)
def test_axe_finds_nothing_serious(chromium: Browser, lessons: dict[str, Path], name: str, link: str, act: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with opened(chromium, lessons[name], link) as shown:
        if act:
            shown.click(act)
        found = Axe().run(shown).response["violations"]
        serious = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
        assert serious == []
