"""Who is at the other end of the laboratory's connections, and one word for what varies in what they hear."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sim.dns import MX, Answer
from sim.machine.kernel import Machine
from sim.machine.streams import Attempt, Socket

if TYPE_CHECKING:
    from qmail_lab import Lab

ME = "127.0.0.1"
SINK = (ME, 2526)
DROP = "DROP"
Reply = bytes | str | tuple[float, bytes] | None
Talk = Callable[[str, str], Reply]


DATE = re.compile(r"\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d -0000")
CTIME = re.compile(r"(?m)^(>*From \S+) [A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$")
PLAIN = (
    (re.compile(r"\(qmail \d+ invoked"), "(qmail PID invoked"),
    (re.compile(r"by uid \d+"), "by uid UID"),
    (re.compile(r"<\d{14}\.\d+\.qmail@"), "<TIMESTAMP.PID.qmail@"),
    (re.compile(r"250 ok \d+ qp \d+"), "250 ok UNIXTIME qp PID"),
)


def normal(text: str) -> str:
    """A message or a dialogue without the dates, pids and uids of this run."""
    for pattern, word in PLAIN:
        text = pattern.sub(word, text)
    return CTIME.sub(r"\1 CTIME", DATE.sub("DATE", text))


class Peer:
    """The other end of one connection: an SMTP server that says what it is told.

    ``answer(stage, line)`` gives the bytes to say, with a delay in seconds if they come as a pair; DROP closes the
    connection and None stays silent. Stages are the verbs, ``greeting`` and ``dot``.
    """

    def __init__(self, lab: Lab, answer: Talk) -> None:
        self.lab = lab
        self.answer = answer
        self.socket = Socket("tcp/client", ME, self, lab.machine)
        self.said: list[tuple[str, str]] = []
        self.buffer = b""
        self.in_data = False
        self.open = True
        self.gone = False
        lab.open_connections += 1
        lab.most_connections = max(lab.most_connections, lab.open_connections)

    def reply(self, stage: str, line: str = "") -> None:
        reply = self.answer(stage, line)
        delay_s, text = reply if isinstance(reply, tuple) else (0.0, reply)
        if text is None:
            return
        self.in_data = stage == "DATA" and isinstance(text, bytes) and text[:1] == b"3"
        if delay_s:
            self.lab.after(delay_s, lambda: self.tell(text))
        else:
            self.tell(text)

    def tell(self, text: bytes | str) -> None:
        if isinstance(text, bytes):
            self.said.append(("S", text.decode("latin-1")))
            self.socket.deliver(text)
        else:
            self.leave()
            self.gone = True
            self.socket.deliver(b"")

    def send(self, socket: Socket, data: bytes) -> None:  # noqa: ARG002
        self.buffer += data
        while not self.gone and (line := self.take()):
            self.said.append(("C", line.decode("latin-1")))
            stage = "dot" if self.in_data else line.split()[0].decode().upper()
            self.in_data = False
            self.reply(stage, line.decode("latin-1").strip())

    def take(self) -> bytes:
        """The next command, or the whole text with its final dot."""
        end = b"\r\n.\r\n" if self.in_data and not self.buffer.startswith(b".\r\n") else b"\r\n"
        head, found, rest = self.buffer.partition(end)
        if not found:
            return b""
        self.buffer = rest
        return head + found

    def end(self, socket: Socket) -> None:  # noqa: ARG002
        self.leave()

    def leave(self) -> None:
        if self.open:
            self.open = False
            self.lab.open_connections -= 1


class Network:
    """What the machine's programs reach: SMTP servers by address and port, and a zone of answers by name."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.servers: dict[tuple[str, int], Callable[[], Talk]] = {}
        self.silent: set[str] = set()
        self.zone: dict[str, Any] = {}
        self.asked: list[list[str]] = []
        self.connected: list[str] = []
        self.tried: list[str] = []
        self.peers: list[Peer] = []

    def connect(self, machine: Machine, address: str, port: int) -> Attempt:
        attempt = Attempt(machine)
        self.tried.append(address)
        server = self.servers.get((address, port))
        if address in self.silent:
            return attempt
        if server is None:
            attempt.finish(error=errno.ECONNREFUSED)
            return attempt
        peer = Peer(self.lab, server())
        self.peers.append(peer)
        self.connected.append(address)
        attempt.finish(peer.socket)
        peer.reply("greeting")
        return attempt

    def query(self, machine: Machine, name: str, rrtype: str) -> Attempt:
        attempt = Attempt(machine)
        self.asked.append([name, rrtype])
        attempt.finish(self._answer(name, rrtype))
        return attempt

    def _answer(self, name: str, rrtype: str) -> Answer[Any]:
        node = self.zone.get(name)
        if node is None:
            return Answer("nxdomain", (), name)
        if node == "SERVFAIL":
            return Answer("servfail", (), name)
        records = [data for kind, data in node if kind == rrtype]
        return Answer("noerror", tuple(MX(*data) if rrtype == "MX" else data for data in records), name)


class Sink:
    """The SMTP server of the log observations: one connection, which decides by its recipient.

    tmp* 451 and perm* 550 at RCPT; dtmp* 452 and dperm* 554 after the dot; drop* closes there; slow* takes 0.4 s.
    """

    def __init__(self) -> None:
        self.recipient = ""

    def __call__(self, stage: str, line: str) -> Reply:
        if stage == "RCPT":
            self.recipient = line.partition("<")[2].strip('"')
            if self.recipient.startswith("tmp"):
                return b"451 mailbox busy, try later\r\n"
            if self.recipient.startswith("perm"):
                return b"550 no such user here\r\n"
        if stage == "dot":
            return self.verdict()
        usual = {"greeting": b"220 sink ESMTP\r\n", "DATA": b"354 go\r\n", "QUIT": b"221 bye\r\n"}
        return usual.get(stage, b"250 ok\r\n")

    def verdict(self) -> Reply:
        queued = b"250 queued as 12345\r\n"
        said: dict[str, Reply] = {
            "dtmp": b"452 disk full\r\n",
            "dperm": b"554 rejected\r\n",
            "drop": DROP,
            "slow": (0.4, queued),
        }
        return next((reply for start, reply in said.items() if self.recipient.startswith(start)), queued)


def sent(peer: Peer) -> dict[str, Any] | None:
    """What the peer of a connection got: a message with its envelope, in normal form, or nothing."""
    lines = [text for who, text in peer.said if who == "C"]
    data = [text for text in lines if text.endswith("\r\n.\r\n")]
    if not data:
        return None
    return {
        "mail": next(line for line in lines if line.startswith("MAIL")).strip(),
        "rcpts": [line.partition("<")[2].strip()[:-1] for line in lines if line.startswith("RCPT")],
        "data": normal(data[0].removesuffix(".\r\n")),
    }
