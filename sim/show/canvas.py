"""What all pictures share: a figure without global state, text that is only text, the axis of time, the legend.

This module loads matplotlib; only functions that draw import it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from sim.show import ink, style
from sim.show.axis import Axis
from sim.show.clock import span
from sim.show.escape import readable, visible

LEFT_IN, RIGHT_IN, LANE_IN, TITLE_IN, LEGEND_IN = 0.35, 0.35, 0.24, 0.28, 0.24


class Picture(Figure):
    """A figure that Jupyter shows without pyplot."""

    def _repr_png_(self) -> bytes:
        return ink.png(self)


def new_figure(height_in: float, width_in: float = style.WIDTH_IN) -> Picture:
    figure = Picture(figsize=(width_in, height_in), facecolor=style.PAPER)
    FigureCanvasAgg(figure)
    return figure


def drawable(text: str) -> str:
    """Text that the font can draw: what it lacks, and what would steer it, as escapes."""
    font = font_manager.get_font(font_manager.findfont("DejaVu Sans"))
    shown = (char if font.get_char_index(ord(char)) else f"\\u{ord(char):04x}" for char in visible(readable(text)))
    return "".join(shown)


def say(where: Axes | Figure, x: float, y: float, text: str, **how: Any) -> Text:
    """Put text somewhere; a ``$`` in it is a dollar sign."""
    words: dict[str, Any] = {"fontsize": style.LABEL_PT, "color": style.INK, "family": "DejaVu Sans", **how}
    artist = where.text(x, y, "\n".join(map(drawable, text.split("\n"))), **words)
    artist.set_parse_math(False)
    return artist


def width_in(figure: Figure, text: str, size_pt: float, weight: str = "normal") -> float:
    """How wide a text will be, in inches."""
    probe = say(figure, 0, 0, text, fontsize=size_pt, fontweight=weight)
    box = probe.get_window_extent(_renderer(figure))
    probe.remove()
    return float(box.width / figure.dpi)


def figure_of(ax: Axes) -> Figure:
    figure = ax.get_figure(root=True)
    assert isinstance(figure, Figure)
    return figure


def extent(text: Text) -> Bbox:
    """The box of a text on the canvas, in pixels."""
    figure = text.get_figure(root=True)
    assert isinstance(figure, Figure)
    return text.get_window_extent(_renderer(figure))


def _renderer(figure: Figure) -> Any:
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    return canvas.get_renderer()  # type: ignore[no-untyped-call]


def title_lines(text: str, what: str) -> list[str]:
    """The scenario's title in one or two lines, shortened if even two are not enough; then what the picture shows."""
    figure = new_figure(1.0)
    lines: list[str] = []
    for word in drawable(text).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_in(figure, longer, style.TITLE_PT, "bold") < style.WIDTH_IN - LEFT_IN - RIGHT_IN:
            lines[-1] = longer
        else:
            lines.append(_cut(figure, word))
    lines = lines if len(lines) <= 2 else [lines[0], _cut(figure, lines[1], 0.3).removesuffix("…") + "…"]
    return [*lines, drawable(what)]


def title(figure: Figure, lines: Sequence[str]) -> None:
    """At the top left; takes ``TITLE_IN`` inches for each line, the last of which says what is shown."""
    x = LEFT_IN / figure.get_figwidth()
    for number, line in enumerate(lines):
        y = 1 - (0.14 + TITLE_IN * number) / figure.get_figheight()
        if number == len(lines) - 1:
            say(figure, x, y, line, color=style.MUTED, va="top")
        else:
            say(figure, x, y, line, fontsize=style.TITLE_PT, fontweight="bold", va="top")


def _cut(figure: Figure, words: str, less_in: float = 0.0) -> str:
    while width_in(figure, words, style.TITLE_PT, "bold") > style.WIDTH_IN - LEFT_IN - RIGHT_IN - less_in:
        words = words.removesuffix("…")[: int(len(words) * 0.97) - 1] + "…"
    return words


def lanes(figure: Figure, wanted: Sequence[tuple[float, str]], size_pt: float, room_in: float) -> list[int]:
    """A lane for each label, which starts at its place (inches): no two in one lane touch, nor does a line cross one.

    A label near the right edge is moved to the left as far as it must.
    """
    boxes = [_label_box(figure, x, text, size_pt, room_in) for x, text in wanted]
    found = [0] * len(wanted)
    for index in reversed(range(len(wanted))):
        left, right = boxes[index]
        later = range(index + 1, len(wanted))
        touching = [found[one] for one in later if boxes[one][0] < right and left < boxes[one][1]]
        found[index] = max(touching, default=-1) + 1
    return found


def _label_box(figure: Figure, x: float, text: str, size_pt: float, room_in: float) -> tuple[float, float]:
    width = width_in(figure, text, size_pt) + 0.12
    left = max(0.0, min(x, room_in - width))
    return left, left + width


def axis_in(axis: Axis) -> float:
    """How much room the numbers and words of an axis of time take below it, in inches."""
    return 0.85 if axis.folds else 0.65


def time_axis(ax: Axes, axis: Axis, *, words: bool = True) -> None:
    """Marks, numbers, folds with what they leave out, and the unit; ``words=False`` leaves only lines."""
    figure = figure_of(ax)
    box = ax.get_position()
    inch_x = 1 / (box.width * figure.get_figwidth())
    inch_y = 1 / (box.height * figure.get_figheight())
    ax.set_xlim(0, 1)
    ax.set_xticks([])
    marks = axis.marks()
    for x, _ in marks:
        ax.axvline(x, color=style.FAINT, linewidth=0.8, zorder=0)
    across = ax.get_xaxis_transform()
    for fold in axis.folds:
        ax.axvspan(fold.left, fold.right, facecolor="#f3f3f3", edgecolor="#c4c4c4", hatch="///", linewidth=0,
                   alpha=0.8, zorder=6.5)  # fmt: skip
    if not words:
        return
    free = -0.4 * inch_x
    for x, word in marks:
        half = width_in(figure, word, style.SMALL_PT) * inch_x / 2
        if x - half >= free and x + half <= 1 + 0.3 * inch_x:
            say(ax, x, -0.07 * inch_y, word, transform=across, ha="center", va="top", fontsize=style.SMALL_PT)
            free = x + half + 0.08 * inch_x
    free = -1.0
    for fold in axis.folds:
        text = f"{span(fold.seconds)} left out"
        half = width_in(figure, text, style.SMALL_PT) * inch_x / 2
        middle = max((fold.left + fold.right) / 2, free + half)
        say(ax, middle, -0.27 * inch_y, text, transform=across, ha="center", va="top", fontsize=style.SMALL_PT,
            color=style.MUTED, style="italic")  # fmt: skip
        free = middle + half + 0.12 * inch_x
    below = 0.48 if axis.folds else 0.30
    say(ax, 0.5, -below * inch_y, f"time since the start ({axis.unit})", transform=across, ha="center", va="top")


def event_lines(
    ax: Axes, axis: Axis, events: Sequence[tuple[float, str, str]], *, words: bool = True, lift_in: float = 0.0
) -> None:
    """Vertical lines for crashes and boots, with labels above in ``lanes_needed`` lanes, ``lift_in`` inches higher."""
    figure = figure_of(ax)
    box = ax.get_position()
    room_in = box.width * figure.get_figwidth()
    inch_x, inch_y = 1 / room_in, 1 / (box.height * figure.get_figheight())
    wanted = [(axis.place(t) * room_in, text) for t, _, text in events]
    found = lanes(figure, wanted, style.SMALL_PT, room_in)
    for (t, kind, text), lane in zip(events, found, strict=True):
        colour = style.CRASH_COLOUR if kind == "crash" else style.BOOT_COLOUR
        x, dashes = axis.place(t), (0, (4, 2)) if kind == "crash" else (0, (1, 1.5))
        top = 1 + (0.26 + lift_in + LANE_IN * lane) * inch_y if words else 1
        line = Line2D([x, x], [0, top], transform=ax.get_xaxis_transform(), color=colour, linewidth=1.6,
                      linestyle=dashes, clip_on=False, zorder=5)  # fmt: skip
        ax.add_line(line)
        if words:
            left, _ = _label_box(figure, x * room_in, text, style.SMALL_PT, room_in)
            plate = {"facecolor": style.PAPER, "edgecolor": "none", "pad": 1.0}
            say(ax, (left + 0.04) * inch_x, top, text, transform=ax.get_xaxis_transform(), va="top", bbox=plate,
                fontsize=style.SMALL_PT, color=colour, zorder=9)  # fmt: skip


def lanes_needed(axis: Axis, events: Sequence[tuple[float, str, str]], room_in: float) -> int:
    """How many lanes ``event_lines`` is going to take, before there is a figure of the right height."""
    figure = new_figure(1.0)
    wanted = [(axis.place(t) * room_in, text) for t, _, text in events]
    return max(lanes(figure, wanted, style.SMALL_PT, room_in), default=-1) + 1


def legend(figure: Figure, handles: Sequence[Any], columns: int) -> None:
    """At the bottom, below everything else: ``LEGEND_IN`` inches a row; nothing when nothing needs explaining."""
    if handles:
        figure.legend(
            handles=list(handles), loc="lower center", ncol=columns, frameon=False, fontsize=style.SMALL_PT,
            handletextpad=0.5, columnspacing=1.6, borderaxespad=0.3,
        )  # fmt: skip


def bare(ax: Axes) -> None:
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(style.MUTED)
    ax.tick_params(length=0, labelsize=style.SMALL_PT)
