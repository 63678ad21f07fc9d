"""qmail-smtpd: one SMTP session on descriptors 0 and 1, for whoever tcpserver has let in (qmail-smtpd(8)).

It runs as qmaild and can do nothing but talk and hand messages to qmail-queue. Its 250 after the final dot is a
promise, made only when qmail-queue has exited with 0.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sim.machine.calls import Call, Steps, chdir, ioctl, read, select, sigaction, time, write
from sim.qmail.addresses import literal_address
from sim.qmail.common import (
    control_line,
    control_lines,
    control_number,
    date822,
    leading_number,
    split_address,
)
from sim.qmail.handover import Handover, abandon_queue, close_queue, open_queue, put
from sim.smtp.commands import REMEMBERED, address_argument, hops, reply_bytes
from sim.smtp.server import CLOSED, Received, Session

TIMEOUT_S = 1200
MOST_HOPS = 100
MORE_COMPILED = "morercpthosts.cdb"
LOOPBACK = "127.0.0.1"
SAFE = frozenset(string.ascii_letters + string.digits + ".@%+/=:-")

TEXTS = {
    "greeting": "220 {} ESMTP",
    "helo": "250 {}",
    "ehlo": "250-{}\n250-PIPELINING\n250 8BITMIME",
    "quit": "221 {}",
    "mail": "250 ok",
    "rcpt": "250 ok",
    "data": "354 go ahead",
    "rset": "250 flushed",
    "noop": "250 ok",
    "vrfy": "252 send some mail, i'll try my best",
    "help": "214 qmail home page: http://pobox.com/~djb/qmail.html",
    "unknown": "502 unimplemented (#5.5.1)",
    "mail first": "503 MAIL first (#5.5.1)",
    "rcpt first": "503 RCPT first (#5.5.1)",
    "syntax": "555 syntax error (#5.5.4)",
    "stray": "451 See http://pobox.com/~djb/docs/smtplf.html.",
    "timeout": "451 timeout (#4.4.2)",
    "controls": "421 unable to read controls (#4.3.0)",
    "badmailfrom": "553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)",
    "rcpthosts": "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
    "databytes": "552 sorry, that message size exceeds my databytes limit (#5.3.4)",
    "hops": "554 too many hops, this message is looping (#5.4.6)",
}


@dataclass(slots=True)
class Controls:
    """What qmail-smtpd reads before it says a word; ``rcpthosts`` None means that anybody may relay."""

    greeting: str
    localiphost: str
    timeout_s: int
    rcpthosts: list[str] | None
    badmailfrom: frozenset[str]
    databytes: int
    addresses: tuple[str, ...]


class Transaction:
    """The message being received: its envelope, and what is known of its text so far."""

    __slots__ = ("barred", "header", "header_ended", "queue", "recipients", "sender", "size")

    def __init__(self) -> None:
        self.begin("", False)

    def begin(self, sender: str, barred: bool) -> None:
        """A new message; what was said before about another one is forgotten."""
        self.sender = sender
        self.barred = barred
        self.recipients: list[str] = []
        self.queue: Handover | None = None
        self.size = 0
        self.header = b""
        self.header_ended = False

    def note(self, text: bytes) -> Handover:
        """Look at a piece of the text on its way to the queue."""
        assert self.queue is not None
        self.size += len(text)
        if not self.header_ended:
            self.header += text
            self.header_ended = b"\n\n" in self.header or self.header.startswith(b"\n")
        return self.queue


def qmail_smtpd(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """Exit status 0 after QUIT, 1 when the client went away, was silent too long or sent a bare line feed."""
    yield sigaction(ignore=("PIPE",))
    yield chdir("/")
    try:
        controls = yield from _read_controls(env)
    except OSError:
        controls = None
    if controls is None:
        yield from _say(reply_bytes(TEXTS["controls"]), select((1,), TIMEOUT_S, to_write=True))
        return 1
    word, room = select((0,), controls.timeout_s), select((1,), controls.timeout_s, to_write=True)
    replies = worded(controls.greeting)
    session, message, helo, name = Session(), Transaction(), None, "greeting"
    out = replies[name]
    while session.state != CLOSED:
        if not (yield from _say(out, room)) or not (data := (yield from _hear(word, room))):
            return 1
        session.feed(data)
        out = b""
        while received := session.receive():
            name = received.reply
            if not name:
                yield from put(message.note(received.text), received.text)
                continue
            if name == "dot":
                out += yield from _end(message, controls)
                continue
            if name in ("mail", "rcpt"):
                name = _envelope(received, message, controls, env)
            if name == received.reply:
                session.accept(received)
            if name == "data":
                message.queue = yield from open_queue()
                yield from put(message.queue, _received_line(env, helo, (yield time())))
            elif name in ("helo", "ehlo"):
                helo = received.argument
            out += replies[name]
    said = yield from _say(out, room)
    return 0 if said and name == "quit" else 1


@lru_cache(maxsize=64)
def worded(greeting: str) -> dict[str, bytes]:
    """All replies of a host as they go over the wire."""
    return {name: reply_bytes(text.replace("{}", greeting)) for name, text in TEXTS.items()}


def _say(out: bytes, room: Call) -> Steps:
    """Send the replies that have piled up, for pipelined commands in one write; whether that could be done."""
    try:
        while out:
            if not (yield room):
                return False
            out = out[(yield write(1, out)) :]
    except OSError:
        return False
    return True


def _hear(word: Call, room: Call) -> Steps:
    """What the client says next, nothing when it is gone; one that has been silent too long is told so."""
    try:
        if (yield word):
            return (yield read(0))
    except OSError:
        return b""
    yield from _say(reply_bytes(TEXTS["timeout"]), room)
    return b""


def _read_controls(env: Mapping[str, str]) -> Steps:
    me = yield from control_line("me", None)
    greeting = yield from control_line("smtpgreeting", me)
    if greeting is None:
        return None
    controls = Controls(
        greeting=greeting,
        localiphost=(yield from control_line("localiphost", me)),
        timeout_s=(yield from control_number("timeoutsmtpd", TIMEOUT_S)) or 1,
        rcpthosts=(yield from control_lines("rcpthosts")),
        badmailfrom=frozenset(line.lower() for line in (yield from control_lines("badmailfrom")) or ()),
        databytes=(yield from control_number("databytes", 0)),
        addresses=(LOOPBACK, *(yield ioctl())),
    )
    if controls.rcpthosts is not None:
        controls.rcpthosts += (yield from control_lines(MORE_COMPILED)) or []
    if "DATABYTES" in env:
        controls.databytes = leading_number(env["DATABYTES"]) or 0
    return controls


def _envelope(received: Received, message: Transaction, controls: Controls, env: Mapping[str, str]) -> str:
    """The name of the reply to MAIL or RCPT, which may be a refusal; an address that is accepted is noted."""
    address = address_argument(received.argument)
    if address is None:
        return "syntax"
    local, domain = split_address(address)
    if controls.localiphost and domain.startswith("[") and literal_address(domain) in controls.addresses:
        domain = controls.localiphost
        address = f"{local}@{domain}"
    if received.reply == "mail":
        names = (address.lower(), f"@{domain.lower()}" if "@" in address else "")
        message.begin(address, address != "" and not controls.badmailfrom.isdisjoint(names))
        return "mail"
    if message.barred:
        return "badmailfrom"
    if "RELAYCLIENT" in env:
        address += env["RELAYCLIENT"]
    elif not allowed(address, controls.rcpthosts):
        return "rcpthosts"
    message.recipients.append(address)
    return "rcpt"


def allowed(address: str, rcpthosts: list[str] | None) -> bool:
    """Whether strangers may send to this address; without a domain, or without a list, they may.

    >>> allowed("a@sub.wild.example", [".wild.example"]), allowed("a@wild.example", [".wild.example"])
    (True, False)
    """
    if rcpthosts is None or "@" not in address:
        return True
    domain = split_address(address)[1].lower()
    if domain in rcpthosts:
        return True
    known = [host.lower() for host in rcpthosts]
    labels = domain.split(".")
    return domain in known or any(f".{'.'.join(labels[start:])}" in known for start in range(1, len(labels)))


def _received_line(env: Mapping[str, str], helo: str | None, now: int) -> bytes:
    """The field that says from whom this host got the message, and when."""
    remote, ip = env.get("TCPREMOTEHOST", "unknown"), env.get("TCPREMOTEIP", "unknown")
    local = env.get("TCPLOCALHOST", env.get("TCPLOCALIP", "unknown"))
    words = _from_and_by(remote, env.get("TCPREMOTEINFO"), ip, local, helo)
    return f"{words}{date822(now)}\n".encode()


@lru_cache(maxsize=REMEMBERED)
def _from_and_by(remote: str, ident: str | None, ip: str, local: str, helo: str | None) -> str:
    claimed = f"(HELO {_safe(helo)}) " if helo is not None and helo.lower() != remote.lower() else ""
    address = _safe(ip) if ident is None else f"{_safe(ident)}@{_safe(ip)}"
    return f"Received: from {_safe(remote)} {claimed}({address})\n  by {_safe(local)} with SMTP; "


def _safe(text: str) -> str:
    """What a ``Received:`` line may hold of what a stranger said.

    >>> _safe("[192.0.2.7] my_pc")
    '?192.0.2.7??my?pc'
    """
    return "".join(c if c in SAFE else "?" for c in text)


def _end(message: Transaction, controls: Controls) -> Steps:
    """The reply to the final dot: qmail-queue's exit status decides."""
    queue = message.queue
    assert queue is not None
    header = b"" if message.header.startswith(b"\n") else message.header.partition(b"\n\n")[0]
    looping = hops(header) >= MOST_HOPS
    if looping or 0 < controls.databytes < message.size:
        yield from abandon_queue(queue)
        return reply_bytes(TEXTS["hops" if looping else "databytes"])
    trouble = yield from close_queue(queue, message.sender, message.recipients)
    if not trouble:
        return reply_bytes(f"250 ok {(yield time())} qp {queue.qp}")
    return reply_bytes(f"{'554' if trouble[0] == 'D' else '451'} {trouble[1:]}")
