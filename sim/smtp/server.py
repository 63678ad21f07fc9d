"""The server's side of SMTP as one table: what may follow what, and which reply it gets.

Theory (RFC 5321, section 4.1.4). A session is in one of five states::

    idle --MAIL--> mail --RCPT--> rcpt --DATA--> data --final dot--> idle
                                                          QUIT from anywhere but data --> closed

Greetings do not matter to the order of a transaction (qmail-smtpd demands none). The table names replies,
it does not word them: the texts belong to the mail system that uses it. No I/O happens here; a caller
feeds bytes and asks for the next thing received, so a simulated wire and a real socket serve alike.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from sim.smtp.commands import REMEMBERED, Unstuffer, split_command

IDLE, MAIL, RCPT, DATA, CLOSED = "idle", "mail", "rcpt", "data", "closed"

# verb: {state: (name of the reply, next state)}
TABLE: dict[str, dict[str, tuple[str, str]]] = {
    "HELO": {IDLE: ("helo", IDLE), MAIL: ("helo", IDLE), RCPT: ("helo", IDLE)},
    "EHLO": {IDLE: ("ehlo", IDLE), MAIL: ("ehlo", IDLE), RCPT: ("ehlo", IDLE)},
    "MAIL": {IDLE: ("mail", MAIL), MAIL: ("mail", MAIL), RCPT: ("mail", MAIL)},
    "RCPT": {IDLE: ("mail first", IDLE), MAIL: ("rcpt", RCPT), RCPT: ("rcpt", RCPT)},
    "DATA": {IDLE: ("mail first", IDLE), MAIL: ("rcpt first", MAIL), RCPT: ("data", DATA)},
    "RSET": {IDLE: ("rset", IDLE), MAIL: ("rset", IDLE), RCPT: ("rset", IDLE)},
    "NOOP": {IDLE: ("noop", IDLE), MAIL: ("noop", MAIL), RCPT: ("noop", RCPT)},
    "VRFY": {IDLE: ("vrfy", IDLE), MAIL: ("vrfy", MAIL), RCPT: ("vrfy", RCPT)},
    "HELP": {IDLE: ("help", IDLE), MAIL: ("help", MAIL), RCPT: ("help", RCPT)},
    "QUIT": {IDLE: ("quit", CLOSED), MAIL: ("quit", CLOSED), RCPT: ("quit", CLOSED)},
    "": {IDLE: ("unknown", IDLE), MAIL: ("unknown", MAIL), RCPT: ("unknown", RCPT)},
}
LINE_LIMIT = 65536  # what goes beyond it on one command line is not kept


class Received(NamedTuple):
    """One command: its verb, its argument, the name of its reply, the state it leads to if accepted.

    In state ``data`` the verb is ``body`` with a piece of message text, ``dot`` at the end, or ``stray``
    for a bare line feed.
    """

    verb: str
    argument: str
    reply: str
    state: str
    text: bytes = b""


@lru_cache(maxsize=REMEMBERED)
def command(line: bytes, state: str) -> Received:
    """What a command line means in a state, up to a NUL; one look-up in the table answers all of it."""
    verb, argument = split_command(line.removesuffix(b"\r").partition(b"\0")[0])
    return Received(verb, argument, *TABLE.get(verb, TABLE[""])[state])


FINAL_DOT = Received("dot", "", "dot", IDLE)
STRAY_LINE_FEED = Received("stray", "", "stray", CLOSED)


class Session:
    """One connection seen by the server; ``state`` is one of the five."""

    def __init__(self) -> None:
        self.state = IDLE
        self._buffer = b""
        self._body = Unstuffer()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def receive(self) -> Received | None:
        """The next thing the client said, or None while it is incomplete; nothing after the end."""
        state = self.state
        if state == DATA:
            return self._receive_body()
        if not self._buffer:
            return None
        line, newline, self._buffer = self._buffer.partition(b"\n")
        if newline and state != CLOSED:
            return command(line[:LINE_LIMIT], state)
        self._buffer = line[:LINE_LIMIT] if state != CLOSED else b""
        return None

    def accept(self, received: Received) -> None:
        """Go where the table says; a command that the mail system refused is simply not accepted."""
        if received.state == DATA and self.state != DATA:
            self._body = Unstuffer()
        self.state = received.state

    def _receive_body(self) -> Received | None:
        body = self._body
        if body.ended:
            self._buffer, body.rest = body.rest, b""
            self.state = IDLE
            return FINAL_DOT
        if body.stray:
            self.state = CLOSED
            return STRAY_LINE_FEED
        if not self._buffer:
            return None
        data, self._buffer = self._buffer, b""
        text = body.feed(data)
        if not text and not body.ended and not body.stray:
            return None
        return Received("body", "", "", DATA, text)
