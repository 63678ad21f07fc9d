"""An SMTP dialogue as the course text's section 2 shows one: ``>>>`` before what the client says."""

from __future__ import annotations

from datetime import datetime

from sim.folds.dialogues import Dialogue
from sim.show.clock import full_date, seconds, span
from sim.show.escape import readable, visible
from sim.show.view import Span, View


def dialogue_view(dialogue: Dialogue, start: datetime) -> View:
    """Who talks to whom, when, what is said, and how it ends."""
    who = f"{dialogue.client} ({dialogue.client_program}) talks to {dialogue.server or dialogue.address}"
    when = f"{full_date(start, dialogue.opened)} ({seconds(dialogue.opened)} after the start)"
    heading: list[list[Span]] = [[(who, "bold")], [(f"at {dialogue.address}, port 25, {when}", "dim")], []]
    said: list[list[Span]] = [_line(line.side, line.text) for line in dialogue.lines]
    return View([*heading, *said, [], [(ending(dialogue), "dim")]])


def _line(side: str, text: str) -> list[Span]:
    text = readable(text)
    if side == "C":
        return [(">>> ", "dim"), (text, "cyan")] if text else [(">>>", "dim")]
    return [(text, "green" if text[:1] in "123" else "red")]


def ending(dialogue: Dialogue) -> str:
    """How a connection came to its end, in one sentence."""
    said_quit = any(line.side == "C" and line.text.upper() == "QUIT" for line in dialogue.lines)
    if dialogue.closed is None and said_quit:
        return "(the client said QUIT, and its program ended)"
    if dialogue.closed is None:
        return "(the client never closed it: its program ended first, or the run did)"
    lasted = f"after {span(dialogue.closed - dialogue.opened)}"
    if said_quit:
        return f"(the client said QUIT and closed the connection {lasted})"
    return f"(the connection broke; the client gave it up {lasted})"


def transcript(dialogue: Dialogue) -> str:
    """The lines as files keep them, ``C: …`` and ``S: …``: whole, and safe to look at with cat(1)."""
    return "".join(f"{line.side}: {visible(readable(line.text))}\n" for line in dialogue.lines)
