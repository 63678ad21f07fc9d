r"""qmail-clean: the only program that removes messages, on qmail-send's word, a name at a time.

It reads ``todo/N\0`` (preprocessed: drop ``intd/N`` and ``todo/N``) and ``foop/N\0`` (finished or stale:
drop ``intd/N`` and ``mess/N``) and answers ``+``, ``!`` (could not) or ``x`` (not understood). On the side it
sweeps ``pid/``: at the start and again after every 31 commands (qmail-clean(8), INTERNALS section 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim.machine.calls import Steps, read, scandir, sigaction, stat_if_there, time, unlink_if_there, write
from sim.qmail.common import NUL, message_number

OSSIFIED_S = 129600
CLEANUP_EVERY = 31
DEAF = 100
REMOVES = {"todo": ("intd", "todo"), "foop": ("intd", "mess")}


def qmail_clean(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """Runs until descriptor 0 ends; exit status 0, or 100 when nobody hears its answer."""
    yield sigaction(ignore=("PIPE",))
    until_cleanup = 0
    rest, more = b"", read(0)
    while True:
        if until_cleanup:
            until_cleanup -= 1
        else:
            yield from _sweep_pid()
            until_cleanup = CLEANUP_EVERY - 1
        while NUL not in rest:
            piece = yield more
            if not piece:
                return 0
            rest += piece
        line, _, rest = rest.partition(b"\0")
        answer = yield from _remove(line.decode("latin-1"))
        try:
            yield write(1, answer)
        except BrokenPipeError:
            return DEAF


def _remove(line: str) -> Steps:
    command, _, number = line.partition("/")
    if command not in REMOVES or message_number(number) is None:
        return b"x"
    for directory in REMOVES[command]:
        try:
            yield unlink_if_there(f"{directory}/{number}")
        except OSError:
            return b"!"
    return b"+"


def _sweep_pid() -> Steps:
    now = yield time()
    for name in (yield scandir("pid")):
        try:
            found = yield stat_if_there(f"pid/{name}")
            if found is not None and now >= found.atime_s + OSSIFIED_S:
                yield unlink_if_there(f"pid/{name}")
        except OSError:
            continue
