"""splogger: hand each line that qmail-send says to syslog (splogger(8)); it runs as qmaill and decides nothing.

In front of a line it puts a tag and the time as a number. The trace has its own time, so the number is made where the
log is read (``stamp``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sim.machine.calls import Steps, read, syslog

PIECE = 799
UNPRINTABLE = re.compile(r"[^ -~]")


def stamp(text: str, time_s: float) -> str:
    """What splogger puts in front of a text at ``time_s`` (UNIX seconds); a later piece of a line has its ``+``.

    >>> stamp("end msg 53", 1321923601.4), stamp("+3", 1321923601)
    ('1321923601.400000 ', '1321923601.000000')
    """
    return f"{time_s:.6f}" if text.startswith("+") else f"{time_s:.6f} "


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
