"""qmail-smtpd: one SMTP session on descriptors 0 and 1, for whoever tcpserver has let in (qmail-smtpd(8)).

It runs as qmaild and can do nothing but talk and hand messages to qmail-queue. Its 250 after the final dot is a
promise, made only when qmail-queue has exited with 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sim.machine.calls import Steps, ioctl, read, time, write
from sim.qmail.common import control_line, control_lines, control_number, date822, split_address
from sim.qmail.handover import Handover, abandon_queue, close_queue, open_queue, put
from sim.smtp.commands import address_argument, hops, reply_bytes
from sim.smtp.server import CLOSED, Received, Session

TIMEOUT_S = 1200
MOST_HOPS = 100

TEXTS = {
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


@dataclass(slots=True)
class Transaction:
    """The message being received: its envelope, and what is known of its text so far."""

    sender: str = ""
    barred: bool = False
    recipients: list[str] = field(default_factory=list)
    queue: Handover | None = None
    size: int = 0
    header: bytes = b""
    header_ended: bool = False


def qmail_smtpd(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """Exit status 0 after QUIT, 1 when the client went away, was silent too long or sent a bare line feed."""
    controls = yield from _read_controls(env)
    if controls is None:
        yield write(1, reply_bytes(TEXTS["controls"]))
        return 1
    session = Session()
    transaction = Transaction()
    out = [f"220 {controls.greeting} ESMTP"]
    helo = ""
    while True:
        received = session.receive()
        if received is None:
            yield from _flush(out)
            try:
                data = yield read(0, timeout_s=controls.timeout_s)
            except TimeoutError:
                yield write(1, reply_bytes(TEXTS["timeout"]))
                return 1
            except OSError:
                return 1
            if not data:
                return 1
            session.feed(data)
            continue
        if received.verb in ("HELO", "EHLO"):
            helo = received.argument
        if received.verb in ("HELO", "EHLO", "RSET"):
            transaction = Transaction()
        reply = yield from _answer(session, received, transaction, controls, env, helo)
        if reply:
            out.append(reply)
        if received.verb == "MAIL" and reply == TEXTS["mail"]:
            transaction = _begin(received, controls)
        elif received.verb == "dot":
            transaction = Transaction()
        if session.state == CLOSED:
            yield from _flush(out)
            return 0 if received.verb == "QUIT" else 1


def _flush(out: list[str]) -> Steps:
    """Send the replies that have piled up; pipelined commands get theirs in one write."""
    if out:
        data = b"".join(reply_bytes(text) for text in out)
        out.clear()
        try:
            yield write(1, data)
        except OSError:
            return


def _read_controls(env: Mapping[str, str]) -> Steps:
    me = yield from control_line("me")
    if not me:
        return None
    controls = Controls(
        greeting=(yield from control_line("smtpgreeting", me)),
        localiphost=(yield from control_line("localiphost", me)),
        timeout_s=(yield from control_number("timeoutsmtpd", TIMEOUT_S)),
        rcpthosts=(yield from control_lines("rcpthosts")),
        badmailfrom=frozenset((yield from control_lines("badmailfrom")) or ()),
        databytes=(yield from control_number("databytes", 0)),
        addresses=(yield ioctl()),
    )
    if controls.rcpthosts is not None:
        controls.rcpthosts += (yield from control_lines("morercpthosts")) or []
    if env.get("DATABYTES", "").isdigit():
        controls.databytes = int(env["DATABYTES"])
    return controls


def _answer(
    session: Session,
    received: Received,
    transaction: Transaction,
    controls: Controls,
    env: Mapping[str, str],
    helo: str,
) -> Steps:
    """The reply to one command, and everything it takes to be able to say it; empty for message text."""
    verb = received.verb
    if verb == "body":
        yield from _body(transaction, received.text)
        return ""
    if verb == "dot":
        return (yield from _end(transaction, controls))
    if verb == "stray":
        return TEXTS["stray"]
    if verb in ("MAIL", "RCPT") and received.reply in ("mail", "rcpt"):
        refusal = _refusal(received, transaction, controls, env)
        if refusal:
            return TEXTS[refusal]
    session.accept(received)
    if received.reply == "data":
        transaction.queue = yield from open_queue()
        yield from put(transaction.queue, (yield from _received_line(env, helo)))
    text = TEXTS[received.reply]
    return text.format(controls.greeting) if "{" in text else text


def _begin(received: Received, controls: Controls) -> Transaction:
    """A new message; what was said before about another one is forgotten."""
    sender = address_argument(received.argument) or ""
    domain = f"@{split_address(sender)[1]}".lower()
    barred = sender.lower() in controls.badmailfrom or domain in controls.badmailfrom
    return Transaction(sender, barred and bool(sender))


def _refusal(received: Received, transaction: Transaction, controls: Controls, env: Mapping[str, str]) -> str:
    """The name of the text that refuses a MAIL or RCPT, or nothing; an accepted recipient is noted."""
    address = address_argument(received.argument)
    if address is None:
        return "syntax"
    if received.verb == "MAIL":
        return ""
    if transaction.barred:
        return "badmailfrom"
    local, domain = split_address(address)
    if domain[:1] == "[" and domain[1:-1] in controls.addresses:
        address = f"{local}@{controls.localiphost}"
    if "RELAYCLIENT" in env:
        address += env["RELAYCLIENT"]
    elif not allowed(address, controls.rcpthosts):
        return "rcpthosts"
    transaction.recipients.append(address)
    return ""


def allowed(address: str, rcpthosts: list[str] | None) -> bool:
    """Whether strangers may send to this address; without a domain, or without a list, they may.

    >>> allowed("a@sub.wild.example", [".wild.example"]), allowed("a@wild.example", [".wild.example"])
    (True, False)
    """
    if rcpthosts is None or "@" not in address:
        return True
    domain = split_address(address)[1].lower()
    known = [host.lower() for host in rcpthosts]
    labels = domain.split(".")
    return domain in known or any(f".{'.'.join(labels[start:])}" in known for start in range(1, len(labels)))


def _received_line(env: Mapping[str, str], helo: str) -> Steps:
    """The field that says from whom this host got the message, and when."""
    remote = env.get("TCPREMOTEHOST", "unknown")
    claimed = f"(HELO {helo}) " if helo and helo.lower() != remote.lower() else ""
    ident = env.get("TCPREMOTEINFO", "")
    address = f"{ident}@{env.get('TCPREMOTEIP', 'unknown')}" if ident else env.get("TCPREMOTEIP", "unknown")
    now = date822((yield time()))
    text = f"Received: from {_safe(remote)} {_safe(claimed)}({_safe(address)})\n"
    text += f"  by {_safe(env.get('TCPLOCALHOST', 'unknown'))} with SMTP; {now}\n"
    return text.encode("latin-1", "replace")


def _safe(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def _body(transaction: Transaction, text: bytes) -> Steps:
    assert transaction.queue is not None
    transaction.size += len(text)
    if not transaction.header_ended:
        transaction.header += text
        transaction.header_ended = b"\n\n" in transaction.header or transaction.header.startswith(b"\n")
    yield from put(transaction.queue, text)


def _end(transaction: Transaction, controls: Controls) -> Steps:
    """The reply to the final dot: qmail-queue's exit status decides."""
    queue = transaction.queue
    assert queue is not None
    header = b"" if transaction.header.startswith(b"\n") else transaction.header.partition(b"\n\n")[0]
    looping = hops(header) >= MOST_HOPS
    too_large = 0 < controls.databytes < transaction.size
    if looping or too_large:
        yield from abandon_queue(queue)
        return TEXTS["hops" if looping else "databytes"]
    trouble = yield from close_queue(queue, transaction.sender, transaction.recipients)
    if not trouble:
        return f"250 ok {(yield time())} qp {queue.qp}"
    return f"{'554' if trouble[0] == 'D' else '451'} {trouble[1:]}"
