"""A figure on paper: a file of one kind or of each, or the bytes that a notebook embeds; the same each time."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from sim.show import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("png", "svg")


def save(figure: Figure, path_without_suffix: str | Path) -> list[Path]:
    """Write PNG and SVG, the same bytes each time; gives the two paths."""
    base = Path(path_without_suffix)
    paths = [base.with_name(f"{base.name}.{kind}") for kind in KINDS]
    for path in paths:
        write(figure, path)
    return paths


def write(figure: Figure, path: Path) -> None:
    """Write one file of the kind that its name ends with, without dates and in SVG with names that do not change."""
    import matplotlib

    said = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}
    with matplotlib.rc_context({"svg.hashsalt": "mailsim", "svg.fonttype": "path"}):
        figure.savefig(path, dpi=style.DPI, metadata=said.get(path.suffix.lower()))


def png(figure: Figure) -> bytes:
    """The picture as a notebook embeds it."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=style.DPI, metadata={"Software": None})
    return data.getvalue()
