"""qmail-start: make the pipes, start the daemons as the users they belong to, and become qmail-send.

qmail-send gets descriptor 0 for its log, 1 and 2 to and from qmail-lspawn, 3 and 4 to and from qmail-rspawn, 5 and 6 to
and from qmail-clean (qmail-start(8)). The log goes to a logger, or to our own output if none is named. Only
qmail-lspawn stays root.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim.machine.calls import Steps, chdir, execve, fork, pipe, setgid, setgroups, setuid
from sim.qmail.common import become

DAEMONS = (("qmail-lspawn", ""), ("qmail-rspawn", "qmailr"), ("qmail-clean", "qmailq"))
GROUP = "qmail"
STDOUT = 1


def qmail_start(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``argv``: the default delivery instruction, then the logger and its arguments, if there is one."""
    instruction = argv[1] if len(argv) > 1 else "./Mailbox"
    mine = {0: STDOUT}
    yield chdir("/")
    yield setgroups(GROUP)
    yield setgid(GROUP)
    if logger := tuple(argv[2:]):
        log_out, mine[0] = yield pipe()
        yield fork(become, (logger[0], logger, "qmaill"), {0: log_out})
    for number, (program, user) in enumerate(DAEMONS):
        to_out, to_in = yield pipe()
        from_out, from_in = yield pipe()
        mine |= {2 * number + 1: to_in, 2 * number + 2: from_out}
        arguments = (program, instruction) if program == "qmail-lspawn" else (program,)
        yield fork(_become_daemon, (program, arguments, user), {0: to_out, 1: from_in})
    yield setuid("qmails")
    yield execve("qmail-send", ("qmail-send",), None, mine)


def _become_daemon(program: str, arguments: tuple[str, ...], user: str) -> Steps:
    """The child, which is in the right group already."""
    if user:
        yield setuid(user)
    return (yield from become(program, arguments))
