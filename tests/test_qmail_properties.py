"""qmail's queue under arbitrary input in arbitrary order: whatever people, clients, signals and deaths bring.

No program fails in a way that is not its own, every state on the way is one of the five, and when all is over each
message that was promised has been delivered, bounced or thrown away by an instruction.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qmail_lab import Lab
from qmail_peers import sent

from sim.ledger import Evidence, ledger
from sim.qmail.addresses import quoted
from sim.qmail.states import classify
from sim.trace import Trace

ADDRESSES = (
    "alice@mail.example.org", "bob@mail.example.org", "carol-perm@mail.example.org", "nobody@mail.example.org",
    "carol-loop@mail.example.org", "carol-multi@mail.example.org", "ok@remote.example", "perm@remote.example",
    "dtmp@remote.example", "x@refused.example", "%@@[]", "", "carol-nomd", '"a b"@MAIL.example.org',
)  # fmt: skip
ENVELOPES = st.tuples(st.sampled_from((*ADDRESSES, "#@[]")), st.lists(st.sampled_from(ADDRESSES), max_size=4))
TEXTS = st.one_of(
    st.binary(max_size=300), st.sampled_from((b"From: a\n\nx\n", b"Delivered-To: bob@mail.example.org\n"))
)
PIECES = st.sampled_from((
    b"HELO x\r\n", b"MAIL FROM:<bob@mail.example.org>\r\n", b"RCPT TO:<alice@mail.example.org>\r\n", b"DATA\r\n",
    b".\r\n", b"Subject: x\r\n\r\ny\r\n", b"RSET\r\n", b"QUIT\r\n", b"\n", b"..\r\n", b"MAIL\r\n", b"x" * 2000,
))  # fmt: skip
ACTIONS = st.one_of(
    st.tuples(st.just("inject"), ENVELOPES, TEXTS),
    st.tuples(st.just("envelope"), st.binary(max_size=60), TEXTS),
    st.tuples(st.just("smtp"), st.lists(st.one_of(PIECES, st.binary(max_size=40)), max_size=12)),
    st.tuples(st.just("wait"), st.sampled_from((0, 1, 400, 1501, 90_000))),
    st.tuples(st.just("signal"), st.sampled_from(("ALRM", "HUP", "TERM", "KILL"))),
    st.tuples(st.just("kill"), st.sampled_from(("qmail-lspawn", "qmail-rspawn", "qmail-clean", "qmail-queue"))),
    st.tuples(st.just("start")),
)
THE_END_S = 400_000
STATE_FILES = ("mess", "intd", "todo", "info", "local", "remote", "bounce")


class Season:
    """A laboratory in which one thing after another happens, and what is looked at after each call."""

    def __init__(self) -> None:
        self.lab = Lab({"queuelifetime": "2000\n"})
        self.lab.machine.watch = self.look
        self.odd: list[str] = []
        self.lab.start()
        self.lab.run()

    def look(self, when: str, process: Any, target: str | None) -> None:
        """Every message's files are those of one of the five states, after each call that changes them."""
        if when == "after" and process.pending[0] in ("create", "link", "unlink"):
            directory, _, number = (target or "").partition("/")
            if directory in STATE_FILES and number.isdigit():
                there = {name for name in STATE_FILES if number in self.lab.disk.directories[name]}
                if classify(there) is None:
                    self.odd.append(f"{process.program} {process.pending} leaves {sorted(there)}")

    def play(self, action: tuple[Any, ...]) -> None:
        lab, kind = self.lab, action[0]
        if kind == "inject":
            (sender, recipients), text = action[1:]
            lab.inject(sender, recipients, text.decode("latin-1"))
        elif kind == "envelope":
            process = lab.machine.spawn("qmail-queue", ("qmail-queue",), user="alice", stdin=action[2])
            process.euid = "qmailq"
            lab.attach(process, 1, action[1])
        elif kind == "smtp":
            lab.smtp(b"".join(action[1]))
        elif kind == "wait":
            lab.run(lab.machine.now + action[1])
        elif kind == "start":
            self.start()
        else:
            program, name = ("qmail-send", action[1]) if kind == "signal" else (action[1], "KILL")
            for process in [one for one in lab.machine.processes.values() if one.program == program]:
                lab.machine.signal(process, name)
        lab.run()

    def start(self) -> None:
        """qmail-start once more: a second one beside a first must leave of itself."""
        self.lab.start()
        self.lab.run()

    def finish(self) -> None:
        """An operator has everything run, and everybody waits until nothing can be left."""
        for process in [one for one in self.lab.machine.processes.values() if one.program == "qmail-send"]:
            self.lab.machine.signal(process, "TERM")
        self.lab.run(self.lab.machine.now + 2000)
        self.start()
        self.lab.run(self.lab.machine.now + THE_END_S)


def play(actions: list[tuple[Any, ...]]) -> None:
    season = Season()
    for action in actions:
        season.play(action)
    season.finish()
    assert season.odd == []
    assert season.lab.queue() == []
    accounts = ledger(Evidence.of(Trace(season.lab.trace.rows)))
    left = [one for one in accounts if one.outcome in ("lost", "queued") and not taken(season.lab, one.recipient)]
    assert left == []


def taken(lab: Lab, recipient: str) -> bool:
    """Whether the sink has taken a letter for a recipient: no queue of ours shows that."""
    accepted = [sent(peer) for peer in lab.network.peers if ("S", "250 queued as 12345\r\n") in peer.said]
    return any(quoted(recipient) in one["rcpts"] for one in accepted if one is not None)


SEQUENCES = st.lists(ACTIONS, max_size=8)


@settings(max_examples=200)
@given(SEQUENCES)
def test_the_queue_loses_nothing_whatever_happens(actions: list[tuple[Any, ...]]) -> None:
    play(actions)


@pytest.mark.nightly
@settings(max_examples=10_000)
@given(SEQUENCES)
def test_the_queue_loses_nothing_whatever_happens_ten_thousand_times(actions: list[tuple[Any, ...]]) -> None:
    play(actions)
