"""splogger: hand each line that qmail-send says to syslog (splogger(8)); it runs as qmaill and decides nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sim.machine.calls import Steps, read, syslog

PIECE = 799
UNPRINTABLE = re.compile(r"[^ -~]")


def splogger(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``argv[1]`` is the tag. A long line goes out in pieces, the later ones with ``+``; what has no end is lost.

    The buffer of the real one has 800 bytes, and the zero at the end of a string is one of them.
    """
    tag = argv[1] if len(argv) > 1 else "splogger"
    rest, mark, more = "", "", read(0)
    while piece := (yield more):
        *lines, rest = (rest + piece.decode("latin-1")).split("\n")
        for line in lines:
            text = line if line.isprintable() and line.isascii() else UNPRINTABLE.sub("?", line)
            while len(text) > PIECE:
                yield syslog(tag, mark + text[:PIECE])
                text, mark = text[PIECE:], "+"
            if text:
                yield syslog(tag, mark + text)
            mark = ""
        while len(rest) >= PIECE:
            yield syslog(tag, mark + UNPRINTABLE.sub("?", rest[:PIECE]))
            rest, mark = rest[PIECE:], "+"
    return 0
