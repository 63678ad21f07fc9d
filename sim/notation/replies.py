"""What a scripted peer says: a reply of one or several lines, ``close``, or ``silence``, at once or after a while."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from . import durations
from .errors import NotationError, quoted

STAGES = ("greeting", "HELO", "EHLO", "MAIL", "RCPT", "DATA", "dot", "RSET", "NOOP", "VRFY", "HELP", "QUIT", "other")
DEFAULTS = {
    "greeting": "220 ready",
    "HELO": "250 hello",
    "EHLO": "250 hello",
    "DATA": "354 go ahead",
    "dot": "250 accepted",
    "QUIT": "221 bye",
    "other": "502 unimplemented",
}
PLAIN = "250 ok"
_LINE = re.compile(r"\d{3}(?:[ -].*)?")


class Said(NamedTuple):
    """A reply, after so many seconds; ``close`` and ``silence`` have no text."""

    kind: Literal["reply", "close", "silence"]
    after_s: float
    text: str

    @property
    def accepted(self) -> bool:
        return self.kind == "reply" and self.text[:1] in "23"


def parse(text: str) -> Said:
    r"""Read one reply; raises NotationError.

    >>> parse("after 400ms 250 ok")
    Said(kind='reply', after_s=0.4, text='250 ok')
    >>> parse("220-hello\n220 ready").text
    '220-hello\n220 ready'
    """
    after_s, rest = 0.0, text.strip("\n")
    if rest.startswith("after "):
        _, delay, rest = [*rest.split(" ", 2), ""][:3]
        after_s = durations.parse(delay)
    if rest in ("close", "silence"):
        return Said("close" if rest == "close" else "silence", after_s, "")
    lines = rest.split("\n")
    whole = all(_LINE.fullmatch(line) and line.isascii() for line in lines)
    if not whole or any(line[3:4] != "-" for line in lines[:-1]) or lines[-1][3:4] == "-":
        hint = "as in 250 ok, 550-first line and 550 last line, close, silence, after 2s 250 ok"
        raise NotationError(f"{quoted(rest)} is no reply of a server", hint)
    return Said("reply", after_s, rest)
