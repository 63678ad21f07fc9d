"""The client's side of SMTP as one table: five commands, in one order, each answered before the next.

Theory (the course text's section 2; RFC 5321, section 3.3). A client walks through the stages below; a
reply decides where it goes. ``rcpt`` repeats until the recipients are used up; with none accepted there
is nothing to send. Where QUIT would come, another transaction can begin (``another``). The client pipelines
nothing, as qmail-remote does not. No I/O happens here.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.smtp.commands import CRLF, Reply, ReplyReader

GREETING, EHLO, HELO, MAIL, RCPT, DATA, BODY, RSET, QUIT, END = (
    "greeting", "EHLO", "HELO", "MAIL", "RCPT", "DATA", "dot", "RSET", "QUIT", "end",
)  # fmt: skip

# stage: where a good reply leads, where a temporary and where a permanent failure leads
TABLE: dict[str, tuple[str, str, str]] = {
    GREETING: (HELO, QUIT, QUIT),
    EHLO: (MAIL, QUIT, HELO),
    HELO: (MAIL, QUIT, QUIT),
    MAIL: (RCPT, QUIT, QUIT),
    RCPT: (RCPT, RCPT, RCPT),
    DATA: (BODY, QUIT, QUIT),
    BODY: (QUIT, QUIT, QUIT),
    RSET: (MAIL, QUIT, QUIT),
    QUIT: (END, END, END),
}
# stage: the words of its command, up to the argument
WORDS = {
    EHLO: "EHLO ", HELO: "HELO ", MAIL: "MAIL FROM:<", RCPT: "RCPT TO:<",
    DATA: "DATA", BODY: ".", RSET: "RSET", QUIT: "QUIT",
}  # fmt: skip
EXACTLY = {GREETING: 220, HELO: 250}


class Outcome(NamedTuple):
    """What one stage came to: ``good``, ``temporary`` or ``permanent``; for RCPT with its recipient."""

    stage: str
    kind: str
    reply: Reply
    recipient: str = ""


def kind_of(stage: str, code: int) -> str:
    """How a client reads a code; a greeting and a HELO must be 220 and 250 exactly.

    A line that is no reply at all promises nothing, so it is a temporary failure.
    """
    if stage in EXACTLY:
        return "good" if code == EXACTLY[stage] else "temporary"
    return "permanent" if code >= 500 else "temporary" if code >= 400 or code == 0 else "good"


class Client:
    """One transaction, or several. ``say`` is what to send now; at stage ``dot`` the caller sends the message first."""

    def __init__(self, helo: str, sender: str, recipients: tuple[str, ...], *, extended: bool = False) -> None:
        self.stage = GREETING
        self.helo = helo
        self.sender = sender
        self.recipients = recipients
        self.extended = extended
        self.outcomes: list[Outcome] = []
        self._asked = 0
        self._begun = 0
        self._replies = ReplyReader()

    def feed(self, data: bytes) -> Outcome | None:
        """Take bytes from the server; the outcome of this stage once its reply is whole."""
        if self.stage == END:
            return None
        reply = self._replies.feed(data)
        if reply is None:
            return None
        kind = kind_of(self.stage, reply.code)
        recipient = self.recipients[self._asked - 1] if self.stage == RCPT else ""
        outcome = Outcome(self.stage, kind, reply, recipient)
        self.outcomes.append(outcome)
        self.stage = self._after(kind)
        return outcome

    def accepted(self) -> bool:
        """Whether the server took at least one recipient of this transaction."""
        return any(one.stage == RCPT and one.kind == "good" for one in self.outcomes[self._begun :])

    def sent(self) -> bool:
        """Whether the server took the message of this transaction."""
        return any(one.stage == BODY and one.kind == "good" for one in self.outcomes[self._begun :])

    def another(self, sender: str, recipients: tuple[str, ...]) -> bool:
        """Begin another transaction where QUIT would come; False when the server never said hello.

        One that did not get as far as its message is taken back first, with RSET (RFC 5321, section 4.1.1.5).
        """
        welcome = any(one.stage in (EHLO, HELO) and one.kind == "good" for one in self.outcomes)
        if self.stage != QUIT or not welcome:
            return False
        self.stage = MAIL if self.outcomes[-1].stage == BODY else RSET
        self.sender = sender
        self.recipients = recipients
        self._asked = 0
        self._begun = len(self.outcomes)
        return True

    def _after(self, kind: str) -> str:
        good, temporary, permanent = TABLE[self.stage]
        stage = good if kind == "good" else temporary if kind == "temporary" else permanent
        if self.stage == GREETING and stage == HELO and self.extended:
            return EHLO
        if stage == RCPT and self._asked == len(self.recipients):
            return DATA if self.accepted() else QUIT
        return stage

    def say(self) -> bytes:
        """The command of this stage; nothing where the client only listens."""
        if self.stage == RCPT:
            self._asked += 1
        words = WORDS.get(self.stage)
        if words is None:
            return b""
        argument = ""
        if self.stage in (EHLO, HELO):
            argument = self.helo
        elif self.stage == MAIL:
            argument = f"{self.sender}>"
        elif self.stage == RCPT:
            argument = f"{self.recipients[self._asked - 1]}>"
        return (words + argument).encode("latin-1", "replace") + CRLF
