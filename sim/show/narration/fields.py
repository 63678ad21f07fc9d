"""The values that sentences may ask for by name: each is taken from the row alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sim.folds.steps import command_of
from sim.show.narration.rows import clean, data_of, line, queued, verb
from sim.trace import Row

Value = str | int
_NUMBERED = re.compile(rb"(?s).[KZD]([^\0]*)\0")


def _file(row: Row) -> str:
    call, target = row[2], row[3]
    return clean(target if target is not None else call[1] if len(call) > 1 else "")


def _seconds(row: Row) -> Value:
    found = float(row[2][{"connect": 3, "select": 2}.get(row[2][0], 1)])
    return int(found) if found.is_integer() else str(found)


def _child(row: Row) -> int:
    return int(row[4] if row[2][0] == "fork" else row[2][1])


def _signal(row: Row) -> str:
    call = row[2]
    if call[0] == "select":
        return ", ".join(one for one in row[4] if isinstance(one, str))
    return str(call[2] if call[0] == "kill" else call[1])


def _answer(row: Row) -> str:
    records = row[4] if row[2][0] == "ioctl" else row[4][1]
    return clean(", ".join(one if isinstance(one, str) else " ".join(map(str, one)) for one in records))


def _parts(row: Row) -> list[str]:
    """The fields of what qmail-send and its helpers say to each other: they end with a NUL each."""
    return [clean(part) for part in data_of(row).decode("latin-1").split("\0")]


def _order(row: Row) -> str:
    return clean(data_of(row)[1:].partition(b"\0")[0].decode("latin-1"))


def _recipient(row: Row) -> str:
    words = data_of(row)[1:].split(b"\0")
    return clean(words[2].decode("latin-1")) if len(words) > 2 else ""


def _report(row: Row) -> str:
    """What became of a delivery, without its number and the letters that programs read (see ``sim.qmail.spawn``)."""
    data = data_of(row)
    numbered = row[1][1] in ("qmail-send", "qmail-lspawn", "qmail-rspawn") and _NUMBERED.match(data)
    texts = _NUMBERED.findall(data) if numbered else [part[1:] for part in data.split(b"\0")]
    words = (" ".join(text.decode("latin-1").split()) for text in texts)
    return clean(" ".join(word for word in words if word))


def _letter(row: Row) -> str:
    name = row[2][4]
    return clean(", ".join(name) if isinstance(name, list | tuple) else name)


def _losses(row: Row) -> str:
    return clean(", ".join(f"{name} {before} → {after}" for name, before, after in row[4]))


def _user(row: Row) -> str:
    return clean(row[2][3] if row[2][0] == "start" else row[2][1])


def _command(row: Row) -> str:
    return clean(" ".join(map(str, row[2][2])))


def _last_number(row: Row) -> int:
    return int(row[2][-1])


FIELDS: dict[str, Callable[[Row], Value]] = {
    "program": lambda row: clean(row[1][1]),
    "host": lambda row: clean(row[1][0]),
    "file": _file,
    "path": lambda row: clean(row[2][1]),
    "inode": lambda row: int(row[4][0]),
    "size": lambda row: int(row[4][2]),
    "position": _last_number,
    "mode": lambda row: f"{row[2][2]:03o}",
    "bytes": lambda row: len(data_of(row)),
    "text": lambda row: line(data_of(row)),
    "line": lambda row: clean(row[2][2]),
    "count": lambda row: len(row[4] or ()),
    "address": lambda row: clean(row[2][1]),
    "port": lambda row: int(row[2][2] if row[2][0] == "connect" else row[2][1]),
    "peer": lambda row: clean(row[4][1]),
    "name": lambda row: clean(row[2][1]),
    "type": lambda row: clean(row[2][2]),
    "answer": _answer,
    "result": lambda row: row[4] if isinstance(row[4], int) else clean(row[4]),
    "seconds": _seconds,
    "limit": lambda row: data_of(row)[0],
    "order": _order,
    "recipient": _recipient,
    "report": _report,
    "record": lambda row: _parts(row)[0],
    "user": _user,
    "child": _child,
    "status": lambda row: int(row[2][1]),
    "other": lambda row: clean(row[2][1]),
    "command": _command,
    "signal": _signal,
    "error": lambda row: str(row[5]),
    "call": lambda row: f"{verb(row)} {_file(row)}".strip(),
    "letter": _letter,
    "relay": lambda row: clean(row[2][2][1]),
    "typed": lambda row: clean(command_of(row[1][1], tuple(row[2][2]))),
    "title": lambda row: clean(_title(row[2][1])),
    "queued": queued,
    "losses": _losses,
}


def _title(data: Any) -> str:
    return str(data["title"])
