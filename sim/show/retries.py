"""When qmail tried again: the attempts of every recipient who was put off, over the line of the formula.

An attempt that starts at age a is followed by one at age (floor(sqrt(a)) + skip)², with skip 10 for local and 20 for
remote recipients (THOUGHTS, section 2): the k-th comes at 100·k² or 400·k² seconds. So the number of an attempt goes
with the square root of the age, and the age at which the last one is due follows from the queue's lifetime.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sim.folds.figures import arrivals, born
from sim.folds.log import attempts
from sim.scenario import Scenario
from sim.show import style
from sim.show.clock import span
from sim.show.escape import fitted
from sim.show.happenings import short_names
from sim.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SKIPS = {"local": 10, "remote": 20}
LIFETIME_S = 604_800
MOST_RECIPIENTS = 6
DAY_S, EARLY_S, SHORT_S = 86_400.0, 7200.0, 21_600.0
STEPS = (1, 2, 5, 10, 20, 30, 60, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000)
MARKERS = ("o", "s", "^", "D", "v", "P")
PLOT_IN, LEFT_IN, GAP_IN = 3.6, 0.85, 0.7
LABEL = 54


@dataclass(slots=True)
class Tries:
    """One recipient of one message: ages of the attempts (seconds since its birth), and how the last one ended."""

    label: str
    channel: str
    ages: list[float]
    result: str | None

    @property
    def again(self) -> bool:
        """Whether there was another attempt later on; numbers that come again at one instant look like two at once."""
        return self.ages[-1] > self.ages[0]

    @property
    def formula(self) -> list[int]:
        """The ages at which the formula has as many attempts."""
        return schedule(SKIPS[self.channel], len(self.ages))

    @property
    def latest(self) -> float:
        """By how much an attempt came after the formula's time at most, in seconds; less than 0 if all were early."""
        return max(age - due for age, due in zip(self.ages, self.formula, strict=True))


@dataclass(slots=True)
class Retries:
    """All that is drawn, one message for each recipient; ``hidden`` ones had no room, or would look the same."""

    title: str
    tries: list[Tries]
    lifetime_s: float
    hidden: int


def schedule(skip: int, count: int) -> list[int]:
    """The ages of the first attempts, each reckoned from the one before (seconds).

    >>> schedule(20, 5), schedule(10, 79)[-1], schedule(20, 40)[-1]
    ([0, 400, 1600, 3600, 6400], 608400, 608400)
    """
    ages: list[int] = []
    for _ in range(count):
        ages.append((math.isqrt(ages[-1]) + skip) ** 2 if ages else 0)
    return ages


def last_attempt(skip: int, lifetime_s: float) -> tuple[int, int]:
    """How many attempts there are until a message is older than the lifetime, and the age of the last (seconds).

    >>> last_attempt(10, 604_800), last_attempt(20, 604_800)
    ((79, 608400), (40, 608400))
    """
    count, age = 1, 0
    while age <= lifetime_s:
        count, age = count + 1, (math.isqrt(age) + skip) ** 2
    return count, age


def retries(play: Scenario, trace: Trace) -> Retries:
    """Recipients with more than one attempt, those with the most attempts first, and of alike ones the first."""
    births, names = arrivals(trace), short_names(list(play.hosts))
    found: dict[tuple[str, int, float, str, str], Tries] = {}
    for one in attempts(trace):
        birth = born(births, one)
        label = f"{one.recipient} ({one.channel}, on {names[one.host]})"
        key = (one.host, one.message, birth, one.channel, one.recipient)
        tries = found.setdefault(key, Tries(label, one.channel, [], None))
        tries.ages.append(one.start - math.floor(birth))
        tries.result = one.result
    again = sorted((one for one in found.values() if one.again), key=lambda one: -len(one.ages))
    unlike = {one.label: one for one in reversed(again)}
    shown = sorted(unlike.values(), key=lambda one: -len(one.ages))[:MOST_RECIPIENTS]
    hosts = {key[0] for key, one in found.items() if one.again}
    return Retries(play.title, shown, _lifetime(play, hosts), len(again) - len(shown))


def _lifetime(play: Scenario, hosts: set[str]) -> float:
    """The queue's lifetime on these hosts, in seconds; qmail's own when they do not agree, or do not say."""
    said = {play.hosts[host].control.get("queuelifetime", "").strip() for host in hosts}
    word = said.pop() if len(said) == 1 else ""
    return float(word) if word.isdigit() else LIFETIME_S


def draw(shown: Retries) -> Figure:
    """Left the first two hours, right the whole time until the last attempt; one panel when there is little to tell."""
    from sim.show import canvas

    lines, handles = (
        canvas.title_lines(shown.title, "retry schedule: each attempt at the age of its message"),
        _handles(shown),
    )
    if not shown.tries:
        return _nothing(lines)
    note = f"{shown.hidden} more messages that were tried again are not shown" if shown.hidden else ""
    top = 0.6 + canvas.TITLE_IN * len(lines)
    bottom = 0.9 + canvas.LEGEND_IN * (len(handles) + bool(note))
    height = top + PLOT_IN + bottom
    figure = canvas.new_figure(height)
    canvas.title(figure, lines)
    last = max(one.ages[-1] for one in shown.tries)
    room = style.WIDTH_IN - LEFT_IN - canvas.RIGHT_IN
    panels = [(LEFT_IN, room, last, "all attempts")]
    if last > SHORT_S:
        early = 0.36 * room
        panels = [
            (LEFT_IN, early, EARLY_S, "the first two hours"),
            (LEFT_IN + early + GAP_IN, room - early - GAP_IN, last, "until the last attempt"),
        ]
    for left, width, until, heading in panels:
        box = (left / style.WIDTH_IN, bottom / height, width / style.WIDTH_IN, PLOT_IN / height)
        ax = figure.add_axes(box)
        _panel(ax, shown, until)
        canvas.say(ax, 0, 1.02, heading, transform=ax.transAxes, fontweight="bold", va="bottom")
    if note:
        y = (0.2 + canvas.LEGEND_IN * len(handles)) / height
        canvas.say(figure, 0.5, y, note, color=style.MUTED, style="italic", ha="center", va="center")
    canvas.legend(figure, handles, 1)
    return figure


def _nothing(lines: list[str]) -> Figure:
    """Only the title, and that there is nothing to draw."""
    from sim.show import canvas

    figure = canvas.new_figure(1.2 + canvas.TITLE_IN * len(lines))
    canvas.title(figure, lines)
    canvas.say(figure, 0.5, 0.3, "nothing was tried a second time", color=style.MUTED, style="italic", ha="center")
    return figure


def _words(one: Tries) -> str:
    end = {"failure": "given up", "success": "delivered", "deferral": "put off again", None: "not heard of again"}
    who, count, last = fitted(one.label, LABEL).rstrip(), len(one.ages), one.ages[-1]
    return (
        f"{who}: {count} attempts, the last at an age of {span(last)} ({last:,.0f} s; formula: {one.formula[-1]:,} s), "
        f"{end.get(one.result, 'put off again')}"
    )


def _panel(ax: Axes, shown: Retries, until: float) -> None:
    """The number of each attempt over the age of the message, with the formula's line below the marks."""
    from sim.show import canvas

    canvas.bare(ax)
    unit_s, unit, step = _units(until)
    most = max((sum(age <= until for age in one.ages) for one in shown.tries), default=1)
    ax.set_xlim(0, until * 1.06 / unit_s)
    ax.set_ylim(0, most * 1.12 + 1)
    ax.set_xticks([])
    ax.set_yticks([])
    _grid(ax, step, most, f"age of the message ({unit})")
    for channel in _channels(shown):
        ages = [until * 1.06 * (place / 300) ** 2 for place in range(301)]
        counts = [math.sqrt(age) / SKIPS[channel] + 1 for age in ages]
        ax.plot([age / unit_s for age in ages], counts, **_line(channel), zorder=2)
    for number, one in enumerate(shown.tries):
        ages = [age / unit_s for age in one.ages if age <= until]
        ax.plot(ages, range(1, len(ages) + 1), **_marks(number), zorder=4)
        if one.result == "failure" and len(ages) == len(one.ages):
            ax.plot(ages[-1:], [len(ages)], **_given_up(), zorder=5)
    if shown.lifetime_s <= until:
        x = shown.lifetime_s / unit_s
        ax.axvline(x, color=style.CRASH_COLOUR, linewidth=1.4, linestyle=(0, (1, 1.5)), zorder=1)
        canvas.say(ax, x, most * 0.06, f"lifetime in the queue: {span(shown.lifetime_s)} ", ha="right",
                   fontsize=style.SMALL_PT, color=style.CRASH_COLOUR)  # fmt: skip


def _channels(shown: Retries) -> list[str]:
    return list(dict.fromkeys(one.channel for one in shown.tries))


def _units(until: float) -> tuple[float, str, float]:
    """Seconds in the unit of the axis, its name, and how many of them lie between two marks."""
    units = ((SHORT_S, 60.0, "min"), (1.5 * DAY_S, 3600.0, "h"), (math.inf, DAY_S, "d"))
    size, name = next((size, name) for limit, size, name in units if until <= limit)
    return size, name, next((step for step in STEPS if step * size * 9 >= until), STEPS[-1])


def _grid(ax: Axes, step: float, most: int, below: str) -> None:
    from sim.show import canvas

    inch_x = 1 / (ax.get_position().width * style.WIDTH_IN)
    for number in range(int(ax.get_xlim()[1] / step) + 1):
        ax.axvline(number * step, color=style.FAINT, linewidth=0.8, zorder=0)
        canvas.say(ax, number * step, -0.02, f"{number * step:g}", transform=ax.get_xaxis_transform(), ha="center",
                   va="top", fontsize=style.SMALL_PT)  # fmt: skip
    rise = next((size for size in STEPS if size * 9 >= most), STEPS[-1])
    for count in range(rise, most + rise, rise):
        ax.axhline(count, color=style.FAINT, linewidth=0.8, zorder=0)
        canvas.say(ax, -0.08 * inch_x, count, str(count), transform=ax.get_yaxis_transform(), ha="right", va="center",
                   fontsize=style.SMALL_PT)  # fmt: skip
    canvas.say(ax, -0.48 * inch_x, 0.5, "number of the attempt", transform=ax.transAxes, rotation=90, ha="center",
               va="center")  # fmt: skip
    canvas.say(ax, 0.5, -0.085, below, transform=ax.transAxes, ha="center", va="top")


def _marks(number: int) -> dict[str, Any]:
    """Recipients differ in shape, and every second one is filled."""
    face = style.PAPER if number % 2 == 0 else "#f5a623"
    return {"marker": MARKERS[number % len(MARKERS)], "markersize": 6, "markerfacecolor": face, "linestyle": "none",
            "markeredgecolor": style.INK, "markeredgewidth": 1.0, "clip_on": False}  # fmt: skip


def _given_up() -> dict[str, Any]:
    marker, face, _ = style.RESULTS["failure"]
    return {"marker": marker, "markersize": 9, "markerfacecolor": face, "markeredgecolor": style.PAPER,
            "linestyle": "none"}  # fmt: skip


def _line(channel: str) -> dict[str, Any]:
    return {"color": style.INK, "linewidth": 1.2, "linestyle": "-" if channel == "local" else (0, (5, 2))}


def _handles(shown: Retries) -> list[object]:
    from matplotlib.lines import Line2D

    from sim.show import canvas

    texts = [canvas.drawable(_words(one)).replace("$", r"\$") for one in shown.tries]
    handles: list[object] = [Line2D([], [], label=text, **_marks(n)) for n, text in enumerate(texts)]
    for channel in _channels(shown):
        words = f"the formula for {channel} recipients: attempt k at ({SKIPS[channel]}·(k−1))² s"
        handles.append(Line2D([], [], label=words, **_line(channel)))
    if any(one.result == "failure" for one in shown.tries):
        handles.append(Line2D([], [], label=style.RESULTS["failure"][2], **_given_up()))
    return handles
