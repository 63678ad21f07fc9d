"""The one journal of a run: every view, figure and verdict is a fold over it.

A record is a tuple ``(t, who, call, target, result, error)``:

* ``t``       seconds since the scenario's start, a float;
* ``who``     ``(host, program, pid)``; the world itself is program ``""`` with pid 0;
* ``call``    the system call as data, ``(name, *arguments)`` (see ``sim.machine.calls``), or something
  that happened to a machine: the names in ``EVENTS``;
* ``target``  the name of what the call touched, as short as the queue's manual writes it (``mess/53``),
  or ``None``; a write to an open file carries the file's latest name, a link its new name;
* ``result``  what the program got back, ``error`` an errno name or ``None``.

The first record of a run holds the scenario, so that a saved trace is enough to draw everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast, overload

import msgspec

from sim.notation.errors import did_you_mean, quoted
from sim.notation.moments import VERBS

WHENCE = "a trace is what mailsim run --out DIR leaves there as trace.jsonl; write it anew"

Who = tuple[str, str, int]
Call = tuple[Any, ...]
Row = tuple[float, Who, Call, "str | None", Any, "str | None"]

EVENTS: dict[str, tuple[str, ...]] = {
    "scenario": ("data",),
    "boot": (),
    "start": ("program", "argv", "user", "mail"),
    "killed": ("signal",),
    "exit": ("status",),
    "fault": ("number",),
    "kill_all": (),
    "power_cut": (),
    "say": ("data",),
}


class Record(NamedTuple):
    """One row with names, for people; folds unpack the bare tuple, which is several times faster."""

    t: float
    who: Who
    call: Call
    target: str | None
    result: Any
    error: str | None

    @property
    def host(self) -> str:
        return self.who[0]

    @property
    def program(self) -> str:
        return self.who[1]

    @property
    def pid(self) -> int:
        return self.who[2]

    @property
    def verb(self) -> str:
        return verb_of(self.call, self.target)


def verb_of(call: Call, target: str | None) -> str:
    """The word for a call in a moment's name: its own, but ``mark`` and ``trigger`` for two telling writes.

    >>> verb_of(("write", 7, b"D"), "local/53")
    'mark'
    >>> verb_of(("write", 7, b"Tjoe@x"), "local/53")
    'write'
    """
    name: str = call[0]
    if name != "write" or target is None:
        return name
    if target == "lock/trigger":
        return "trigger"
    return "mark" if call[2] == b"D" and target.startswith(("local/", "remote/")) else name


class Trace:
    """Rows in the order in which they happened; append-only while a run lasts."""

    __slots__ = ("rows",)

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.rows: list[Row] = list(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Record]:
        return map(Record._make, self.rows)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Trace: ...
    def __getitem__(self, index: int | slice) -> Record | Trace:
        if isinstance(index, slice):
            return Trace(self.rows[index])
        return Record._make(self.rows[index])

    def __repr__(self) -> str:
        return f"<Trace of {len(self.rows)} records>"

    def event(self, t: float, host: str, call: Call, result: Any = None) -> None:
        """Append something that happened to a machine rather than was called by a program."""
        self.rows.append((t, (host, "", 0), call, None, result, None))

    def filter(
        self, *, host: str | None = None, program: str | None = None, verb: str | None = None, target: str | None = None
    ) -> list[Record]:
        """The records that fit all the given words; ``target`` may be the start of a name (``mess/``).

        Raises ValueError for a verb that no call and no event has.
        """
        if verb is not None and verb not in VERBS and verb not in EVENTS:
            known = sorted(VERBS | EVENTS.keys())
            raise ValueError(f"unknown verb {quoted(verb)} ({did_you_mean(verb, known) or ' '.join(known)})")
        return [
            record
            for record in self
            if (host is None or record.host == host)
            and (program is None or record.program == program)
            and (verb is None or record.verb == verb)
            and (target is None or (record.target or "").startswith(target))
        ]

    def to_jsonl(self, names: dict[str, tuple[str, ...]]) -> bytes:
        """One JSON object a line; ``names`` gives each call's argument names (``sim.machine.calls.ARGUMENTS``)."""
        known = names | EVENTS
        encode = msgspec.json.Encoder(enc_hook=_as_json).encode
        return b"".join(encode(_to_object(row, known)) + b"\n" for row in self.rows)

    @classmethod
    def from_jsonl(cls, path: str | Path, names: dict[str, tuple[str, ...]]) -> Trace:
        """Read what ``to_jsonl`` wrote; bytes come back as bytes, and a forked function as its name.

        Raises ValueError with ``file:line`` for a line that is not a record.
        """
        known = names | EVENTS
        trace = cls()
        for number, line in enumerate(Path(path).read_bytes().splitlines(), 1):
            try:
                trace.rows.append(_from_object(msgspec.json.decode(line), known))
            except (msgspec.DecodeError, UnicodeEncodeError, KeyError, TypeError) as problem:
                raise ValueError(f"{path}:{number}: not a trace record: {problem} ({WHENCE})") from None
        return trace


def _to_object(row: Row, known: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    t, (host, program, pid), call, target, result, error = row
    line: dict[str, Any] = {"t": t, "host": host, "program": program, "pid": pid, "call": call[0]}
    line.update(zip(known[call[0]], map(_text, call[1:]), strict=False))
    if target is not None:
        line["target"] = target
    if error is not None:
        line["error"] = error
    elif result is not None:
        line["result"] = _text(result)
    return line


def _text(value: Any) -> Any:
    """Bytes as the text with the same character codes, which people can read; base64 they cannot."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return tuple(map(_text, value)) if isinstance(value, tuple) else value


def _as_json(value: Any) -> Any:
    if callable(value):
        return cast(Callable[..., Any], value).__name__
    raise TypeError(f"{type(value).__name__} has no place in a trace")


def _from_object(line: dict[str, Any], known: dict[str, tuple[str, ...]]) -> Row:
    name = line["call"]
    arguments = tuple(_restore(f"{name}({key})", line[key]) for key in known[name] if key in line)
    result = _restore(f"{name}()", line.get("result"))
    who = (line["host"], line["program"], line["pid"])
    return (line["t"], who, (name, *arguments), line.get("target"), result, line.get("error"))


def _restore(key: str, value: Any) -> Any:
    if key in ("write(data)", "say(data)", "read()") and isinstance(value, str):
        return value.encode("latin-1")
    return tuple(_restore("", item) for item in value) if isinstance(value, list) else value
