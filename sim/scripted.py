"""A peer that says what it is told: any reply at any stage and for any recipient, silence, a closed line.

It queues nothing and delivers nothing. With it, whatever the rest of the world does to a client can be written
as a scenario (``mta: scripted``).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any

from sim.machine.calls import (
    ANY_CHILD,
    Program,
    Steps,
    accept,
    close,
    fork,
    listen,
    read,
    select,
    sigaction,
    sleep,
    wait,
    write,
)
from sim.machine.disk import Disk
from sim.machine.kernel import Machine
from sim.mta import NoMailSystem
from sim.notation.replies import DEFAULTS, PLAIN, Said, parse
from sim.smtp.commands import address_argument, reply_bytes
from sim.smtp.server import Received, Session

PORT = 25
Script = Mapping[Any, str | Sequence[str] | Mapping[str, str]]


class Scripted(NoMailSystem):
    """``replies`` by stage: one reply; a list, one for each time; or a mapping from patterns of recipients.

    ``times`` counts how often each stage was reached, over all connections.
    """

    def __init__(self, replies: Script) -> None:
        self.replies = replies
        self.times: dict[str, int] = {}
        self.programs: Mapping[str, Program] = {"scripted": self._listen}

    def boot(self, machine: Machine) -> None:
        machine.spawn("scripted", ("scripted", str(PORT)))

    def restart(self, machine: Machine) -> None:
        if PORT not in machine.listeners:
            self.boot(machine)

    def install(
        self,
        disk: Disk,
        name: str,
        control: Mapping[str, str],
        rules: str,
        users: Mapping[str, Mapping[str, str]],
    ) -> None:
        return

    def _listen(self, argv: Sequence[str], env: Mapping[str, str]) -> Steps:
        yield sigaction(catch=("CHLD",), ignore=("PIPE",))
        listener = yield listen(int(argv[1]))
        while True:
            for source in (yield select((listener,), None)):
                if source == "CHLD":
                    while (yield wait(ANY_CHILD)):
                        continue
                else:
                    connection, _ = yield accept(listener)
                    yield fork(_talk, (self.replies, self.times), {0: connection, 1: connection})
                    yield close(connection)


def _talk(script: Script, times: dict[str, int]) -> Steps:
    """One connection, from the greeting to QUIT, a closed line, or the client's end."""
    session = Session()
    if not (yield from _say(_reply(script, "greeting", "", times))):
        return 0
    while True:
        received = session.receive()
        if received is None:
            data = yield read(0)
            if not data:
                return 0
            session.feed(data)
            continue
        if received.verb == "body":
            continue
        stage = received.verb if received.verb in (*DEFAULTS, *script, "MAIL", "RCPT", "RSET", "NOOP") else "other"
        said = _reply(script, stage, address_argument(received.argument) or "", times)
        if not (yield from _say(said)):
            return 0
        if said.accepted:
            _accept(session, received)
        if received.verb == "QUIT":
            return 0


def _accept(session: Session, received: Received) -> None:
    """A script may take what the table would not: DATA then follows whatever it has said yes to."""
    if received.verb != "dot":
        session.accept(received)


def _reply(script: Script, stage: str, recipient: str, times: dict[str, int]) -> Said:
    told = script.get(stage, DEFAULTS.get(stage, PLAIN))
    if isinstance(told, str):
        return parse(told)
    if isinstance(told, Mapping):
        return parse(next((text for like, text in told.items() if fnmatch.fnmatchcase(recipient, like)), PLAIN))
    turn = times.get(stage, 0)
    times[stage] = turn + 1
    return parse(told[min(turn, len(told) - 1)])


def _say(said: Said) -> Steps:
    """True while the connection goes on."""
    if said.after_s:
        yield sleep(said.after_s)
    if said.kind == "silence":
        while (yield read(0)):
            continue
        return False
    if said.kind == "close":
        return False
    try:
        yield write(1, reply_bytes(said.text))
    except OSError:
        return False
    return True
