"""The lesson player in a notebook: the page's own front end as a Jupyter widget, and a picture where none can run.

The seam to the page is ``_front_end``: one ES module that exports ``mount(element, data)``, and its styles. A frontend
without widgets (GitHub, nbviewer, a printed notebook) shows the richest form it knows of what a cell displays, so the
picture goes beside the widget in the same bundle.
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
.mailsim, .mailsim > * { min-height: 0; max-width: 100%; }
.mailsim { overflow: auto; }
"""


def player(data: dict[str, Any], still: Callable[[], bytes], words: str) -> Any:
    """A widget for a lesson's data; ``still`` draws its picture (PNG) and ``words`` name it when nothing else shows.

    Raises ImportError with what to install.
    """
    widget = _widget_class()(lesson=msgspec.json.encode(data).decode())
    widget.still, widget.words = still, words
    return widget


def _front_end() -> tuple[str, str]:
    """The page's modules joined into one, and its styles."""
    from sim.show.player.page import script, styles

    return script(), styles()


@cache
def _widget_class() -> type[Any]:
    """Made when it is first needed: anywidget and what it stands on take a good part of a second to load."""
    try:
        import anywidget
        import traitlets
    except ImportError as problem:
        raise ImportError(MISSING) from problem
    script, styles = _front_end()

    class Player(anywidget.AnyWidget):
        """The lesson player; ``lesson`` is its data as JSON, the only thing that goes to the browser."""

        _esm = script + _RENDER
        _css = styles + _IN_A_CELL
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
