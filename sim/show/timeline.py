"""The delivery timeline: one row for each message in each queue, its states as a bar, its attempts as marks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.folds.log import Attempt
from sim.folds.message import Message
from sim.qmail.send.state import safe
from sim.scenario import Scenario
from sim.show import style
from sim.show.axis import Axis, fold_axis
from sim.show.happenings import carried, crash_marks, outages, short_names
from sim.trace import Trace
from sim.verdict import Evidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 40
ROW_IN = 0.34
COLUMNS = 4
FAN = (0.0, 0.24, -0.24)
HARDLY = 0.002


@dataclass(slots=True)
class Bar:
    """A row: spans ``(from, to, state)``, attempts ``(start, end, result)``, seconds all; or an outage."""

    label: str
    spans: list[tuple[float, float, str | None]] = field(default_factory=list)
    attempts: list[tuple[float, float, str | None]] = field(default_factory=list)
    outage: tuple[float, float] | None = None


@dataclass(slots=True)
class Chart:
    """All that is drawn; ``hidden`` messages had no room."""

    title: str
    bars: list[Bar]
    marks: list[tuple[float, str, str]]
    axis: Axis
    hidden: int


def chart(play: Scenario, evidence: Evidence) -> Chart:
    """Rows grouped by letter, in the order in which the letters were first queued."""
    names = short_names(list(play.hosts))
    order: dict[str | None, int] = {}
    for message in evidence.messages:
        order.setdefault(evidence.mail.letter(message), len(order))
    chosen = sorted(evidence.messages, key=lambda one: (order[evidence.mail.letter(one)], one.first_row))
    bars = [_bar(message, evidence, names, play.until) for message in chosen[:MOST_ROWS]]
    _number_alike(bars)
    marks = crash_marks(evidence.trace, names)
    instants = [t for bar in bars for begin, end, _ in (*bar.spans, *bar.attempts) for t in (begin, end)]
    instants += [t for t, _, _ in marks]
    last = max(instants, default=play.until)
    down = []
    for one in outages(play):
        instants += [t for t in (one.start, one.end) if t < play.until]
        how = "silent" if one.how == "silent" else "down"
        down.append(Bar(f"{names[one.host]} is {how}", outage=(one.start, one.end)))
    axis = fold_axis(instants or [0.0, last])
    return Chart(play.title, down + bars, marks, axis, len(chosen) - len(bars))


def _bar(message: Message, evidence: Evidence, names: dict[str, str], until: float) -> Bar:
    what = carried(evidence.mail, message) or f"message {message.number}"
    bar = Bar(f"{what if len(what) <= 24 else what[:23] + '…'} · {names[message.host]}")
    ends = [*(change.t for change in message.history[1:]), until]
    for change, end in zip(message.history, ends, strict=True):
        if change.state != "S1":
            bar.spans.append((change.t, end, change.state))
    over = until if message.ended is None else message.ended
    attempts = evidence.attempts_of(message)
    for attempt in attempts:
        end = _left(attempt, evidence.trace, over) if attempt.end is None else attempt.end
        bar.attempts.append((attempt.start, end, attempt.result))
    return bar


def _left(attempt: Attempt, trace: Trace, over: float) -> float:
    """When the program that delivered was through, though nobody was there to hear its report."""
    spawner, child = f"qmail-{attempt.channel[0]}spawn", None
    for t, (host, program, pid), call, *_, result, _ in trace.rows[attempt.row :]:
        if host != attempt.host:
            continue
        if call[0] == "fork" and program == spawner and child is None:
            order = list(call[2])  # the message's file, the sender, the recipient
            if order[0] == f"mess/{attempt.message}" and safe(order[2]) == attempt.recipient:
                child = result
            continue
        through = call[0] in ("exit", "killed") and pid == child
        never_begun = call[0] == "killed" and program == spawner and child is None
        if through or never_begun or call[0] in ("power_cut", "kill_all"):
            return min(t, over)
    return over


def _number_alike(bars: list[Bar]) -> None:
    """Tell rows of the same letter on the same host apart."""
    seen: dict[str, int] = {}
    for bar in bars:
        seen[bar.label] = seen.get(bar.label, 0) + 1
        if seen[bar.label] > 1:
            bar.label += f" ({seen[bar.label]})"


def draw(shown: Chart) -> Figure:
    """The figure, as high as its rows need."""
    from sim.show import canvas

    probe = canvas.new_figure(1.0)
    labels = max((canvas.width_in(probe, bar.label, style.LABEL_PT) for bar in shown.bars), default=1.0)
    left = canvas.LEFT_IN + labels + 0.12
    room = style.WIDTH_IN - left - canvas.RIGHT_IN
    lines, handles = (
        canvas.title_lines(shown.title, "delivery timeline: each message in each queue, and each attempt"),
        _handles(shown),
    )
    top = 0.3 + canvas.TITLE_IN * len(lines) + canvas.LANE_IN * canvas.lanes_needed(shown.axis, shown.marks, room)
    bottom = canvas.axis_in(shown.axis) + canvas.LEGEND_IN * -(-len(handles) // COLUMNS) + (0.24 if shown.hidden else 0)
    rows = max(1, len(shown.bars))
    height = top + bottom + ROW_IN * rows
    figure = canvas.new_figure(height)
    ax = figure.add_axes((left / style.WIDTH_IN, bottom / height, room / style.WIDTH_IN, ROW_IN * rows / height))
    canvas.bare(ax)
    ax.set_ylim(rows - 0.5, -0.5)
    ax.set_yticks([])
    canvas.title(figure, lines)
    canvas.time_axis(ax, shown.axis)
    canvas.event_lines(ax, shown.axis, shown.marks)
    for number, bar in enumerate(shown.bars):
        canvas.say(ax, -0.12 / room, number, bar.label, ha="right", va="center")
        _row(ax, shown.axis, number, bar)
    if shown.hidden:
        y = (bottom - canvas.axis_in(shown.axis) - 0.05) / height
        text = f"{shown.hidden} more messages are not shown"
        canvas.say(figure, 0.5, y, text, color=style.MUTED, style="italic", ha="center", va="center")
    elif not shown.bars:
        canvas.say(ax, 0.5, 0, "no message was ever in a queue", ha="center", va="center", color=style.MUTED)
    canvas.legend(figure, handles, COLUMNS)
    return figure


def _row(ax: Axes, axis: Axis, number: int, bar: Bar) -> None:
    if number % 2:
        ax.axhspan(number - 0.5, number + 0.5, facecolor="#f6f6f6", zorder=-1)
    if bar.outage is not None:
        begin, end = map(axis.place, bar.outage)
        ax.barh(number, end - begin, left=begin, height=0.42, facecolor="white", edgecolor=style.MUTED, hatch="xxxx",
                linewidth=0.8, zorder=5)  # fmt: skip
    for begin, end, state in bar.spans:
        x0, x1 = axis.place(begin), axis.place(end)
        if x1 > x0:
            ax.barh(number, x1 - x0, left=x0, height=0.56, facecolor=style.STATE_COLOURS[state], edgecolor=style.INK,
                    hatch=style.STATE_HATCHES[state], linewidth=0.4, zorder=5)  # fmt: skip
    if bar.spans and axis.place(bar.spans[-1][1]) - axis.place(bar.spans[0][0]) < HARDLY:
        x = axis.place(bar.spans[0][0])
        ax.plot([x, x], [number - 0.28, number + 0.28], color=style.STATE_COLOURS["S5"], linewidth=3, zorder=5)
    together: dict[int, int] = {}
    for begin, end, result in bar.attempts:
        marker, face, _ = style.RESULTS.get(result, style.RESULTS[None])
        x0, x1 = axis.place(begin), axis.place(end)
        earlier = together[round(x1 * 120)] = together.get(round(x1 * 120), -1) + 1
        ax.plot([x0, x1], [number, number], color=style.PAPER, linewidth=1.6, solid_capstyle="butt", zorder=6)
        ax.plot([x1], [number + FAN[earlier % len(FAN)]], marker=marker, markersize=8, markerfacecolor=face,
                markeredgecolor=style.PAPER if face == style.INK else style.INK, markeredgewidth=1.0,
                linestyle="none", clip_on=False, zorder=7)  # fmt: skip


def _handles(shown: Chart) -> list[object]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.patheffects import Normal, Stroke

    place = shown.axis.place
    states = {state for bar in shown.bars for t0, t1, state in bar.spans if place(t1) - place(t0) > HARDLY}
    results = {result for bar in shown.bars for *_, result in bar.attempts}
    handles: list[object] = [
        Patch(
            facecolor=colour,
            edgecolor=style.INK,
            hatch=style.STATE_HATCHES[state],
            linewidth=0.4,
            label=style.STATE_WORDS[state],
        )
        for state, colour in style.STATE_COLOURS.items()
        if state in states
    ]
    if any(bar.outage for bar in shown.bars):
        handles.append(Patch(facecolor="white", edgecolor=style.MUTED, hatch="xxxx", label="nobody can connect"))
    for result, (marker, face, words) in style.RESULTS.items():
        if result in results:
            handles.append(
                Line2D([], [], marker=marker, markersize=8, markerfacecolor=face, markeredgecolor=style.INK,
                       linestyle="none", label=words)
            )  # fmt: skip
    if any(place(t1) - place(t0) > HARDLY for bar in shown.bars for t0, t1, _ in bar.attempts):
        outlined = [Stroke(linewidth=3, foreground=style.INK), Normal()]
        handles.append(
            Line2D([], [], color=style.PAPER, linewidth=1.6, path_effects=outlined, label="attempt under way")
        )
    return handles
