"""The queue as the course text's section 6 writes it: files as + and -, states S1 to S5, and who made each change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from sim.folds.message import Change, Message
from sim.qmail.states import FILES, MEANINGS
from sim.show.clock import full_date, seconds
from sim.show.escape import fitted, readable
from sim.show.view import Span, View

DETAILED = 6
_STYLES = {"S1": "dim", "S2": "yellow", "S3": "yellow", "S4": "cyan", "S5": "green", None: "red"}
Letter = Callable[[Message], "str | None"]


def queue_view(messages: Sequence[Message], letter: Letter) -> View:
    """Every message's way through the states; a line each when there are more than ``DETAILED``."""
    if not messages:
        return View([[("no message was ever in this queue", "dim")]])
    if len(messages) <= DETAILED:
        rows: list[list[Span]] = []
        for message in messages:
            rows += [*_history(message, letter(message)), []]
        return View(rows[:-1])
    head: list[Span] = [("  msg letter               born    promised       ended  states", "bold")]
    return View([head, *(_short(message, letter(message)) for message in messages)])


def _history(message: Message, letter: str | None) -> list[list[Span]]:
    name = f' "{letter}"' if letter else ""
    end = "never promised" if message.promised is None else f"promised at {seconds(message.promised)}"
    width = max([9, *(len(f"{change.t:.3f}") for change in message.history)])
    rows: list[list[Span]] = [
        [(f"message {message.number}{name} {_sender(message)}, {end}", "bold")],
        [(f"{'seconds':>{width}}  state   {' '.join(FILES)}  by", "dim")],
    ]
    before: str | None = "S1"
    for change in message.history:
        rows.append(_change(before, change, width))
        before = change.state
    return rows


def _sender(message: Message) -> str:
    """An empty sender is a bounce's; before there is an envelope, nobody knows."""
    return f"from <{readable(message.sender)}>" if message.envelope else "without an envelope"


def _change(before: str | None, change: Change, width: int) -> list[Span]:
    state = change.state or "??"
    step = state if change.state == before else f"{before or '??'}→{state}"
    signs = " ".join(("+" if file in change.files else "-").center(len(file)) for file in FILES)
    _, program, pid = change.who
    by = f"{program} ({pid})" if program else "found at boot"
    return [(f"{change.t:{width}.3f}  ", ""), (f"{step:<6}", _STYLES[change.state]), (f"  {signs}  {by}", "")]


def _short(message: Message, letter: str | None) -> list[Span]:
    path: list[str] = []
    for change in message.history:
        if path[-1:] != [change.state or "??"]:
            path.append(change.state or "??")
    times = "".join(f"{'-' if t is None else f'{t:.3f}':>12}" for t in (message.born, message.promised, message.ended))
    return [(f"{message.number:5} {fitted(letter or '-', 12)}{times}  {' '.join(path)}", "")]


def queue_at(messages: Sequence[Message], letter: Letter, host: str, t: float, start: datetime) -> View:
    """What lies in one host's queue at a time, and which recipients are done."""
    there = [message for message in messages if message.born <= t and message.state_at(t) != "S1"]
    heading = f"queue of {host} on {full_date(start, t)} ({seconds(t)} after the start)"
    rows: list[list[Span]] = [[(heading, "bold")]]
    for message in there:
        state = message.state_at(t)
        meaning = MEANINGS.get(state or "", "no state at all")
        name = f' "{letter(message)}"' if letter(message) else ""
        rows.append([(f"  message {message.number}{name}  ", ""), (f"{state or '??'}: {meaning}", _STYLES[state])])
        rows.append([(f"    files  {' '.join(name for name in FILES if name in _files_at(message, t))}", "")])
        rows.append([(f"    from   <{readable(message.sender)}>" if message.envelope else "    no envelope yet", "")])
        rows += _recipients(message, t)
    if not there:
        rows.append([("  empty", "dim")])
    return View(rows)


def _files_at(message: Message, t: float) -> frozenset[str]:
    return next((change.files for change in reversed(message.history) if change.t <= t), frozenset())


def _recipients(message: Message, t: float) -> list[list[Span]]:
    if not message.lists:
        return [[(f"    to     {readable(one)}", "")] for one in message.recipients]
    rows: list[list[Span]] = []
    for channel, places in message.lists.items():
        for place, recipient in places.items():
            done = message.done.get((channel, place))
            mark = ("done", "green") if done is not None and done <= t else ("not done", "yellow")
            rows.append([(f"    to     {readable(recipient)}  ({channel}, ", ""), mark, (")", "")])
    return rows
