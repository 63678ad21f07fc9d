"""A laboratory for qmail: a machine as the observations describe it, scripted peers, one word for what varies.

The accounts are those of the reference data: alice has a Maildir, bob an mbox, carol a ``.qmail`` file for every kind
of instruction, and the alias user takes postmaster and root. The network answers at once, so a run takes no time unless
a peer or a program waits.
"""

from __future__ import annotations

import heapq
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

from qmail_peers import ME, SINK, Network, Sink, normal

import sim
from sim.machine.disk import Disk
from sim.machine.kernel import Machine
from sim.machine.process import RUNNING, Process
from sim.machine.streams import Pipe, PipeEnd
from sim.qmail.states import FILES
from sim.qmail.system import PROGRAMS, Qmail
from sim.scenario import loads
from sim.trace import Trace

REFERENCE = Path(__file__).parent / "reference" / "qmail"
HOST = "mail.example.org"
EPOCH_S = 1795365667  # 22 Nov 2026 16:41:07 UTC: a day of two digits, as observed
FIRST_PID = 2001  # pids and uids of four digits, as observed: they count in the size of a message

USERS: dict[str, dict[str, str]] = {
    "alice": {".qmail": "./Maildir/\n"},
    "bob": {".qmail": "./Mailbox\n"},
    "carol": {
        ".qmail": "|exit 111\n",
        ".qmail-perm": "|echo not today; exit 100\n",
        ".qmail-stop": "|echo stop here; exit 99\n",
        ".qmail-fwd": "&alice@mail.example.org\n",
        ".qmail-box": "./Mailbox\n",
        ".qmail-md": "./Maildir/\n",
        ".qmail-nomd": "./NoMaildir/\n",
        ".qmail-multi": "./Mailbox\n&alice@mail.example.org\n&bob@mail.example.org\n",
        ".qmail-drop": "# only comment\n",
        ".qmail-prog": "|echo hello from program; cat >/dev/null; exit 0\n",
        ".qmail-loop": "&carol-loop@mail.example.org\n",
        ".qmail-exit1": "|exit 1\n",
        ".qmail-crash": "|kill -9 $$\n",
    },
    "alias": {".qmail-postmaster": "./pm/\n", ".qmail-root": "./pm/\n"},
}
ROUTES = ":127.0.0.1:2526\nrefused.example:127.0.0.1:2599\n"


def load(name: str) -> Any:
    """A file of observations."""
    return json.loads((REFERENCE / name).read_text())


def cases(name: str) -> dict[str, Any]:
    return {case["case"]: case for case in load(name)["cases"]}


class Lab:
    """The machine, its clock, and the hands that put mail into it."""

    def __init__(
        self,
        control: Mapping[str, str | None] | None = None,
        users: Mapping[str, Mapping[str, str]] = USERS,
        people: Sequence[str] = ("alice", "bob", "carol"),
    ) -> None:
        self.trace = Trace()
        self.disk = Disk()
        changes = {"smtproutes": ROUTES} | dict(control or {})
        system = Qmail()
        kept = {name: text for name, text in changes.items() if text is not None}
        system.install(self.disk, HOST, kept, "", users)
        for name in changes.keys() - kept.keys():
            self.disk.remove(f"control/{name}", 0.0)
        for directory in [name for name in self.disk.directories if "NoMaildir" in name]:
            del self.disk.directories[directory]
        self.network = Network(self)
        self.machine = Machine(
            HOST,
            self.trace,
            self.disk,
            PROGRAMS,
            epoch_s=EPOCH_S,
            setuid_programs=system.setuid_programs,
            uids=system.uids(tuple(people)),
            network=self.network,
            addresses=(ME,),
        )
        self.machine._next_pid = FIRST_PID
        self.network.servers[SINK] = Sink
        self.open_connections = self.most_connections = 0
        self._actions: list[tuple[float, int, Callable[[], None]]] = []
        self._due = math.inf

    # Time

    def after(self, delay_s: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._actions, (round(self.machine.now + delay_s, 6), len(self.trace.rows), action))

    def run(self, until_s: float | None = None) -> None:
        """Go on until nothing more happens, or until a time; without one, only this instant."""
        until_s = self.machine.now if until_s is None else until_s
        due = self.machine.run(self.machine.now)
        while (now := min(due, self._actions[0][0] if self._actions else math.inf)) <= until_s:
            self.machine.now = now
            while self._actions and self._actions[0][0] <= now:
                heapq.heappop(self._actions)[2]()
            due = self.machine.run(now)
        self.machine.now = until_s

    # Programs and mail

    def start(self) -> Process:
        """qmail-start, with a logger; gives the process that becomes qmail-send."""
        return self.machine.spawn("qmail-start", ("qmail-start", "./Mailbox", "splogger", "qmail"))

    def start_without_logger(self) -> Process:
        process = self.machine.spawn("qmail-start", ("qmail-start", "./Mailbox"))
        self.attach(process, 1)
        return process

    def attach(self, process: Process, fd: int, text: bytes | None = None) -> Pipe:
        """A pipe on a descriptor: with ``text`` to read and then the end, without to write into."""
        pipe = Pipe(f"descriptor {fd}")
        PipeEnd(pipe, text is not None, self.machine)  # the laboratory's own end
        process.fds[fd] = PipeEnd(pipe, text is None, self.machine)
        if text is not None:
            pipe.data, pipe.writers = text, 0
        return pipe

    def mouth(self, process: Process) -> PipeEnd:
        """The writing end of a pipe to a program's descriptor 0: what is ``put`` there it can read."""
        pipe = Pipe("descriptor 0")
        process.fds[0] = PipeEnd(pipe, False, self.machine)
        return PipeEnd(pipe, True, self.machine)

    def program(
        self, argv: Sequence[str], text: bytes, user: str, env: Mapping[str, str] | None = None
    ) -> tuple[Process, Pipe]:
        """Any program with ``text`` on descriptor 0; gives it and what it writes on descriptor 1."""
        process = self.machine.spawn(argv[0], tuple(argv), user=user, env=env, stdin=text)
        return process, self.attach(process, 1)

    def inject(self, sender: str, recipients: Iterable[str], message: str, user: str = "alice") -> Process:
        """Queue a message as it is. Strings are Unicode; what goes into the queue is their UTF-8."""
        words = [_bytes_as_text(word) for word in ("hand-in", sender, *recipients)]
        process = self.machine.spawn(words[0], tuple(words), user=user, stdin=message.encode())
        self.run()
        return process

    def smtp(self, text: bytes, env: Mapping[str, str | None] | None = None) -> tuple[Process, Pipe]:
        """qmail-smtpd with all that a client says, as tcpserver would start it."""
        around = {"TCPREMOTEIP": "192.0.2.7", "TCPREMOTEHOST": "client.example", "TCPLOCALHOST": HOST}
        known = {name: value for name, value in (around | dict(env or {})).items() if value is not None}
        return self.program(("qmail-smtpd",), text, "qmaild", known)

    def find(self, program: str) -> Process:
        return next(p for p in self.machine.processes.values() if p.program == program and p.state != "dead")

    def signal(self, program: str, name: str) -> None:
        self.machine.signal(self.find(program), name)
        self.run()

    def preempt(self, program: str, name: str) -> None:
        """Let a signal interrupt a waiting program right now, in the middle of another one's calls."""
        process = self.find(program)
        self.machine.signal(process, name)
        process.state = RUNNING
        while process.state == RUNNING:
            self.machine.advance(process, repeat(None, 1))

    # What came of it

    def numbers(self) -> Numbers:
        return Numbers(self.trace)

    def log(self) -> list[tuple[float, str]]:
        """What qmail-send said, with seconds, in normal form."""
        names = Numbers(())
        lines = []
        for row in self.trace.rows:
            names.see(row)
            t, who, call, _, _, error = row
            if who[1] == "qmail-send" and call[:2] == ("write", 0) and error is None:
                lines += [(t, names.normal(line)) for line in call[2].decode("latin-1").splitlines()]
        return lines

    def lines(self) -> list[str]:
        """The same without the seconds."""
        return [line for _, line in self.log()]

    def queue(self) -> list[str]:
        """The names of the files in the queue, in normal form, sorted."""
        names = self.numbers()
        found = [name for directory in FILES for name in self.disk.files(directory)]
        return sorted(names.path(name) for name in found)

    def queued(self) -> list[dict[str, Any]]:
        """The messages that wait for qmail-send, as the observations show them, in the order of queueing."""
        found = []
        for number in self.numbers().names:
            intd = self.disk.files("intd").get(f"intd/{number}")
            if intd is not None:
                records = intd.data.decode("latin-1").split("\0")[:-1]
                text = self.disk.find(f"mess/{number}").data.decode("latin-1")
                found.append({"envelope": ["uN", "pN", *records[2:]], "mess": normal(text)})
        return found

    def maildir(self, directory: str) -> list[str]:
        return [i.data.decode("latin-1") for i in self.disk.files(f"{directory}/new").values()]

    def mbox(self, path: str) -> str:
        inode = self.disk.files(path.rpartition("/")[0]).get(path)
        return "" if inode is None else inode.data.decode("latin-1")


class Numbers:
    """Message numbers as M1, M2 … in the order of queueing, though inode numbers come again."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self.names: dict[str, str] = {}
        self.count = 0
        for row in rows:
            self.see(row)

    def see(self, row: Any) -> None:
        _, _, call, target, _, error = row
        if call[0] == "link" and error is None and target.startswith("mess/"):
            self.count += 1
            self.names[target.removeprefix("mess/")] = f"M{self.count}"

    def path(self, name: str) -> str:
        directory, _, number = name.partition("/")
        return f"{directory}/{self.names.get(number, number)}"

    def normal(self, line: str) -> str:
        line = re.sub(r"(?<=msg )\d+|(?<=bounce/)\d+", lambda found: self.names.get(found[0], found[0]), line)
        return re.sub(r"qp[ _]\d+", lambda found: found[0][:3] + "PID", re.sub(r"uid \d+$", "uid UID", line))


def _bytes_as_text(text: str) -> str:
    return text.encode().decode("latin-1")


TWO = """
title: t
until: 2m
dns: |
  a.example. IN A 10.0.0.1
  b.example. IN A 10.0.0.2
hosts:
  a.example: {users: {ann: ./Maildir/}%s}
  b.example: {users: {bob: ./Maildir/}%s}
%s
"""


def two_hosts(mail: str, a: str = "", b: str = "", more: str = "") -> sim.Run:
    """Mail from ann on one host, and what else its keys say, to another; ``a`` and ``b`` are more keys of the hosts."""
    return sim.run(loads(TWO % (a, b, f"mail:\n  - {{from: ann@a.example, subject: x, at: 5s, {mail}}}\n{more}")))
