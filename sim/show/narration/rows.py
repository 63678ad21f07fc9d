"""What a row is about, in the words that the tables of sentences are keyed by, and the values for their fields.

A key is written as moments are: ``[program] verb [kind]``, and ends with ``!ERROR`` for a call that failed. A kind is
a directory of the queue (``mess``), a side of a connection with the word that was said (``client RCPT``), an exit
status: whatever decides which sentence teaches. A row is all that is known: no sentence depends on the rows before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sim.folds.steps import command_of
from sim.qmail.states import FILES
from sim.show.escape import readable, visible
from sim.trace import Row, verb_of

COMMANDS = frozenset(("HELO", "EHLO", "MAIL", "RCPT", "DATA", "QUIT"))
_PROMISE = re.compile(rb"250 ok \d+ qp \d+\r\n")
_SINGLE_DOT = (b".\r\n", b"\n.\r\n")


def verb(row: Row) -> str:
    return verb_of(row[2], row[3])


def kinds(row: Row) -> tuple[str, ...]:
    """What a row is about, the most telling word first."""
    by_verb = _BY_VERB.get(row[2][0])
    if by_verb is not None:
        return by_verb(row)
    return (_place(row[3]),) if row[3] is not None else ()


def _place(target: str) -> str:
    """The kind of a path, as a person would sort it."""
    first, _, rest = target.partition("/")
    if first in FILES or first in ("pid", "control", "users", "pipe", "stdin", "keyboard", "tty"):
        return first
    if first == "lock":
        return target
    if first.startswith("~"):
        return _at_home(rest)
    if first == "tcp":
        return rest.rpartition("/")[2]
    if target.startswith("var/mail/"):
        return "mailbox"
    if target.startswith("port "):
        return "port"
    return "log" if target.startswith("var/log/") else "file"


def _at_home(rest: str) -> str:
    *folders, name = rest.split("/")
    if folders and folders[-1] in ("tmp", "new"):
        return folders[-1]
    return "home" if not rest else ".qmail" if name.startswith(".qmail") else "mailbox"


def data_of(row: Row) -> bytes:
    """What was written, read or said."""
    _, _, call, _, result, _ = row
    found = call[2] if call[0] == "write" else call[1] if call[0] == "say" else result
    return found if isinstance(found, bytes) else b""


def _moved(row: Row) -> tuple[str, ...]:
    """Bytes that went somewhere: by their place, and by their shape where that says more; or the end of them."""
    _, _, call, target, _, error = row
    place, data = _place(target or ""), data_of(row)
    found: tuple[str, ...] = (place,)
    if error is not None:
        return found
    if place == "pipe":
        found = (f"pipe:{call[1]} {_shape(data)}", f"pipe:{call[1]}", f"pipe {_shape(data)}", "pipe")
    elif place in ("client", "server"):
        found = (f"{place} {_said(data, (call[0] == 'write') == (place == 'client'))}", place)
    return found if data else (*(f"{one} end" for one in found), "end")


def _shape(data: bytes) -> str:
    """What qmail's programs tell each other, by the form of it (see ``sim.qmail.spawn``)."""
    if data[1:6] == b"mess/":
        return "order"
    if data[:5] in (b"todo/", b"foop/"):
        return data[:4].decode()
    if data[:1] == b"F" and data.endswith(b"\0\0"):
        return "envelope"
    if data[1:2] in (b"K", b"Z", b"D") and data.endswith(b"\0"):
        return "report"
    return "limit" if data == b"x" else "record" if b"\0" in data else "text"


def _said(data: bytes, by_client: bool) -> str:
    if by_client:
        word = data[:4].decode("latin-1").upper()
        return "end of letter" if data.endswith(_SINGLE_DOT) else word if word in COMMANDS else ""
    if _PROMISE.match(data):
        return "promise"
    code = data[:3].decode("latin-1")
    return code if code[:1] in ("2", "3") else code[:1]


def _opened(row: Row) -> tuple[str, ...]:
    place = _place(row[3] or "")
    return (f"{place} {row[2][2]}", place)


def _listed(row: Row) -> tuple[str, ...]:
    place = _place(row[3] or "")
    return (place,) if row[4] else (f"{place} none", place)


def _asked(row: Row) -> tuple[str, ...]:
    answer, rrtype = row[4], row[2][2]
    if answer is None or answer[0] != "noerror":
        return (answer[0],) if answer else ()
    return (rrtype,) if answer[1] else (f"{rrtype} none",)


def _connected(row: Row) -> tuple[str, ...]:
    return ("client" if row[5] is None else "address",)


def _selected(row: Row) -> tuple[str, ...]:
    ready = row[4] or ()
    if any(isinstance(one, str) for one in ready):
        return ("signal",)
    side = _place(row[3] or "")
    if side in ("client", "server"):
        return (f"{side} none" if not ready else f"{side} to write" if len(row[2]) > 3 else side,)
    return (str(ready[0]),) if ready else ("none",)


def _waited(row: Row) -> tuple[str, ...]:
    if row[2][1] < 0:
        return ("any",) if row[4] else ("nobody",)
    return (str(row[4]),)


def _started(row: Row) -> tuple[str, ...]:
    call = row[2]
    if call[4] is not None:
        return ("letter",)
    return ("typed",) if command_of(row[1][1], tuple(call[2])) else ()


def _logged(row: Row) -> tuple[str, ...]:
    first, *rest = row[2][2].split(maxsplit=3) or [""]
    return (f"{first} {rest[1].rstrip(':')}" if first == "delivery" and len(rest) > 1 else first,)


def _booted(row: Row) -> tuple[str, ...]:
    return ("queue",) if queued(row) else ()


_BY_VERB: dict[str, Callable[[Row], tuple[str, ...]]] = {
    "read": _moved,
    "write": _moved,
    "open": _opened,
    "scandir": _listed,
    "query": _asked,
    "connect": _connected,
    "select": _selected,
    "wait": _waited,
    "start": _started,
    "syslog": _logged,
    "boot": _booted,
    "exit": lambda row: (str(row[2][1]),),
    "execve": lambda row: (row[2][1],),
    "power_cut": lambda row: ("lost",) if row[4] else (),
}


def queued(row: Row) -> int:
    """How many files a machine found in its queue when it booted."""
    return sum(name.partition("/")[0] in FILES for name, *_ in row[4] or ())


def clean(text: Any) -> str:
    """Whatever a letter or a peer may say, as text that no terminal and no page obeys."""
    return visible(readable(str(text)))


def line(data: bytes) -> str:
    """The first line that says something; what follows it is left to the views that show all."""
    lines = [one.strip() for one in data.decode("latin-1").replace("\0", " ").splitlines() if one.strip()]
    return clean(lines[0] + (" …" if len(lines) > 1 else "")) if lines else ""
