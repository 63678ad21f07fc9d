"""qmail-qstat: how many messages there are, by the names in two directories (qmail-qstat(8)).

It reads no message, so it is quick on a queue of any size; and it counts what a crash has left in S2 and S3 too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim.machine.calls import Steps, scandir
from sim.qmail.common import write_all

STDOUT = 1


def qmail_qstat(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """Two lines on descriptor 1: names in ``mess/``, names in ``todo/``."""
    messages, todo = len((yield scandir("mess"))), len((yield scandir("todo")))
    text = f"messages in queue: {messages}\nmessages in queue but not yet preprocessed: {todo}\n"
    yield from write_all(STDOUT, text.encode())
    return 0
