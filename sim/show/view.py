"""A View: lines of styled text that print in a terminal, read plain in a pipe and show in Jupyter.

Whatever goes in is made visible first, so no letter can move a cursor, switch a colour or write HTML.
"""

from __future__ import annotations

import html
import sys
from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING

from sim.show.escape import plain, visible

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

Span = tuple[str, str]
WIDTH = 80

_CSS = {
    "bold": "font-weight:bold",
    "dim": "color:#6b6b6b",
    "green": "color:#00734f",
    "red": "color:#b02a00",
    "yellow": "color:#8a5a00",
    "cyan": "color:#005f8a",
}


class View:
    """Lines of ``(text, style)`` spans; a style is a few words of rich's: bold, dim, green, red, yellow, cyan."""

    def __init__(self, rows: Iterable[Iterable[Span] | str]) -> None:
        self.rows: list[list[Span]] = [
            [(visible(text), style) for text, style in ([(row, "")] if isinstance(row, str) else row)] for row in rows
        ]

    @property
    def lines(self) -> list[str]:
        return ["".join(text for text, _ in row) for row in self.rows]

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def __repr__(self) -> str:
        return str(self)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self.lines)

    def __contains__(self, text: str) -> bool:
        return text in str(self)

    def __add__(self, other: View) -> View:
        return View([*self.rows, *other.rows])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        for row in self.rows:
            line = Text(overflow="fold")
            for text, style in row:
                line.append(plain(text, options.encoding), style)
            yield line

    def _repr_html_(self) -> str:
        lines = ("".join(_as_html(text, style) for text, style in row) for row in self.rows)
        return "<pre>" + "\n".join(lines) + "</pre>"


def _as_html(text: str, style: str) -> str:
    rules = ";".join(_CSS[word] for word in style.split() if word in _CSS)
    return f'<span style="{rules}">{html.escape(text)}</span>' if rules else html.escape(text)


def emit(view: View, stream: IO[str] | None = None) -> None:
    """Print with colours on a terminal; anywhere else plain, one line a line, in an encoding that may be poor."""
    stream = sys.stdout if stream is None else stream
    if stream.isatty():
        from rich.console import Console

        Console(file=stream).print(view)
    else:
        stream.write(plain(str(view), getattr(stream, "encoding", None)) + "\n")
