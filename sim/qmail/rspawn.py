"""qmail-rspawn: run one qmail-remote for each remote delivery, as qmailr (qmail-rspawn(8)).

Starting it forgets which addresses timed out lately: the table in ``lock/tcpto`` is emptied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim.machine.calls import Steps, close, open_, write
from sim.qmail.common import become, split_address
from sim.qmail.spawn import serve
from sim.qmail.tcpto import TABLE_SIZE

NOT_RUN = 100
RANK = {b"K": 1, b"Z": 0, b"D": -1}


def qmail_rspawn(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    try:
        table = yield open_("lock/tcpto", "w")
        yield write(table, b"\0" * TABLE_SIZE)
        yield close(table)
    except OSError:
        pass
    return (yield from serve(_remote, report))


def _remote(message: str, sender: str, recipient: str) -> Steps:  # noqa: ARG001
    domain = split_address(recipient)[1]
    yield from become("qmail-remote", ("qmail-remote", domain, sender, recipient))
    return NOT_RUN


def report(status: int, said: bytes) -> bytes:
    r"""One verdict out of qmail-remote's several: the recipient's (``r``, ``h``, ``s``), then the message's.

    >>> report(0, b"s1.2.3.4 says later.\n\0DGiving up on 1.2.3.4.\n\0")
    b'Z1.2.3.4 says later.\nGiving up on 1.2.3.4.\n'
    """
    if status < 0:
        return b"Zqmail-remote crashed.\n"
    if status:
        return b"ZUnable to run qmail-remote.\n" if status == 111 else b"DUnable to run qmail-remote.\n"
    if not said:
        return b"Zqmail-remote produced no output.\n"
    records = said.split(b"\0")[:-1]
    if not records:
        return b"D"
    message = next((record for record in records if record[:1] in RANK), b"D")
    result = RANK[message[:1]]
    verdict = {b"s": 0, b"h": -1}.get(records[0][:1], result)
    text = records[0][1:]
    if result <= verdict and message is not records[0]:
        text += message[1:]
    return {1: b"K", 0: b"Z", -1: b"D"}[verdict] + text
