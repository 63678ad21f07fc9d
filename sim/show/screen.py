"""The screen that ``mailsim run`` prints: what it was about, what happened, and whether all is well."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from sim.scenario import Scenario
from sim.show.clock import full_date, span
from sim.show.escape import readable, visible
from sim.show.story import Event
from sim.show.view import WIDTH, Span, View, emit

if TYPE_CHECKING:
    from rich.console import Console

SHOWN_ALIKE = 2
FOLDED_FROM = 6
_SIGNS = {
    "delivered": ("✓", "green"),
    "promised": ("✓", "cyan"),
    "handed over": ("→", "green"),
    "written": ("·", "bold"),
    "no connection": ("…", "yellow"),
    "refused": ("✗", "yellow"),
    "deferred": ("…", "yellow"),
    "failed": ("✗", "red"),
    "bounced": ("✗", "red"),
    "alert": ("✗", "red"),
    "never": ("!", "yellow"),
    "crash": ("✗", "bold red"),
    "boot": ("·", "bold green"),
}
_NUMBER = re.compile(r"\d+")


class Finished(Protocol):
    """A run that can be summed up."""

    @property
    def summary(self) -> View: ...


class Held(Protocol):
    """An expectation, judged."""

    @property
    def text(self) -> str: ...
    @property
    def holds(self) -> bool: ...
    @property
    def found(self) -> str: ...


class Judgement(Protocol):
    """What the screen asks of a verdict."""

    @property
    def lines(self) -> list[str]: ...
    @property
    def broken(self) -> list[str]: ...
    @property
    def expectations(self) -> Sequence[Held]: ...
    @property
    def ok(self) -> bool: ...


def show(finished: Finished, console: Console) -> None:
    """Print the summary of a run: in colour on a terminal, plain elsewhere."""
    if console.is_terminal:
        console.print(finished.summary)
    else:
        emit(finished.summary, console.file)


def summary_view(play: Scenario, events: Sequence[Event], verdict: Judgement) -> View:
    """Title, lesson, events, verdict, expectations; nothing is wider than ``WIDTH`` columns."""
    rows: list[list[Span]] = [_wrapped(play.title, "bold")[0]]
    rows += _wrapped(play.title, "bold")[1:] + _wrapped(play.lesson, "dim", "  ")
    rows += [[], [(f"{'second':>11}", "dim")], *story_rows(events), [], [("verdict", "bold")]]
    for line in verdict.lines:
        rows += _wrapped(line, "", "  ")
    for line in verdict.broken:
        rows += _wrapped(f"✗ {line}", "red", "  ")
    if verdict.expectations:
        rows += [[], [("expected", "bold")]]
    for one in verdict.expectations:
        found = "" if one.holds else f" (found: {one.found})"
        rows += _wrapped(f"{'✓' if one.holds else '✗'} {one.text}{found}", "green" if one.holds else "red", "  ")
    begins = full_date(play.start, 0)
    rows += [[], [(f"seed {play.seed}, {span(play.until)} from {begins}", "dim")]]
    return View(rows)


def _wrapped(text: str, style: str, indent: str = "") -> list[list[Span]]:
    hanging = indent + ("  " if text[:2] in ("✓ ", "✗ ") else "")
    lines = textwrap.wrap(
        visible(text), WIDTH, initial_indent=indent, subsequent_indent=hanging, break_on_hyphens=False
    )
    return [[(line, style)] for line in lines]


def story_rows(events: Iterable[Event]) -> list[list[Span]]:
    """A line or two for each event, under its host; of many alike only the first two, and how many more."""
    rows: list[list[Span]] = []
    host, counted = "", _alike(events)
    for event, more, last in counted:
        if event.host != host:
            host = event.host
            rows.append([(host, "bold cyan")])
        rows += _event_rows(event)
        if more:
            rows.append([(f"{'':15}({more} more like this, the last at {last:.3f} s)", "dim")])
    return rows or [[("nothing happened", "dim")]]


def _alike(events: Iterable[Event]) -> list[tuple[Event, int, float]]:
    """The events to show, each with how many it stands for and when the last of them was; a few alike stay apart."""
    told = [(event, (event.host, event.kind, _NUMBER.sub("#", event.text))) for event in events]
    counts = Counter(key for _, key in told)
    shown: list[tuple[Event, int, float]] = []
    seen: dict[tuple[str, str, str], list[int]] = {}
    for event, key in told:
        places = seen.setdefault(key, [])
        if counts[key] < FOLDED_FROM or len(places) < SHOWN_ALIKE:
            places.append(len(shown))
            shown.append((event, 0, event.t))
        else:
            first, more, _ = shown[places[-1]]
            shown[places[-1]] = (first, more + 1, event.t)
    return shown


def _event_rows(event: Event) -> list[list[Span]]:
    sign, style = _SIGNS.get(event.kind, (" ", "dim"))
    lines = textwrap.wrap(visible(readable(event.text)), WIDTH - 15, break_on_hyphens=False) or [""]
    first: list[Span] = [(f"{event.t:11.3f}  ", "dim"), (f"{sign} ", style), (lines[0], style)]
    return [first, *([(f"{'':15}{line}", style)] for line in lines[1:])]
