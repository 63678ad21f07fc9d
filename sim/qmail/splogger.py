"""splogger: hand each line that qmail-send says to syslog (splogger(8)); it runs as qmaill and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim.machine.calls import Steps, read, syslog

LINE_LIMIT = 800


def splogger(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``argv[1]`` is the tag; a line longer than 800 bytes goes out in pieces with ``+`` in front."""
    tag = argv[1] if len(argv) > 1 else "splogger"
    rest = b""
    while piece := (yield read(0)):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            text = line.decode("latin-1")
            yield syslog(tag, text[:LINE_LIMIT])
            while text := text[LINE_LIMIT:]:
                yield syslog(tag, "+" + text[:LINE_LIMIT])
    if rest:
        yield syslog(tag, rest.decode("latin-1"))
    return 0
