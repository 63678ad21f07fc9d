"""How many messages lay in each queue over time: a panel for each host, or one host by state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sim.folds.message import Message
from sim.scenario import Scenario
from sim.show import style
from sim.show.axis import Axis, fold_axis
from sim.show.happenings import crash_marks, short_names
from sim.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_IN, GAP_IN, LABEL_IN = 1.1, 0.42, 0.22
MOST_PANELS = 8
BY_HOST, BY_STATE = "how many messages lie in each queue", "how many messages lie in the queue, by state"
CROWDED = 300  # changes, from where on thick lines would fill the picture
OUTLINE: dict[str, Any] = {"color": style.INK, "linewidth": 1.6}
CROWDED_OUTLINE: dict[str, Any] = {"color": "#5b78a8", "linewidth": 0.4}
STATES: tuple[str | None, ...] = ("S5", "S4", "S3", "S2", None)


@dataclass(slots=True)
class Series:
    """One queue: at each instant the count once all is done, and the highest it was within the instant."""

    label: str
    times: list[float]
    counts: dict[str | None, list[int]]
    peaks: list[int]


@dataclass(slots=True)
class Depths:
    """All panels; ``by_state`` when there is only one host's."""

    title: str
    panels: list[Series]
    marks: list[tuple[float, str, str]]
    axis: Axis
    by_state: bool
    note: str


def depths(play: Scenario, trace: Trace, messages: list[Message], host: str | None = None) -> Depths:
    """Hosts whose queue was never used have no panel."""
    names = short_names(list(play.hosts))
    used = [one for one in play.hosts if any(message.host == one for message in messages)]
    hosts = [host] if host is not None else used[:MOST_PANELS]
    panels = [_series(names[one], [m for m in messages if m.host == one], play.until) for one in hosts]
    marks = [mark for mark in crash_marks(trace, names) if host is None or mark[2].startswith(f"{names[host]}:")]
    changes = [t for panel in panels for t in panel.times[0 if panel.peaks[0] else 1 :]]
    full = any(counts[-1] for panel in panels for counts in panel.counts.values())
    axis = fold_axis([*changes, *(t for t, _, _ in marks), *([play.until] if full else [])])
    note = _note(names, used, hosts) if host is None else ""
    return Depths(play.title, panels, marks, axis, host is not None, note)


def _note(names: dict[str, str], used: list[str], shown: list[str]) -> str:
    """What the picture leaves out."""
    idle = [short for name, short in names.items() if name not in used]
    more = len(used) - len(shown)
    told = [f"{more} more queue{'' if more == 1 else 's'} not shown"] if more else []
    few = ", ".join(idle) if len(idle) <= MOST_PANELS else f"{len(idle)} queues"
    return "; ".join(told + ([f"never in use: {few}"] if idle else []))


def _series(label: str, messages: list[Message], until: float) -> Series:
    """Every change of every message, in the order of the trace's instants."""
    changes = sorted(
        ((change.t, number, step, change.state) for number, one in enumerate(messages)
         for step, change in enumerate(one.history)),
        key=lambda change: change[:3],
    )  # fmt: skip
    now: dict[int, str | None] = {}
    series = Series(label, [0.0], {state: [0] for state in STATES}, [0])
    for t, number, _, state in changes:
        if t > until:
            break
        if t != series.times[-1]:
            series.times.append(t)
            series.peaks.append(len(now))
            for counts in series.counts.values():
                counts.append(counts[-1])
        if state == "S1":
            now.pop(number, None)
        else:
            now[number] = state
        series.peaks[-1] = max(series.peaks[-1], len(now))
        for one, counts in series.counts.items():
            counts[-1] = sum(there == one for there in now.values())
    return series


def draw(shown: Depths) -> Figure:
    """A panel under the other, with one axis of time."""
    from sim.show import canvas

    lines = canvas.title_lines(shown.title, BY_STATE if shown.by_state else BY_HOST)
    panels = shown.panels or [Series("no message was ever queued", [0.0], {state: [0] for state in STATES}, [0])]
    height_in = PANEL_IN * (2.4 if len(panels) == 1 else 1)
    left, right = 0.95, style.WIDTH_IN - canvas.RIGHT_IN
    room = right - left
    lanes = canvas.lanes_needed(shown.axis, shown.marks, room)
    top = 0.3 + LABEL_IN + canvas.TITLE_IN * len(lines) + canvas.LANE_IN * lanes
    handles = _handles(shown)
    bottom = canvas.axis_in(shown.axis) + canvas.LEGEND_IN + (0.24 if shown.note else 0)
    height = top + bottom + (height_in + GAP_IN) * len(panels) - GAP_IN
    figure = canvas.new_figure(height)
    canvas.title(figure, lines)
    for number, panel in enumerate(panels):
        y = height - top - height_in - (height_in + GAP_IN) * number
        ax = figure.add_axes((left / style.WIDTH_IN, y / height, room / style.WIDTH_IN, height_in / height))
        last = number == len(panels) - 1
        _panel(ax, shown, panel, first=number == 0, last=last)
    middle = bottom + ((height_in + GAP_IN) * len(panels) - GAP_IN) / 2
    canvas.say(figure, 0.3 / style.WIDTH_IN, middle / height, "messages in the queue", rotation=90, ha="center",
               va="center")  # fmt: skip
    if shown.note:
        canvas.say(figure, 0.5, 0.38 / height, shown.note, color=style.MUTED, style="italic", ha="center")
    canvas.legend(figure, handles, 5)
    return figure


def _panel(ax: Axes, shown: Depths, panel: Series, *, first: bool, last: bool) -> None:
    from sim.show import canvas

    canvas.bare(ax)
    canvas.time_axis(ax, shown.axis, words=last)
    canvas.event_lines(ax, shown.axis, shown.marks, words=first, lift_in=LABEL_IN)
    xs = [*(shown.axis.place(t) for t in panel.times), 1.0]
    base = [0] * len(xs)
    for state in STATES:
        more = [*panel.counts[state], panel.counts[state][-1]]
        above = [low + up for low, up in zip(base, more, strict=True)]
        look: dict[str, Any] = {"facecolor": "#9fb4d3", "linewidth": 0}
        if shown.by_state:
            look = {"facecolor": style.STATE_COLOURS[state], "hatch": style.STATE_HATCHES[state], "linewidth": 0}
        ax.fill_between(xs, base, above, step="post", edgecolor=style.INK, zorder=2, **look)
        base = above
    ax.step(xs, base, where="post", zorder=3, **(OUTLINE if len(xs) < CROWDED else CROWDED_OUTLINE))
    before = [0, *base]
    steps = zip(xs, map(max, base, before), panel.peaks, strict=False)
    spikes = [(x, low, peak) for x, low, peak in steps if peak > low]
    ax.vlines([x for x, *_ in spikes], [low for _, low, _ in spikes], [peak for *_, peak in spikes],
              color=style.INK, linewidth=1.2, linestyles="dotted", zorder=3)  # fmt: skip
    ax.plot([x for x, *_ in spikes], [peak for *_, peak in spikes], "v", color=style.INK, markersize=5, zorder=3)
    highest = max(1, *panel.peaks)
    ax.set_ylim(0, highest * 1.25)
    ax.set_yticks([])
    step = next(size * 10**power for power in range(9) for size in (1, 2, 5) if size * 10**power * 4 >= highest)
    for count in range(0, highest + 1, step):
        canvas.say(ax, -0.008, count, str(count), ha="right", va="center", fontsize=style.SMALL_PT)
        ax.axhline(count, color=style.FAINT, linewidth=0.6, zorder=0)
    plate = {"facecolor": style.PAPER, "edgecolor": "none", "pad": 1.0}
    canvas.say(
        ax, 0.0, 1.01, panel.label, transform=ax.transAxes, fontweight="bold", va="bottom", bbox=plate, zorder=10
    )


def _spiked(panel: Series) -> bool:
    """Whether a message came and went within one instant, which no step shows."""
    after = [sum(counts) for counts in zip(*panel.counts.values(), strict=True)]
    return any(peak > max(now, was) for peak, now, was in zip(panel.peaks, after, [0, *after], strict=False))


def _handles(shown: Depths) -> list[object]:
    from matplotlib.lines import Line2D

    handles: list[object] = []
    if shown.by_state:
        seen = [state for state in reversed(STATES) if any(any(panel.counts[state]) for panel in shown.panels)]
        handles += [_patch(state) for state in seen]
    if any(_spiked(panel) for panel in shown.panels):
        handles.append(
            Line2D([], [], color=style.INK, marker="v", markersize=4, linestyle="dotted", label="there for an instant")
        )
    return handles


def _patch(state: str | None) -> object:
    from matplotlib.patches import Patch

    colour, hatch = style.STATE_COLOURS[state], style.STATE_HATCHES[state]
    return Patch(facecolor=colour, hatch=hatch, edgecolor=style.INK, linewidth=0.4, label=style.STATE_WORDS[state])
