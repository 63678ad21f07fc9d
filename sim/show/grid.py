"""The crash grid: a line for each call, a column for each kind of crash, a sign in each cell for what became of mail.

A cell holds the worst verdict as a letter, beside its colour, and, where other disks or moments gave another one, how
many of the crashes it counts: the picture reads the same in black and white.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.show import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 120
LINE_IN, HEAD_IN, CELL_IN, STATE_IN = 0.27, 0.36, 1.35, 0.72
LEGEND_COLUMNS = 3
LONGEST_CALL = 64


@dataclass(slots=True)
class Line:
    """A call, the state of the messages before it, and for each column how many crashes ended with which verdict."""

    call: str
    state: str
    cells: list[Counter[str]]


@dataclass(slots=True)
class Grid:
    """``verdicts`` are all there can be, the worst first; ``note`` says what was covered."""

    title: str
    columns: list[str]
    verdicts: tuple[str, ...]
    note: str
    lines: list[Line] = field(default_factory=list)

    def worst(self, cell: Counter[str]) -> str:
        return next((word for word in self.verdicts if cell[word]), "")


def draw(shown: Grid) -> Figure:
    """The figure, as high as its lines need and as wide as its columns."""
    from sim.show import canvas
    from sim.show.escape import fitted

    lines = shown.lines[:MOST_LINES]
    calls = [fitted(line.call, LONGEST_CALL).rstrip() for line in lines]
    probe = canvas.new_figure(1.0)
    left = canvas.LEFT_IN + max([1.0, *(canvas.width_in(probe, call, style.SMALL_PT) for call in calls)]) + STATE_IN
    heads = [canvas.width_in(probe, name, style.LABEL_PT, "bold") + 0.25 for name in shown.columns]
    room = max([CELL_IN, *heads]) * max(1, len(shown.columns))
    width = max(style.WIDTH_IN, left + room + canvas.RIGHT_IN)
    handles = _handles(shown)
    head = canvas.title_lines(shown.title, "what becomes of the mail when a crash comes before a call")
    top = 0.2 + canvas.TITLE_IN * len(head) + HEAD_IN
    notes = _notes(shown)
    bottom = 0.3 + canvas.LEGEND_IN * -(-len(handles) // LEGEND_COLUMNS) + canvas.LEGEND_IN * len(notes)
    high = LINE_IN * max(1, len(lines))
    height = top + high + bottom
    figure = canvas.new_figure(height, width)
    canvas.title(figure, head)
    ax = figure.add_axes((left / width, bottom / height, room / width, high / height))
    ax.set_axis_off()
    ax.set_xlim(0, max(1, len(shown.columns)))
    ax.set_ylim(max(1, len(lines)), 0)
    _labels(ax, shown, lines, calls)
    for row, line in enumerate(lines):
        for column, cell in enumerate(line.cells):
            _cell(ax, column, row, shown.worst(cell), cell)
    for number, text in enumerate(reversed(notes)):
        y = (0.2 + canvas.LEGEND_IN * (number + -(-len(handles) // LEGEND_COLUMNS))) / height
        canvas.say(figure, 0.5, y, text, color=style.MUTED, style="italic", ha="center", fontsize=style.SMALL_PT)
    canvas.legend(figure, handles, LEGEND_COLUMNS)
    return figure


def _notes(shown: Grid) -> list[str]:
    hidden = len(shown.lines) - MOST_LINES
    return [shown.note] + ([f"{hidden} more calls are not shown"] if hidden > 0 else [])


def _labels(ax: Axes, shown: Grid, lines: list[Line], calls: list[str]) -> None:
    from sim.show import canvas

    width = max(1, len(shown.columns))
    state = _columns(ax, STATE_IN)
    for column, name in enumerate(shown.columns):
        canvas.say(ax, column + 0.5, -0.25, name, ha="center", va="bottom", fontweight="bold")
    canvas.say(ax, -state, -0.25, "before the call", ha="right", va="bottom", fontweight="bold")
    canvas.say(ax, -0.06, -0.25, "state", ha="right", va="bottom", fontweight="bold")
    for row, (line, call) in enumerate(zip(lines, calls, strict=True)):
        if row % 2:
            ax.axhspan(row, row + 1, xmin=-_to_the_left(ax), xmax=0, facecolor="#f6f6f6", clip_on=False, zorder=-1)
        canvas.say(ax, -state, row + 0.5, call, ha="right", va="center", fontsize=style.SMALL_PT)
        canvas.say(ax, -0.06, row + 0.5, line.state, ha="right", va="center", fontsize=style.SMALL_PT)
    ax.hlines([0, len(lines)], 0, width, color=style.INK, linewidth=0.8)


def _columns(ax: Axes, inches: float) -> float:
    """A length on paper in columns of the grid."""
    from sim.show import canvas

    return float(inches * ax.get_xlim()[1] / (ax.get_position().width * canvas.figure_of(ax).get_figwidth()))


def _to_the_left(ax: Axes) -> float:
    """How far the labels reach to the left, in widths of the grid."""
    from sim.show import canvas

    box = ax.get_position()
    return float((box.x0 - canvas.LEFT_IN / canvas.figure_of(ax).get_figwidth() / 2) / box.width)


def _cell(ax: Axes, column: int, row: int, word: str, cell: Counter[str]) -> None:
    from matplotlib.patches import Rectangle

    from sim.show import canvas

    if not word:
        canvas.say(ax, column + 0.5, row + 0.5, "·", ha="center", va="center", color=style.MUTED)
        return
    sign = style.VERDICTS[word]
    box = Rectangle((column + 0.03, row + 0.05), 0.94, 0.9, facecolor=sign.face, edgecolor=sign.ink, hatch=sign.hatch,
                    linewidth=0.5)  # fmt: skip
    ax.add_patch(box)
    mixed = f"  {cell[word]} of {cell.total()}" if len(+cell) > 1 else ""
    plate = {"facecolor": sign.face, "edgecolor": "none", "pad": 1.2} if sign.hatch else None
    canvas.say(ax, column + 0.5, row + 0.52, f"{sign.letter}{mixed}", ha="center", va="center", color=sign.ink,
               fontsize=style.SMALL_PT, fontweight="normal" if mixed else "bold", bbox=plate)  # fmt: skip


def _handles(shown: Grid) -> list[object]:
    """The verdicts that occur, the worst first."""
    from matplotlib.patches import Patch

    seen = {word for line in shown.lines for cell in line.cells for word in +cell}
    return [
        Patch(facecolor=sign.face, edgecolor=style.INK, linewidth=0.5, hatch=sign.hatch, label=f"{sign.letter}  {word}")
        for word, sign in style.VERDICTS.items()
        if word in seen
    ]
