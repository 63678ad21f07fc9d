"""Mail user agents: programs for people. They write a letter and hand it to an MTA, nothing more.

Either the MTA of the same machine takes it (qmail-inject, by its own rules), or ``mua`` submits it by SMTP to
a relay agent, which is then responsible for it (the course text's sections 1 and 5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim.machine.calls import Steps, close, connect, query, read, select, uname, write
from sim.smtp.client import Client
from sim.smtp.dialogue import Dropped, converse

TIMEOUT_S = 300
CONNECT_TIMEOUT_S = 60
PORT = 25


def mua(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``mua RELAY SENDER RECIPIENT...`` submits what descriptor 0 holds to a relay agent by SMTP.

    Exit status 0: the relay took it for at least one recipient; 1 it refused; 2 it could not be reached. A
    person's program does not try again by itself.
    """
    relay, sender, *recipients = argv[1:]
    answer = yield query(relay, "A")
    if not answer.records:
        return 2
    try:
        fd = yield connect(answer.records[0], PORT, CONNECT_TIMEOUT_S)
    except OSError:
        return 2
    message = b""
    while piece := (yield read(0)):
        message += piece
    client = Client((yield uname()), sender, tuple(recipients), extended=True)
    try:
        yield from converse(fd, client, message, TIMEOUT_S)
    except Dropped:
        return 2
    yield close(fd)
    sent = [outcome for outcome in client.outcomes if outcome.stage == "dot"]
    return 0 if sent and sent[0].kind == "good" else 1


def telnet(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``telnet HOST``: what is typed on descriptor 0 goes to port 25, what comes back is read; telnet(1).

    Exit status 0 when the other side closes the connection, 1 when it cannot be reached.
    """
    to = argv[1]
    address = to
    if not to.replace(".", "").isdigit():
        answer = yield query(to, "A")
        if not answer.records:
            return 1
        address = answer.records[0]
    try:
        fd = yield connect(address, PORT, CONNECT_TIMEOUT_S)
    except OSError:
        return 1
    sources: tuple[int, ...] = (0, fd)
    while True:
        for source in (yield select(sources, None)):
            data = yield read(source)
            if source == fd and not data:
                return 0
            if source == 0:
                sources = sources if data else (fd,)
                yield write(fd, data.replace(b"\n", b"\r\n"))
            if not sources[1:] and not data:
                yield close(fd)
                return 0


PROGRAMS = {"mua": mua, "telnet": telnet}
