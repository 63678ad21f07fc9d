"""The ledger holds for qmail as it is, and catches every broken program: no invariant that cannot fail."""

from __future__ import annotations

import broken
import pytest
from broken import Broken

from sim.scenario import Scenario, loads
from sim.verdict import Verdict, judge
from sim.world.simulate import SYSTEMS, simulate

HEAD = """\
title: one letter
until: {until}
hosts:
  a.example: {{users: {{joe: ./Maildir/, ann: ./Mailbox}}}}
  b.example: {{users: {{ben: ./Maildir/}}}}
mail:
  - {{name: one, at: 1s, from: joe@a.example, to: {to}, subject: t, body: Hello.}}
"""


def told(faults: str = "", *, to: str = "joe@a.example", until: str = "10m") -> Scenario:
    return loads(HEAD.format(to=to, until=until) + (f"faults:\n  - {faults}\n" if faults else ""))


def verdict(play: Scenario, system: Broken | None = None) -> Verdict:
    systems = {**SYSTEMS, "qmail": system} if system else SYSTEMS
    return judge(play, simulate(play, systems=systems).trace)


CUT = "{power_cut: a.example, %s, back_after: 60s}"
TODO = CUT % "after: qmail-queue exit"

MANY = """\
title: a stray file in pid/, and letters for some days
until: 4d
hosts: {a.example: {users: {joe: ./Maildir/, ann: ./Mailbox}}}
mail:
  - {name: one, at: 1s, from: joe@a.example, to: ann@a.example}
  - {name: more, at: 2s, from: joe@a.example, to: ann@a.example, copies: 40, every: 2h}
faults:
  - {kill: a.example, program: qmail-queue, after: create pid/*}
"""

BROKEN: dict[str, tuple[Broken, Scenario, str]] = {
    "qmail-queue without fsync of the message": (
        Broken(qmail_queue=broken.without_fsync),
        told(TODO),
        "lost",
    ),
    "qmail-queue that links todo before it writes the envelope": (
        Broken(qmail_queue=broken.link_before_write),
        told(),
        "promised at 2 s, and lost",
    ),
    "qmail-send that marks DONE before the delivery": (
        Broken(qmail_send=broken.done_before_delivery),
        told("{kill: a.example, after: mark local/*, back_after: 60s}"),
        "promised at 1 s, and lost",
    ),
    "qmail-send without fsync of info and local": (
        Broken(qmail_send=broken.without_fsync),
        told(CUT % "after: qmail-clean unlink todo/*"),
        "lost",
    ),
    "qmail-local that delivers twice": (
        Broken(qmail_local=broken.twice),
        told(),
        "no crash and no lost acknowledgement explains",
    ),
    "qmail-queue that makes up a message number": (Broken(qmail_queue=broken.wrong_number), told(), "another inode"),
    "qmail-queue that removes mess/N once it is queued": (
        Broken(qmail_queue=broken.mess_removed_too_early),
        told(),
        "is no state",
    ),
    "qmail-clean that never removes a leftover": (
        Broken(qmail_clean=broken.never_cleans),
        told(CUT % "after: qmail-queue link mess/*", until="5d"),
        "is still there, in S2",
    ),
    "qmail-send that looks into todo/ and sees nothing": (
        Broken(qmail_send=broken.sees_nothing("todo")),
        told(until="10d"),
        "is still there, in S4",
    ),
    "qmail-send that looks into mess/ and sees nothing": (
        Broken(qmail_send=broken.sees_nothing("mess")),
        told(CUT % "after: qmail-queue link mess/*", until="44h"),
        "the sweep at 152925 s, after 36 hours, has left it in S2",
    ),
    "qmail-send that never looks into mess/": (
        Broken(qmail_send=broken.looks_elsewhere("mess")),
        told(until="23h"),
        "has not looked into mess/ since",
    ),
    "qmail-clean that leaves what is in pid/": (
        Broken(qmail_clean=broken.without_call("unlink", "pid/")),
        loads(MANY),
        "older than 36 hours, and left it",
    ),
    "qmail-clean that never looks into pid/": (
        Broken(qmail_clean=broken.looks_elsewhere("pid")),
        loads(MANY),
        "has not looked into pid/ for 31 cleanups",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_program_is_caught(name: str) -> None:
    system, play, wanted = BROKEN[name]
    found = verdict(play, system)
    assert not found.ok
    assert any(wanted in line for line in found.broken), found.broken


@pytest.mark.parametrize("name", BROKEN)
def test_the_real_program_keeps_its_promises_in_the_same_place(name: str) -> None:
    _, play, _ = BROKEN[name]
    assert verdict(play).broken == []


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("before: link todo/*", "Nothing was promised to anybody."),
        ("after: link todo/*", "Nothing was promised to anybody, but one message lies in a queue all the same."),
        ("after: link todo/*, back_after: 9s", "Nothing was promised to anybody, but one copy arrived all the same."),
    ],
)
def test_without_a_promise_it_says_what_came_all_the_same(fault: str, sentence: str) -> None:
    assert verdict(told(f"{{power_cut: a.example, {fault}}}")).lines[0] == sentence


@pytest.mark.parametrize(("slots", "kept"), [("0", True), ("0 for now", True), ("none", False)])
def test_what_waits_for_a_channel_without_a_slot_is_still_there_by_design(slots: str, kept: bool) -> None:
    control = f"control: {{concurrencylocal: {slots}, queuelifetime: 2d}}"
    text = f"title: t\nuntil: 10d\nhosts: {{a.example: {{users: {{u: ./Maildir/}}, {control}}}}}\n"
    play = loads(text + "mail: [{from: u@a.example, to: u@a.example}]\nexpect: [{queued: a.example}]\n")
    system = Broken() if kept else Broken(qmail_send=broken.sees_nothing("todo"))
    found = verdict(play, system)
    assert (found.broken == [], found.expectations[0].holds) == (kept, True)


def test_a_verdict_is_short_in_a_notebook() -> None:
    play = loads(HEAD.format(to="joe@a.example", until="10m") + "expect: [{queued: a.example}]\n")
    found = verdict(play)
    assert repr(found).splitlines() == [*found.lines, "✗ queued a.example (found: none)"]
    assert len(found.lines) == 2
