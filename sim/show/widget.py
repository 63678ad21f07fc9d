"""The lesson player in a notebook: the page's own front end as a Jupyter widget, and a picture where none can run.

A frontend without widgets (GitHub, nbviewer, a printed notebook) shows the richest form it knows of what a cell
displays, so the picture goes beside the widget in the same bundle.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

MISSING = "run.player() needs anywidget; install it with: pip install 'mailsim[notebook]'"
_RENDER = """
export default {
  render({ model, el }) {
    const root = document.createElement("div");
    el.classList.add("mailsim");
    el.replaceChildren(root);
    return mount(root, JSON.parse(model.get("lesson")));
  },
};
"""
_IN_A_CELL = """
.mailsim { container-type: inline-size; overflow: auto; }
.mailsim > * { min-height: 0; }
"""


def player(script: str, styles: str, lesson: dict[str, Any], still: Callable[[], bytes], words: str) -> Any:
    """A widget of the page's front end and a lesson's data.

    ``script`` is an ES module that exports ``mount(element, data)``; ``still`` draws the picture (PNG), ``words`` stand
    where not even that can be shown. Raises ImportError with what to install.
    """
    widget = _widget_class(script, styles)(lesson=msgspec.json.encode(lesson).decode())
    widget.still, widget.words = still, words
    return widget


@cache
def _widget_class(script: str, styles: str) -> type[Any]:
    """Made when it is first needed: anywidget and what it stands on take a good part of a second to load."""
    try:
        import anywidget
        import traitlets
    except ImportError as problem:
        raise ImportError(MISSING) from problem

    class Player(anywidget.AnyWidget):
        """The lesson player; ``lesson`` is its data as JSON, the only thing that goes to the browser."""

        _esm = script + _RENDER
        _css = _in_a_cell(styles)
        lesson = traitlets.Unicode().tag(sync=True)
        still: Callable[[], bytes]
        words: str

        def __repr__(self) -> str:
            return self.words

        def _repr_mimebundle_(self, **how: Any) -> Any:
            bundle = super()._repr_mimebundle_(**how)
            shown, about = bundle if isinstance(bundle, tuple) else (bundle, {})
            picture = base64.b64encode(self.still()).decode("ascii")
            return {**(shown or {}), "image/png": picture, "text/plain": self.words}, about

    return Player


def _in_a_cell(styles: str) -> str:
    """The page's styles where the width that counts is the cell's, not the window's, and no height is to be filled."""
    return styles.replace("@media (max-width:", "@container (max-width:") + _IN_A_CELL
