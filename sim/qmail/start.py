"""qmail-start: make the pipes, start the daemons as the users they belong to, and become qmail-send.

qmail-send gets descriptor 0 for its log, 1 and 2 to and from qmail-lspawn, 3 and 4 to and from
qmail-rspawn, 5 and 6 to and from qmail-clean (qmail-start(8)). Only qmail-lspawn stays root.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim.machine.calls import Steps, execve, fork, pipe, setuid
from sim.qmail.common import become

DAEMONS = (("qmail-lspawn", ""), ("qmail-rspawn", "qmailr"), ("qmail-clean", "qmailq"))


def qmail_start(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``argv``: the default delivery instruction, then the logger and its arguments."""
    instruction = argv[1] if len(argv) > 1 else "./Mailbox"
    logger = tuple(argv[2:]) or ("splogger", "qmail")
    log_out, log_in = yield pipe()
    ends = []
    for _ in DAEMONS:
        to_out, to_in = yield pipe()
        from_out, from_in = yield pipe()
        ends.append((to_out, from_in, to_in, from_out))
    yield fork(become, (logger[0], logger, "qmaill"), {0: log_out})
    for (program, user), (to_out, from_in, _, _) in zip(DAEMONS, ends, strict=True):
        arguments = (program, instruction) if program == "qmail-lspawn" else (program,)
        yield fork(become, (program, arguments, user), {0: to_out, 1: from_in})
    mine = {0: log_in}
    for index, (_, _, to_in, from_out) in enumerate(ends):
        mine |= {2 * index + 1: to_in, 2 * index + 2: from_out}
    yield setuid("qmails")
    yield execve("qmail-send", ("qmail-send",), None, mine)
