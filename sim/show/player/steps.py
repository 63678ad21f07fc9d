"""A record as the page needs it: the call in words, its sentence, what it changes, and the mark it makes in time.

A step is a list: seconds since the step before, process id, and what ``sim.show.player.tape`` calls columns. A
sentence is its key and its parts. A change is a list that begins with its kind (see ``fold.js``); it depends on nothing
but the record, so that equal records are one step wherever they happen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sim.machine.calls import ARGUMENTS
from sim.qmail.states import FILES
from sim.show.player.tape import Step, Tape
from sim.show.player.words import clean, narrated
from sim.trace import Row

LONGEST = 60
SHOWN = (*(f"{name}/" for name in FILES), "pid/", "~", "var/mail/")
HIDDEN = ("/.qmail",)
Change = list[Any] | None


def steps(rows: Iterable[Row], since: float, tape: Tape) -> list[int]:
    """The numbers of the steps of some records; ``since`` is the time of the record before them."""
    ids = []
    for row in rows:
        ids.append(tape.number(step(row, since)))
        since = row[0]
    return ids


def step(row: Row, since: float) -> Step:
    t, (host, program, pid), call, target, result, error = row
    key, parts = narrated(row)
    change = None if error is not None else _change(row)
    passed = round(t - since, 6)
    change = change if change is not None else _failed(row)
    return [passed or 0, pid, host, program, call_text(call, target), _result(call, result, error), [key, parts],
            change, _mark(row)]  # fmt: skip


def call_text(call: Sequence[Any], target: str | None) -> str:
    """The call as strace prints it, an open file by its name.

    >>> call_text(("link", "intd/13", "todo/13"), "todo/13"), call_text(("write", 2, b"hi", True), "pipe")
    ('link("intd/13", "todo/13")', 'write(pipe, "hi")')
    """
    name: str = call[0]
    if name == "fork":
        return "fork()"
    if name not in ARGUMENTS:
        return name.replace("_", " ")
    known = ARGUMENTS[name]
    told = ((word, one) for word, one in zip(known, call[1:], strict=False) if one is not None and not callable(one))
    shown = [_argument(one) for word, one in told if not word.startswith("if_")]
    if known[:1] == ("fd",) and target:
        shown[0] = clean(target)
    return f"{name}({', '.join(shown)})"


def _argument(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, str):
        text = clean(value.replace("\r\n", "\n").replace("\n", "⏎").replace("\0", "·"))
        return f'"{text[:LONGEST]}…" ({len(value)} bytes)' if len(text) > LONGEST else f'"{text}"'
    if isinstance(value, dict):
        return "{…}" if value else "{}"
    if isinstance(value, tuple):
        return f"[{', '.join(_argument(one) for one in value)}]"
    return str(value)


def _result(call: Sequence[Any], result: Any, error: str | None) -> str:
    if error is not None:
        return error
    if call[0] in ("boot", "power_cut") or result is None:
        return ""
    if call[0] == "read":
        return f"{len(result)} bytes"
    if call[0] in ("stat", "fstat"):
        return f"inode {result[0]}, {result[2]} bytes"
    if call[0] == "query":
        return f"{result[0]}: {', '.join(_record(one) for one in result[1]) or 'nothing'}"
    return _argument(result)


def _record(one: Any) -> str:
    return " ".join(map(str, one)) if isinstance(one, tuple) else str(one)


def _shown(path: str | None) -> bool:
    return path is not None and path.startswith(SHOWN) and not any(part in path for part in HIDDEN)


def _change(row: Row) -> Change:
    """What the browser does to its picture of the host."""
    _, (_, program, _), call, target, result, _ = row
    known = _CHANGES.get(call[0])
    if known is not None:
        return known(call, program, result)
    if target is not None and target.startswith("tcp/"):
        return _wire(call, target, result)
    return _file(call, target, result) if _shown(target) else None


def _failed(row: Row) -> Change:
    """A call that failed changes nothing, but a connection that did not come about is worth a word."""
    _, _, call, _, _, error = row
    return ["no", call[1], error] if call[0] == "connect" and error is not None else None


def _file(call: Sequence[Any], target: str | None, result: Any) -> Change:
    match call[0]:
        case "create":
            return ["+", target]
        case "open" if call[2] == "a":
            return ["+?", target]
        case "link":
            return ["l", _beside(call[1], target), target]
        case "rename":
            return ["m", _beside(call[1], target), target]
        case "unlink":
            return ["-", target]
        case "write":
            return ["D", target] if call[2] == b"D" else ["w", target, result]
        case "ftruncate":
            return ["t", target, call[2]]
        case "fsync":
            return ["s", target]
    return None


def _beside(old: str, new: str | None) -> str:
    """The old name as whole as the new one: a program in a Maildir names ``tmp/`` and ``new/`` from there.

    >>> _beside("tmp/1.2.ai3", "~riza/Maildir/new/1.2.ai3"), _beside("intd/13", "todo/13")
    ('~riza/Maildir/tmp/1.2.ai3', 'intd/13')
    """
    if new is None or not new.startswith("~") or old.startswith("~"):
        return old
    return "/".join([*new.split("/")[:-2], *old.split("/")[-2:]])


def _wire(call: Sequence[Any], target: str, result: Any) -> Change:
    name, _, side = target.rpartition("/")
    who = side[:1].upper()
    match call[0]:
        case "connect":
            return ["c", name, call[1]]
        case "accept":
            return ["a", name]
        case "write":
            return ["say", name, who, _lines(call[2])]
        case "say":
            return ["say", name, who, _lines(call[1])]
        case "read" if result:
            return ["got", name, who]
        case "close" if who == "C":
            return ["end", name]
    return None


def _lines(data: bytes) -> str:
    return "\n".join(clean(line) for line in data.decode("latin-1").replace("\r\n", "\n").split("\n"))


def _boot(_call: Sequence[Any], _program: str, result: Any) -> list[Any]:
    return ["boot", [[name, inode, size] for name, inode, size in result or () if _shown(name)]]


def _power(_call: Sequence[Any], _program: str, result: Any) -> list[Any]:
    return ["off", [list(loss) for loss in result or ()]]


_CHANGES: dict[str, Callable[..., list[Any]]] = {
    "boot": _boot,
    "power_cut": _power,
    "kill_all": lambda *_: ["all"],
    "killed": lambda call, *_: ["k", call[1]],
    "start": lambda call, *_: ["p", call[3]],
    "fork": lambda *about: ["f", about[2]],
    "execve": lambda call, *_: ["x", call[1]],
    "setuid": lambda call, *_: ["u", call[1]],
    "exit": lambda call, *_: ["q", call[1]],
    "syslog": lambda call, *_: ["log", clean(call[2])],
}


def _mark(row: Row) -> str:
    """What a timeline shows of a record: one of ``MARKS``, or nothing. Retries are found among attempts, later."""
    _, (_, program, _), call, target, result, error = row
    name = call[0]
    if name == "connect":
        return "connected" if error is None else "refused"
    if error is not None:
        return ""
    if name == "start":
        return "sent" if call[4] is not None else ""
    if name in ("power_cut", "kill_all", "killed"):
        return "crash"
    if name == "exit":
        return "promised" if program == "qmail-queue" and call[1] == 0 else ""
    if name == "syslog":
        return _logged(call[2])
    if name == "boot" and row[0] > 0:
        return "boot"
    if name == "link" and target is not None:
        return "queued" if target.startswith("todo/") else "delivered" if "/new/" in target else ""
    if name == "fsync" and target is not None and program == "qmail-local" and "/tmp/" not in target:
        return "delivered"
    heard = name == "read" and (target or "").endswith("/client") and (target or "").startswith("tcp/")
    return "refused" if heard and (result or b"")[:1] in (b"4", b"5") else ""


def _logged(text: str) -> str:
    if text.startswith("starting delivery"):
        return "attempt"
    return "bounced" if text.startswith("bounce msg") else ""
