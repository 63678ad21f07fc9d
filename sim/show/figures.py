"""The figures of a log as a table of 80 columns, and as a picture: how long until delivered, and how attempts went."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sim.folds.figures import Delays, Figures, HostFigures
from sim.show import style
from sim.show.clock import span
from sim.show.escape import fitted, readable, visible
from sim.show.view import WIDTH, Span, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PERCENTS = (50, 90, 99)
MOST_REASONS, MOST_DOMAINS, LABEL = 8, 12, 34
RESULTS: tuple[str | None, ...] = ("success", "deferral", "failure", None)
SIGNS = {"success": "green", "deferral": "yellow", "failure": "red", None: "dim"}
CURVE_IN, BAR_IN, GAP_IN, COLUMNS = 2.3, 0.34, 0.95, 4
LEAST_S = 0.001
MARKS = ((0.001, "at once"), (0.01, "10 ms"), (0.1, "100 ms"), (1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"),
         (3600, "1 h"), (36_000, "10 h"), (86_400, "1 d"), (604_800, "7 d"), (6_048_000, "70 d"))  # fmt: skip


def figures_view(found: Figures) -> View:
    """Totals, delays, reasons, and a line for each domain that mail went to; the busiest first."""
    where = found.host or "all hosts"
    rows: list[list[Span]] = [[(f"figures from the log of {where}", "bold")]]
    if found.host is None:
        rows.append([("each host that passes a letter on counts it once more", "dim")])
    rows += [[], *_totals(found)]
    if found.attempts:
        rows += [[], *_delay_rows(found), *_reasons("were put off", found.reasons["deferral"], "yellow")]
        rows += [*_reasons("failed for good", found.reasons["failure"], "red"), [], *_domain_rows(found)]
    return View(rows)


def _totals(found: Figures) -> list[list[Span]]:
    ended = f"{found.ended} ended, {found.bounces} bounced"
    results: list[Span] = [(f"  {'attempts':<12}{found.attempts:8,}", "")]
    for result in RESULTS:
        if found.results[result]:
            results.append((f"  {found.results[result]:,} {_word(result)}", SIGNS[result]))
    return [
        [(f"  {'messages':<12}{found.messages:8,}  {ended}", "")],
        [(f"  {'bytes':<12}{found.bytes:8,}", "")],
        results,
    ]


def _word(result: str | None) -> str:
    return "unknown" if result is None else result


def _delay_rows(found: Figures) -> list[list[Span]]:
    head = "".join(f"{word:>13}" for word in ("mean", *(f"{percent} %" for percent in PERCENTS), "longest"))
    rows: list[list[Span]] = [[(f"{'delays':<15}{head}", "bold")]]
    for word, delays in (("delivered", found.delays), ("one attempt", found.attempt_times)):
        rows.append([(f"  {word:<13}", ""), ("".join(f"{one:>13}" for one in _spread(delays)), "")])
    return rows


def _spread(delays: Delays) -> list[str]:
    if not delays.seconds:
        return ["-"] * (len(PERCENTS) + 2)
    middle = [span(delays.percentile(percent)) for percent in PERCENTS]
    return [span(delays.mean), *middle, span(delays.seconds[-1])]


def _reasons(what: str, reasons: Counter[str], colour: str) -> list[list[Span]]:
    if not reasons:
        return []
    order = sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
    lines = order[:MOST_REASONS]
    if rest := order[MOST_REASONS:]:
        lines.append((f"({len(rest)} other reasons)", sum(count for _, count in rest)))
    rows: list[list[Span]] = [[], [(f"why attempts {what}", "bold")]]
    for text, count in lines:
        first, *more = textwrap.wrap(visible(readable(text)), WIDTH - 10) or [""]
        rows += [[(f"{count:8,}  ", colour), (first, "")], *([(f"{'':10}{line}", "")] for line in more)]
    return rows


def _domain_rows(found: Figures) -> list[list[Span]]:
    order, rest = _busiest(found)
    head = f"{'to':<26}{'people':>7}{'attempts':>9}{'success':>8}{'deferral':>9}{'failure':>8}{'50 %':>12}"
    rows: list[list[Span]] = [[(head, "bold")]]
    for one in order:
        counts = f"{len(one.recipients):7,}{one.attempts:9,}{one.results['success']:8,}"
        counts += f"{one.results['deferral']:9,}{one.results['failure']:8,}"
        half = span(one.delays.percentile(50)) if one.delays.seconds else "-"
        rows.append([(f"  {fitted(_domain(one), 24)}{counts}{half:>12}", "")])
    return rows + ([[(f"  ({rest} more)", "dim")]] if rest else [])


def _domain(one: HostFigures) -> str:
    return fitted(readable(one.domain) or "(no domain)", LABEL).rstrip()


def _busiest(found: Figures) -> tuple[Sequence[HostFigures], int]:
    order = sorted(found.domains.values(), key=lambda one: (-one.attempts, one.domain))
    return order[:MOST_DOMAINS], max(0, len(order) - MOST_DOMAINS)


def draw(title: str, found: Figures) -> Figure:
    """Above, which share of the deliveries was made within which time; below, the attempts for each domain."""
    from sim.show import canvas

    order, rest = _busiest(found)
    rows = max(1, len(order))
    probe = canvas.new_figure(1.0)
    labels = [canvas.width_in(probe, _domain(one), style.LABEL_PT) for one in order]
    left = canvas.LEFT_IN + max([0.8, *labels]) + 0.12
    room = style.WIDTH_IN - left - canvas.RIGHT_IN - 0.3
    lines, handles = canvas.title_lines(title, f"figures from the log of {found.host or 'all hosts'}"), _handles(found)
    top, bottom = 0.55 + canvas.TITLE_IN * len(lines), 0.25 + canvas.LEGEND_IN + (0.24 if rest else 0)
    height = top + CURVE_IN + GAP_IN + BAR_IN * rows + bottom
    figure = canvas.new_figure(height)
    canvas.title(figure, lines)
    box = (left / style.WIDTH_IN, (height - top - CURVE_IN) / height, room / style.WIDTH_IN, CURVE_IN / height)
    _curve(figure.add_axes(box), found.delays)
    box = (left / style.WIDTH_IN, bottom / height, room / style.WIDTH_IN, BAR_IN * rows / height)
    _bars(figure.add_axes(box), order)
    if rest:
        canvas.say(figure, 0.5, 0.34 / height, f"{rest} more domains are not shown", color=style.MUTED, ha="center",
                   style="italic")  # fmt: skip
    canvas.legend(figure, handles, COLUMNS)
    return figure


def _curve(ax: Axes, delays: Delays) -> None:
    from sim.show import canvas

    canvas.bare(ax)
    seconds = [max(one, LEAST_S) for one in delays.seconds]
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_ylim(0, 108)
    canvas.say(ax, 0, 1.03, "deliveries made within …", transform=ax.transAxes, fontweight="bold", va="bottom")
    if not seconds:
        canvas.say(ax, 0.5, 0.5, "nothing was delivered", transform=ax.transAxes, ha="center", color=style.MUTED)
        return
    _log_axis(ax, seconds[0], seconds[-1])
    for percent in (0, 50, 90, 100):
        ax.axhline(percent, color=style.FAINT, linewidth=0.8, zorder=0)
        canvas.say(ax, -0.01, percent, f"{percent} %", transform=ax.get_yaxis_transform(), ha="right", va="center",
                   fontsize=style.SMALL_PT)  # fmt: skip
    share = [100 * (place + 1) / len(seconds) for place in range(len(seconds))]
    xs = [math.log10(one) for one in (seconds[0], *seconds)]
    ax.step([*xs, ax.get_xlim()[1]], [0, *share, 100], where="post", color=style.INK, linewidth=2, zorder=3)
    for percent in (50, 90):
        _percentile(ax, delays, percent)


def _percentile(ax: Axes, delays: Delays, percent: int) -> None:
    """A ring where the curve reaches a percentage, and the time in words: the curve leaves room above or below it."""
    from sim.show import canvas

    at = delays.percentile(percent)
    x = math.log10(max(at, LEAST_S))
    ax.plot([x], [percent], "o", markersize=8, markerfacecolor=style.PAPER, markeredgecolor=style.INK,
            markeredgewidth=1.6, zorder=5)  # fmt: skip
    begin, end = ax.get_xlim()
    late = x > begin + 0.7 * (end - begin)
    words = f"  {percent} %: {span(at)}  "
    y, side = (percent + 5.5, "right") if late else (percent - 9, "left")
    canvas.say(ax, x, y, words, ha=side, va="center", zorder=2)


def _log_axis(ax: Axes, least: float, most: float) -> None:
    """A logarithmic axis of time that says its units in words, from a mark before the first to one after the last."""
    from sim.show import canvas

    low = max(0, sum(t <= least for t, _ in MARKS) - 2)
    high = min(len(MARKS) - 1, max(sum(t < most for t, _ in MARKS), low + 3))
    ax.set_xlim(math.log10(MARKS[low][0]) - 0.1, math.log10(max(most, MARKS[high][0])) + 0.1)
    inch_y = 1 / (ax.get_position().height * canvas.figure_of(ax).get_figheight())
    for t, word in MARKS[low : high + 1]:
        ax.axvline(math.log10(t), color=style.FAINT, linewidth=0.8, zorder=0)
        canvas.say(ax, math.log10(t), -0.07 * inch_y, word, transform=ax.get_xaxis_transform(), ha="center", va="top",
                   fontsize=style.SMALL_PT)  # fmt: skip
    canvas.say(ax, 0.5, -0.30 * inch_y, "time in the queue (logarithmic)", transform=ax.transAxes, ha="center",
               va="top")  # fmt: skip


def _bars(ax: Axes, order: Sequence[HostFigures]) -> None:
    from sim.show import canvas

    canvas.bare(ax)
    ax.set_yticks([])
    ax.set_xticks([])
    most = max((one.attempts for one in order), default=1)
    ax.set_xlim(0, most * 1.08)
    ax.set_ylim(max(1, len(order)) - 0.5, -0.5)
    rows_in = ax.get_position().height * canvas.figure_of(ax).get_figheight()
    canvas.say(ax, 0, 1 + 0.07 / rows_in, "attempts to deliver, by recipients' host", transform=ax.transAxes,
               fontweight="bold", va="bottom")  # fmt: skip
    if not order:
        canvas.say(ax, 0.5, 0.5, "nothing was tried", transform=ax.transAxes, ha="center", color=style.MUTED)
    for number, one in enumerate(order):
        left = 0
        for result in RESULTS:
            count = one.results[result]
            if count:
                ax.barh(number, count, left=left, height=0.6, **_bar_style(result), zorder=3)
                left += count
        canvas.say(ax, -0.01, number, _domain(one), transform=ax.get_yaxis_transform(), ha="right", va="center")
        canvas.say(ax, left + most * 0.008, number, f"{one.attempts:,}", va="center", fontsize=style.SMALL_PT)


def _bar_style(result: str | None) -> dict[str, Any]:
    _, face, _ = style.RESULTS[result]
    hatch = {"deferral": "////", None: "xx"}.get(result, "")
    return {"facecolor": face, "edgecolor": style.INK, "linewidth": 0.8, "hatch": hatch}


def _handles(found: Figures) -> list[object]:
    from matplotlib.patches import Patch

    words = {result: style.RESULTS[result][2] for result in RESULTS}
    return [Patch(**_bar_style(result), label=words[result]) for result in RESULTS if found.results[result]]
