"""run.player(): what goes to the browser, what a notebook without widgets shows, and what is said without anywidget."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.run import Run
from sim.scenario import Scenario
from sim.show import widget
from sim.trace import Trace

SCENARIO = Path(__file__).parent.parent / "scenarios" / "02-local-delivery.yaml"
SCRIPT = "export function mount(element, data) { element.textContent = data.title; }\n"
STYLES = ".player { color: black; }\n@media (max-width: 760px) { .map { display: none; } }\n"
HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def finished() -> Run:
    return sim.run(sim.load(SCENARIO))


def lesson(play: Scenario, trace: Trace) -> dict[str, Any]:
    return {"title": HOSTILE, "hosts": list(play.hosts), "steps": len(trace)}


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A front end and a laboratory that stand for the real ones."""
    front, futures = types.ModuleType("sim.show.player.page"), types.ModuleType("sim.lab.futures")
    front.script, front.styles = (lambda: SCRIPT), (lambda: STYLES)  # type: ignore[attr-defined]
    futures.lesson = lesson  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sim.show.player", types.ModuleType("sim.show.player"))
    monkeypatch.setitem(sys.modules, "sim.show.player.page", front)
    monkeypatch.setitem(sys.modules, "sim.lab.futures", futures)
    widget._widget_class.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the widget libraries, not ours
        yield
    widget._widget_class.cache_clear()


def bundle(shown: Any) -> dict[str, Any]:
    found = shown._repr_mimebundle_()
    return dict(found[0])


@pytest.mark.usefixtures("page")
def test_one_module_styles_and_data_as_json_go_to_the_browser(finished: Run) -> None:
    state = finished.player().get_state()
    assert state["_esm"].startswith(SCRIPT)
    assert "mount(root, JSON.parse(model.get" in state["_esm"]
    assert state["_css"].startswith(".player { color: black; }\n@container (max-width: 760px)")
    assert json.loads(state["lesson"]) == lesson(finished.scenario, finished.trace)


@pytest.mark.usefixtures("page")
def test_where_no_widget_runs_there_is_a_picture_of_the_same_run(finished: Run) -> None:
    shown = bundle(finished.player())
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert base64.b64decode(shown["image/png"]) == finished.plot_timeline()._repr_png_()  # type: ignore[attr-defined]
    assert shown["text/plain"] == repr(finished)


@pytest.mark.usefixtures("page")
def test_two_players_are_two_widgets_of_one_class(finished: Run) -> None:
    one, other = finished.player(), finished.player()
    assert isinstance(one, widget._widget_class(SCRIPT, STYLES))
    assert isinstance(other, widget._widget_class(SCRIPT, STYLES))
    assert one.model_id != other.model_id


@pytest.mark.usefixtures("page")
def test_without_anywidget_it_says_what_to_install(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(ImportError, match=r"pip install 'mailsim\[notebook\]'"):
        finished.player()


def test_anywidget_is_not_loaded_before_a_player_is_asked_for() -> None:
    code = "import sim.run, sim.show.widget, sys; print([m for m in ('anywidget', 'ipywidgets') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout == "[]\n"
