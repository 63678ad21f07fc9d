"""What happened, as a list of events in plain words: a fold over the trace for people who do not read system calls.

An event is one of ``KINDS``; views choose its sign and colour by the kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from sim.folds.lineage import Copy
from sim.folds.log import Attempt, kept_lines
from sim.folds.mail import MAILBOXES
from sim.folds.message import Message
from sim.folds.steps import command_of
from sim.mbox import quoted
from sim.scenario import Scenario
from sim.scenario.faults import Signal
from sim.show.clock import span
from sim.show.escape import readable
from sim.show.happenings import carried
from sim.trace import Row
from sim.verdict import Evidence

KINDS = (
    "written", "connected", "queued", "promised", "delivered", "handed over", "ended",
    "no connection", "refused", "deferred", "failed", "bounced", "swept", "alert", "never", "crash", "boot",
)  # fmt: skip
_DELIVERY = re.compile(r"delivery (\d+): (success|deferral|failure|report mangled)(?:: |, )(.*)")
_LINE_END = re.compile(r"(?<=[.,:;)])/|/(?=Remote host|Giving up on |it isn't )")
_BOUNCE = re.compile(r"bounce msg (\d+) qp (\d+)")
_PROMISE = re.compile(rb"250 ok \d+ qp (\d+)\r\n")
_NOT_TRIED = "wasn't able to establish an SMTP connection"
MOST_NAMED = 3
_ERRNO = {"ECONNREFUSED": "refused", "ETIMEDOUT": "no answer", "ECONNRESET": "reset"}


class Event(NamedTuple):
    """When, where, which of ``KINDS``, and the sentence."""

    t: float
    host: str
    kind: str
    text: str


def story(play: Scenario, evidence: Evidence, names: dict[str, str]) -> list[Event]:
    """All events in the order of the trace; ``names`` gives the host behind an address."""
    teller = _Teller(play, evidence, names)
    for index, row in enumerate(evidence.trace.rows):
        handler = _TELL.get(row[2][0])
        if handler is not None:
            handler(teller, row)
        message = teller.last_rows.get(index)
        if message is not None:
            teller.gone(row[0], message)
    return teller.events


class _Teller:
    """What the sentences need to know, by the keys that rows have."""

    def __init__(self, play: Scenario, evidence: Evidence, names: dict[str, str]) -> None:
        self.events: list[Event] = []
        self.letters = {mail.name: mail for mail in play.mail}
        self.names = names
        self.evidence = evidence
        self.by_queue_pid = {(one.host, one.queue_pid): one for one in evidence.messages}
        self.last_rows = {one.last_row: one for one in evidence.messages if one.last_row is not None}
        mail = evidence.mail
        self.copies = {(one.t, one.host, one.path): one for one in (*(gone for _, gone in mail.gone), *mail.copies)}
        self.faults = play.faults
        self.dialled: dict[str, float] = {}
        self.reached: set[tuple[str, int]] = set()
        self.growing: dict[tuple[str, str | None, int], Copy] = {}
        self.written: dict[int, bytes] = {}
        self.attempts = {(one.host, one.delivery, one.end): one for one in evidence.attempts}
        self.state: dict[str, str] = {}

    def tell(self, t: float, host: str, kind: str, text: str) -> None:
        self.events.append(Event(t, host, kind, text))

    def called(self, message: Message) -> str:
        """A message by its number, and the letter it carries."""
        what = carried(self.evidence.mail, message)
        return f"message {message.number} ({what})" if what else f"message {message.number}"

    def gone(self, t: float, message: Message) -> None:
        if _swept(message):
            what = "never complete" if message.promised is None else "not whole any more since the crash"
            self.tell(t, message.host, "swept", f"{self.called(message)}, {what}, is cleaned up")
        else:
            self.tell(t, message.host, "ended", f"{self.called(message)} leaves the queue")


def _swept(message: Message) -> bool:
    """Whether it went because it was no message (any more), and not because qmail-send was through with it."""
    after = None
    for change in reversed(message.history):
        if change.state in ("S4", "S5"):
            return change.state == "S4" or (after is not None and not after.who[1])
        after = change
    return True


def _start(teller: _Teller, row: Row) -> None:
    t, (host, program, _), call, *_ = row
    if call[4] is not None:
        how = f" and submits it to {call[2][1]}" if program == "mua" else f" with {program}"
        for name in call[4] if isinstance(call[4], tuple) else (call[4],):
            mail = teller.letters.get(name)
            to = ", ".join(mail.to) if mail else "?"
            teller.tell(t, host, "written", f'{call[3]} writes "{name}" to {to}{how}')
    elif typed := command_of(program, tuple(call[2])):
        teller.tell(t, host, "written", f"{call[3]} types: {typed}")
    elif program == "qmail-start" and teller.state.get(host) == "kill_all":
        teller.state[host] = "up"
        teller.tell(t, host, "boot", "the mail system is started again")
    elif program == "qmailctl":
        teller.tell(t, host, "boot", "an operator sees to it that the mail system is started again")
    elif program in ("tcpserver", "inetd") and teller.state.get(host) == "killed":
        teller.tell(t, host, "boot", f"an operator starts {program} again")


def _connect(teller: _Teller, row: Row) -> None:
    t, (host, program, pid), call, _, _, error = row
    peer = f"{teller.names.get(call[1], 'nobody')} ({call[1]})"
    teller.dialled[host] = t
    if error is None:
        teller.reached.add((host, pid))
        teller.tell(t, host, "connected", f"{program} has a connection to {peer}")
    else:
        why = _ERRNO.get(error, error) + (f" within {span(call[3])}" if error == "ETIMEDOUT" else "")
        teller.tell(t, host, "no connection", f"{program} gets no connection to {peer}: {why}")


def _link(teller: _Teller, row: Row) -> None:
    t, (host, program, pid), _, target, _, error = row
    message = teller.by_queue_pid.get((host, pid))
    if error is None and program == "qmail-queue" and message is not None and (target or "").startswith("todo/"):
        origin = teller.evidence.mail.origin(message)
        text = f"{teller.called(message)} is safe in the queue, from <{message.sender}>"
        if origin.kind == "forward" and origin.parent is not None:
            text += f": message {origin.parent.number} to {origin.recipient}, forwarded"
        teller.tell(t, host, "queued", text)
    elif (target or "").startswith("~"):
        _linked(teller, row)


def _exit(teller: _Teller, row: Row) -> None:
    t, (host, program, pid), call, *_ = row
    if program == "mua" and call[1] != 0:
        silent = "does not answer any more" if (host, pid) in teller.reached else "could not be reached"
        what = "would not take it" if call[1] == 1 else silent
        teller.tell(t, host, "failed", f"the relay {what}: the letter is back with its writer")


def _write(teller: _Teller, row: Row) -> None:
    t, (host, program, _), call, target, _, error = row
    if target is None or error is not None:
        return
    if target.startswith("tcp/") and program == "qmail-smtpd":
        promise = _PROMISE.match(call[2])
        if promise:
            message = teller.by_queue_pid.get((host, int(promise[1])))
            name = teller.called(message) if message else "the message"
            teller.tell(t, host, "promised", f"{name} is promised: {_line(call[2])}")
    elif target.startswith(MAILBOXES):
        _appended(teller, row)
    else:
        for line in kept_lines(row):
            _logged(teller, t, host, line.text)


def _read(teller: _Teller, row: Row) -> None:
    """What a client heard, whoever said it."""
    t, (host, _, _), _, target, result, error = row
    if target is None or error is not None or not target.startswith("tcp/") or not target.endswith("/client"):
        return
    if result[:1] in (b"4", b"5"):
        teller.tell(t, host, "refused", f"hears {_line(result)}")


def _line(data: bytes) -> str:
    return readable(data.decode("latin-1").strip().partition("\r\n")[0])


def _linked(teller: _Teller, row: Row) -> None:
    """A file comes into a Maildir, whole."""
    t, (host, *_), _, target, *_ = row
    _copied(teller, t, teller.copies.get((t, host, target or "")))


def _appended(teller: _Teller, row: Row) -> None:
    """An mbox grows by a piece of a message; it is there with the last."""
    t, (host, _, pid), call, target, *_ = row
    copy = teller.growing.get((host, target, pid)) or teller.copies.get((t, host, target or ""))
    if copy is not None and copy.pid == pid:
        teller.growing[host, target, pid] = copy
        written = teller.written[id(copy)] = teller.written.get(id(copy), b"") + call[2]
        if written.endswith(quoted(copy.message.text) + b"\n"):
            del teller.growing[host, target, pid]
            _copied(teller, t, copy)


def _copied(teller: _Teller, t: float, copy: Copy | None) -> None:
    if copy is not None:
        teller.tell(t, copy.host, "delivered", f"{teller.called(copy.message)} is in the mailbox {copy.mailbox}")


def _syslog(teller: _Teller, row: Row) -> None:
    _logged(teller, row[0], row[1][0], row[2][2])


def _logged(teller: _Teller, t: float, host: str, line: str) -> None:
    """A line that a logger has kept."""
    delivery, bounce = _DELIVERY.match(line), _BOUNCE.match(line)
    if delivery:
        _delivery(teller, t, host, int(delivery[1]), delivery[2])
    elif bounce:
        notice = teller.by_queue_pid.get((host, int(bounce[2])))
        to = f" to {', '.join(notice.recipients)}" if notice else ""
        teller.tell(t, host, "bounced", f"message {bounce[1]} failed for good: a failure notice goes{to}")
    elif line.startswith("triple bounce"):
        number = line.rpartition("/")[2]
        teller.tell(t, host, "bounced", f"message {number}, which is about a bounce, failed as well: it is given up")
    elif line.startswith(("alert:", "warning:")):
        teller.tell(t, host, "alert", line)


def _delivery(teller: _Teller, t: float, host: str, number: int, result: str) -> None:
    attempt: Attempt | None = teller.attempts.get((host, number, t))
    if attempt is None or (result == "success" and attempt.channel == "local"):
        return
    kind = {"success": "handed over", "failure": "failed"}.get(result, "deferred")
    said = _LINE_END.sub(" ", attempt.report.replace("_", " ").rstrip("/")) or "(no reason given)"
    if _NOT_TRIED in said and teller.dialled.get(host, -1.0) < attempt.start:
        said += " (qmail-remote did not try: lock/tcpto has it that nobody answered there lately)"
    teller.tell(t, host, kind, f"message {attempt.message} to {attempt.recipient}: {said}")


def _crash(teller: _Teller, row: Row) -> None:
    t, (host, program, pid), call, _, result, _ = row
    teller.state[host] = call[0]
    if call[0] == "killed":
        teller.tell(t, host, "crash", f"{program} ({pid}) dies of SIG{call[1]}")
    elif call[0] == "kill_all":
        teller.tell(t, host, "crash", "every program is killed")
    else:
        losses = [(name, before - after) for name, before, after in result or () if before > after]
        what = f"{_bytes(losses)} not yet on the disk" if losses else "nothing was waiting to be written"
        teller.tell(t, host, "crash", f"the power fails; {what}")


def _bytes(losses: list[tuple[str, int]]) -> str:
    """How many bytes, and of which files; of many, of the first."""
    names = ", ".join(name for name, _ in losses[:MOST_NAMED])
    names += f" and {len(losses) - MOST_NAMED} more" if len(losses) > MOST_NAMED else ""
    return f"{sum(lost for _, lost in losses)} bytes of {names} were"


def _fault(teller: _Teller, row: Row) -> None:
    """A signal is told here, for those who heed it go on without a word."""
    t, (host, *_), call, *_ = row
    fault = teller.faults[call[1] - 1]
    if isinstance(fault, Signal):
        teller.tell(t, host, "boot", f"somebody sends SIG{fault.name} to {fault.program}")


def _boot(teller: _Teller, row: Row) -> None:
    t, (host, *_), *_ = row
    if teller.state.get(host) == "power_cut":
        teller.tell(t, host, "boot", "the power is back; the machine boots")
        for when, copy in teller.evidence.mail.gone:
            if (when, copy.host) == (t, host):
                teller.tell(t, host, "crash", f"{teller.called(copy.message)} is gone from the mailbox {copy.mailbox}")
    teller.state[host] = "up"


_TELL: dict[str, Callable[[_Teller, Any], None]] = {
    "start": _start,
    "connect": _connect,
    "exit": _exit,
    "write": _write,
    "read": _read,
    "link": _link,
    "syslog": _syslog,
    "power_cut": _crash,
    "kill_all": _crash,
    "killed": _crash,
    "fault": _fault,
    "boot": _boot,
}
