"""What was said on each connection, line by line, and the connections that never came about."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sim.folds.kinds import Table, Wish, Wishes, look
from sim.smtp.commands import address_argument
from sim.trace import Row, Trace

REFUSING = ("greeting", "HELO", "MAIL", "RCPT", "DATA", "dot")


class Line(NamedTuple):
    """One line of a dialogue: when it was said, by whom (``C`` or ``S``), without its line end."""

    t: float
    side: str
    text: str


class Knock(NamedTuple):
    """An attempt to connect: when it ended, who tried, which address, and how it failed (None: it did not)."""

    t: float
    host: str
    address: str
    error: str | None


@dataclass(slots=True)
class Dialogue:
    """One TCP connection. ``client`` and ``server`` are host names, ``client_pid`` the process that dialled."""

    name: str
    client: str
    client_program: str
    client_pid: int
    address: str
    opened: float
    server: str = ""
    server_pid: int = 0
    lines: list[Line] = field(default_factory=list)
    closed: float | None = None
    _rest: dict[str, bytes] = field(default_factory=lambda: {"C": b"", "S": b""})

    def hear(self, t: float, side: str, data: bytes) -> None:
        *lines, self._rest[side] = (self._rest[side] + data).split(b"\n")
        self.lines += [Line(t, side, line.removesuffix(b"\r").decode("latin-1")) for line in lines]


class DialogueFold:
    """The connections by name; what servers said, and who they were, before the client knew its own open."""

    def __init__(self) -> None:
        self.found: dict[str, Dialogue] = {}
        self.early: dict[str, tuple[str, int]] = {}
        self.said_early: dict[str, list[tuple[float, bytes]]] = {}

    def fork(self) -> DialogueFold:
        """Another one like it."""
        other = DialogueFold()
        other.found = {
            name: replace(one, lines=one.lines.copy(), _rest=one._rest.copy()) for name, one in self.found.items()
        }
        other.early = self.early.copy()
        other.said_early = {name: said.copy() for name, said in self.said_early.items()}
        return other


def _connect(fold: DialogueFold, _index: int, row: Row) -> None:
    t, (host, program, pid), call, *_ = row
    name, _ = _end(row)
    dialogue = fold.found[name] = Dialogue(name, host, program, pid, call[1], t)
    dialogue.server, dialogue.server_pid = fold.early.get(name, ("", 0))
    for when, data in fold.said_early.pop(name, []):
        dialogue.hear(when, "S", data)


def _end(row: Row) -> tuple[str, str]:
    """The connection, and which end of it."""
    name, _, side = (row[3] or "").rpartition("/")
    return name, side


def _write(fold: DialogueFold, index: int, row: Row) -> None:
    t, _, call, *_ = row
    name, side = _end(row)
    if side == "server" and name not in fold.found:
        fold.said_early.setdefault(name, []).append((t, call[2]))
        return
    fold.found[name].hear(t, "C" if side == "client" else "S", call[2])
    _serve(fold, index, row)


def _say(fold: DialogueFold, _index: int, row: Row) -> None:
    t, _, call, *_ = row
    name, _ = _end(row)
    if name in fold.found:
        fold.found[name].hear(t, "S", call[1])


def _close(fold: DialogueFold, index: int, row: Row) -> None:
    name, side = _end(row)
    if side == "client" and name in fold.found:
        fold.found[name].closed = row[0]
    _serve(fold, index, row)


def _serve(fold: DialogueFold, _index: int, row: Row) -> None:
    """Whoever has the server's end is the server, but for the one that waits for all of them."""
    _, (host, program, pid), *_ = row
    name, side = _end(row)
    if side == "server" and program not in ("tcpserver", ""):
        fold.early[name] = (host, pid)
        if name in fold.found:
            fold.found[name].server, fold.found[name].server_pid = host, pid


_TCP = ("tcp/",)
WISHES: Wishes = (
    Wish("connect", _TCP, _connect),
    Wish("write", _TCP, _write),
    Wish("say", _TCP, _say),
    Wish("close", _TCP, _close),
    Wish("read", _TCP, _serve),
    Wish("accept", _TCP, _serve),
    Wish("getpeername", _TCP, _serve),
)


def dialogues(trace: Trace) -> list[Dialogue]:
    """All connections in the order in which the client knew them open."""
    fold = DialogueFold()
    look(Table(WISHES), (fold,), trace.rows)
    return list(fold.found.values())


def knocks(trace: Trace) -> list[Knock]:
    """Every attempt to connect, in the order in which their ends became known."""
    return [Knock(t, who[0], call[1], error) for t, who, call, _, _, error in trace.rows if call[0] == "connect"]


class Refusal(NamedTuple):
    """A letter that a server would not take for a recipient: when, from whom, at which host and stage, its reply.

    ``stage`` is greeting, HELO, MAIL, RCPT, DATA or dot; ``recipient`` is empty where none was named yet.
    """

    t: float
    client: str
    client_pid: int
    server: str
    stage: str
    recipient: str
    reply: str


def refusals(found: list[Dialogue]) -> list[Refusal]:
    """Every 4xx and 5xx that keeps a letter from its recipients, once for each of them."""
    return [refusal for dialogue in found for refusal in _refused_in(dialogue)]


def _refused_in(dialogue: Dialogue) -> Iterator[Refusal]:
    """What is refused to all counts for the recipients that were accepted; for nobody when all were refused before."""
    who = (dialogue.client, dialogue.client_pid, dialogue.server)
    waiting = deque([("greeting", "")])
    accepted: list[str] = []
    named = in_text = False
    for line in dialogue.lines:
        if line.side == "C":
            if not in_text or line.text == ".":
                waiting.append(("dot", "") if in_text else (line.text[:4].upper(), line.text[5:]))
                in_text = False
            continue
        if line.text[3:4] == "-" or not waiting:
            continue
        stage, argument = waiting.popleft()
        recipient = address_argument(argument) or "" if stage == "RCPT" else ""
        if stage == "MAIL":
            accepted, named = [], False
        if line.text[:1] in "45" and stage in REFUSING:
            to = [recipient] if stage == "RCPT" else accepted or ([] if named else [""])
            yield from (Refusal(line.t, *who, stage, one, line.text) for one in to)
        elif stage == "RCPT":
            accepted.append(recipient)
        named = named or stage == "RCPT"
        in_text = stage == "DATA" and line.text[:1] == "3"
