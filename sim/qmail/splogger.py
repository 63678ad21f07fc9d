"""splogger: hand each line that qmail-send says to syslog (splogger(8)); it runs as qmaill and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim.machine.calls import Steps, read, syslog

LINE_LIMIT = 800


def splogger(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``argv[1]`` is the tag; a line longer than 800 bytes goes out in pieces with ``+`` in front."""
    tag = argv[1] if len(argv) > 1 else "splogger"
    rest = ""
    while piece := (yield read(0)):
        *lines, rest = (rest + piece.decode("latin-1")).split("\n")
        for line in lines:
            yield syslog(tag, line[:LINE_LIMIT])
            while line := line[LINE_LIMIT:]:
                yield syslog(tag, "+" + line[:LINE_LIMIT])
    if rest:
        yield syslog(tag, rest)
    return 0
