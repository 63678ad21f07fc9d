"""qmail-lspawn: the only daemon that stays root, because each delivery runs as its recipient.

Who that is, qmail-getpw says: a process of its own that runs as qmailp and knows nothing but names
(qmail-lspawn(8), qmail-getpw(8)). An address that is no user's, nor a user's with an extension, belongs to
``alias``; mail for root does so too.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence

from sim.machine.calls import Steps, chdir, close, execve, fork, open_if_there, pipe, stat_if_there, wait, write
from sim.qmail.common import become_user, read_all, split_address
from sim.qmail.spawn import serve

BREAK = "-"
NAME_LIMIT = 32
TEMPORARY, LOOKUP_CRASHED, NO_TABLE, NO_HOMES = (111, 71, 74, 75), 118, 117, 115
SAID_BY_ITSELF = {
    NO_HOMES: b"ZNFS failure in qmail-local.\n",
    NO_TABLE: b"ZTrouble reading users/cdb in qmail-lspawn.\n",
    LOOKUP_CRASHED: b"ZTemporary failure in qmail-lspawn.\n",
}
REPORT_LIMIT = 3000
TOO_LONG = b"\nError report too long, sorry.\n"
REPORT_KEPT = REPORT_LIMIT - len(TOO_LONG) - 3


def qmail_lspawn(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``argv[1]`` is the default delivery instruction, used where a user has no ``.qmail``."""
    instruction = argv[1] if len(argv) > 1 else "./Mailbox"

    def deliver(message: str, sender: str, recipient: str) -> Steps:  # noqa: ARG001
        return _deliver(sender, recipient, instruction)

    return serve(deliver, report)


def report(status: int, said: bytes) -> bytes:
    """A local delivery's report: ``K``, ``Z`` or ``D`` by its exit status, then what it said.

    >>> len(report(0, b"x" * 3000)), len(report(0, b"x" * 3001))
    (3001, 2998)
    """
    if status < 0:
        return b"Zqmail-local crashed.\n"
    if status in SAID_BY_ITSELF:
        return SAID_BY_ITSELF[status]
    letter = b"K" if status == 0 else b"Z" if status in TEMPORARY else b"D"
    if len(said) > REPORT_LIMIT:
        said = said[:REPORT_KEPT] + TOO_LONG
    return letter + said.partition(b"\0")[0]


def _deliver(sender: str, recipient: str, instruction: str) -> Steps:
    """The child: find out whose mail it is, become that user, become qmail-local."""
    local, domain = split_address(recipient)
    if not local:
        return 0  # mail to <> is delivered to nobody
    yield chdir("/")
    try:
        yield open_if_there("users/cdb")
    except OSError:
        return NO_TABLE
    answer_out, answer_in = yield pipe()
    lookup = yield fork(_getpw, (local,), {1: answer_in})
    yield close(answer_in)
    answer = yield from read_all(answer_out)
    yield close(answer_out)
    status = yield wait(lookup)
    if status:
        return LOOKUP_CRASHED if status < 0 else status
    user, home, dash, extension = answer.decode("latin-1").split("\0")[:4]
    yield from become_user(user)
    words = ("qmail-local", "--", user, home, local, dash, extension, domain, sender, instruction)
    yield execve("qmail-local", words)


def _getpw(local: str) -> Steps:
    """qmail-getpw: the longest name in front of a dash that has a home directory, else alias."""
    yield from become_user("qmailp")
    user, dash, extension = local.lower(), "", ""
    while user:
        lawful = len(user) < NAME_LIMIT and user != "root" and "/" not in user
        try:
            if lawful and (yield stat_if_there(f"~{user}")) is not None:
                break
        except OSError as trouble:  # a home that cannot be looked at is none, but for trouble that may go away
            if trouble.errno == errno.EIO:
                return NO_HOMES
        cut = local.rfind(BREAK, 0, len(user))
        user, dash, extension = (local[:cut].lower(), BREAK, local[cut + 1 :]) if cut > 0 else ("", "", "")
    if not user:
        user, dash, extension = "alias", BREAK, local
    yield write(1, f"{user}\0~{user}\0{dash}\0{extension}\0".encode("latin-1"))
    return 0
