"""Mail user agents: programs for people. They write a letter and hand it to an MTA, nothing more.

Either the MTA of the same machine takes it (qmail-inject, by its own rules), or ``mua`` submits it by SMTP to
a relay agent, which is then responsible for it (the course text's sections 1 and 5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from sim.machine.calls import Steps, close, connect, getpid, query, read, select, time, uname, write
from sim.smtp.client import Client
from sim.smtp.dialogue import Dropped, converse

TIMEOUT_S = 300
CONNECT_TIMEOUT_S = 60
PORT = 25
LOOPBACK = "127.0.0.1"


def mua(argv: Sequence[str], env: Mapping[str, str]) -> Steps:
    """``mua RELAY SENDER RECIPIENT... [, SENDER RECIPIENT...]`` submits letters to a relay agent by SMTP.

    The first letter is on descriptor 0, the next on 1 and so on; all go over one connection. Exit status 0: the
    relay took each of them for at least one recipient; 1 it refused one; 2 it could not be reached. A person's
    program does not try again by itself.
    """
    relay, *words = argv[1:]
    answer = yield query(relay, "A")
    if not answer.records:
        return 2
    try:
        fd = yield connect(answer.records[0], PORT, CONNECT_TIMEOUT_S)
    except OSError:
        return 2
    try:
        taken = yield from _submit(fd, _apart(words), env)
    except Dropped:
        return 2
    yield close(fd)
    return 0 if taken else 1


def _apart(words: Sequence[str]) -> list[list[str]]:
    """The envelopes of the command line, a comma between two."""
    envelopes: list[list[str]] = [[]]
    for word in words:
        if word == ",":
            envelopes.append([])
        else:
            envelopes[-1].append(word)
    return envelopes


def _submit(fd: int, envelopes: Sequence[Sequence[str]], env: Mapping[str, str]) -> Steps:
    """One transaction for each letter on an open connection; whether all were taken. Raises Dropped."""
    client: Client | None = None
    taken = 0
    for number, (sender, *recipients) in enumerate(envelopes):
        message = b""
        while piece := (yield read(number)):
            message += piece
        if message and not message.endswith(b"\n"):
            message += b"\n"
        if "MAILER" in env:
            message = (yield from _stamp(message, number)) + message
        if client is None:
            client = Client((yield uname()), sender, tuple(recipients), extended=True)
        elif not client.another(sender, tuple(recipients)):
            yield from converse(fd, client, None, TIMEOUT_S)
            break
        yield from converse(fd, client, message, TIMEOUT_S, hang_up=number == len(envelopes) - 1)
        taken += client.sent()
    return taken == len(envelopes)


def _stamp(message: bytes, number: int) -> Steps:
    """The Date and Message-ID fields that are missing: an SMTP server adds none (RFC 6409, section 8)."""
    names = {line.partition(b":")[0].lower() for line in message.partition(b"\n\n")[0].split(b"\n")}
    now = yield time()
    pid = yield getpid()
    host = yield uname()
    fields = ""
    if b"date" not in names:
        fields += f"Date: {format_datetime(datetime.fromtimestamp(now, UTC))}\n"
    if b"message-id" not in names:
        fields += f"Message-ID: <{now}.{pid}.{number}@{host}>\n"
    return fields.encode()


def telnet(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``telnet [-t] HOST``: what is typed on descriptor 0 goes to port 25, what comes back is read; telnet(1).

    With ``-t`` there is a terminal on descriptor 1, which shows both. Exit status 0 when the other side closes the
    connection, 1 when it cannot be reached.
    """
    to, shown = argv[-1], argv[1] == "-t"
    address = LOOPBACK if to == "localhost" else to
    if not address.replace(".", "").isdigit():
        answer = yield query(to, "A")
        if not answer.records:
            yield from _show(shown, f"{to}: Unknown host\n")
            return 1
        address = answer.records[0]
    yield from _show(shown, f"Trying {address}...\n")
    try:
        fd = yield connect(address, PORT, CONNECT_TIMEOUT_S)
    except OSError as problem:
        yield from _show(shown, f"telnet: connect to address {address}: {problem.strerror}\n")
        return 1
    yield from _show(shown, f"Connected to {address}.\nEscape character is '^]'.\n")
    sources: tuple[int, ...] = (0, fd)
    while True:
        for source in (yield select(sources, None)):
            data = yield read(source)
            if source == fd and not data:
                yield from _show(shown, "Connection closed by foreign host.\n")
                return 0
            yield from _show(shown, data.decode("latin-1").replace("\r\n", "\n"))
            if source == 0:
                sources = sources if data else (fd,)
                yield write(fd, data.replace(b"\n", b"\r\n"))
            if not sources[1:] and not data:
                yield close(fd)
                return 0


def _show(shown: bool, text: str) -> Steps:
    if shown and text:
        yield write(1, text.encode("latin-1"))


PROGRAMS = {"mua": mua, "telnet": telnet}
