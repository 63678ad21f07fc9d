"""The client's side of SMTP as one table: five commands, in one order, each answered before the next.

Theory (the course text's section 2; RFC 5321, section 3.3). A client walks through the stages below; a
reply decides where it goes. ``rcpt`` repeats until the recipients are used up; with none accepted there
is nothing to send. Where QUIT would come, another transaction can begin (``another``). The client pipelines
nothing, as qmail-remote does not. No I/O happens here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from sim.smtp.commands import CRLF, REMEMBERED, Reply, ReplyReader

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
WORDS = {EHLO: "EHLO ", HELO: "HELO ", MAIL: "MAIL FROM:<", RCPT: "RCPT TO:<"}
BARE = {GREETING: b"", DATA: b"DATA\r\n", BODY: b".\r\n", RSET: b"RSET\r\n", QUIT: b"QUIT\r\n", END: b""}
EXACTLY = {GREETING: 220, HELO: 250}


class Outcome(NamedTuple):
    """What one stage came to: ``good``, ``temporary`` or ``permanent``; for RCPT with its recipient."""

    stage: str
    kind: str
    reply: Reply
    recipient: str = ""


def kind_of(stage: str, code: int) -> str:
    """How a client reads a code; a greeting and a HELO must be 220 and 250 exactly."""
    if stage in EXACTLY:
        return "good" if code == EXACTLY[stage] else "temporary"
    return "permanent" if code >= 500 else "temporary" if code >= 400 else "good"


@lru_cache(maxsize=REMEMBERED)
def outcome_of(stage: str, reply: Reply, recipient: str) -> Outcome:
    """What a reply makes of a stage."""
    return Outcome(stage, kind_of(stage, reply.code), reply, recipient)


@lru_cache(maxsize=REMEMBERED)
def command(stage: str, argument: str) -> bytes:
    """The line of a command that has an argument."""
    end = ">" if stage in (MAIL, RCPT) else ""
    return f"{WORDS[stage]}{argument}{end}".encode("latin-1", "replace") + CRLF


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

    def heard(self) -> Outcome | None:
        """The outcome of this stage if the server has talked ahead and its reply came with an earlier one."""
        return self.feed(b"") if self._replies.rest else None

    def feed(self, data: bytes) -> Outcome | None:
        """Take bytes from the server; the outcome of this stage once its reply is whole."""
        stage = self.stage
        reply = self._replies.feed(data) if stage != END else None
        if reply is None:
            return None
        outcome = outcome_of(stage, reply, self.recipients[self._asked - 1] if stage == RCPT else "")
        self.outcomes.append(outcome)
        self.stage = self._after(stage, outcome.kind)
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

    def _after(self, stage: str, kind: str) -> str:
        good, temporary, permanent = TABLE[stage]
        after = good if kind == "good" else temporary if kind == "temporary" else permanent
        if after == RCPT and self._asked == len(self.recipients):
            return DATA if self.accepted() else QUIT
        return EHLO if stage == GREETING and after == HELO and self.extended else after

    def say(self) -> bytes:
        """The command of this stage; nothing where the client only listens."""
        stage = self.stage
        if stage in BARE:
            return BARE[stage]
        if stage == RCPT:
            self._asked += 1
            return command(stage, self.recipients[self._asked - 1])
        return command(stage, self.sender if stage == MAIL else self.helo)
