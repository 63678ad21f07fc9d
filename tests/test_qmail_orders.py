"""What qmail's programs make of what they are told: orders, envelopes, marks, and when an order is told at all."""

from __future__ import annotations

import pytest
from qmail_lab import HOST, Lab

import sim
from sim.scenario import loads


@pytest.mark.parametrize(
    ("order", "answer"),
    [
        (b"\x78mess/1\0a@b\0alice@h\0", b"\x78ZInternal error: delnum too big. (#4.3.5)\n\0"),
        (b"\1mess/7x\0a@b\0alice@h\0", b"\1DInternal error: messid has nonnumerics. (#5.3.5)\n\0"),
        (b"\1mess/\0a@b\0alice@h\0", b"\1DInternal error: messid too short. (#5.3.5)\n\0"),
        (b"\1mess/" + b"7" * 100 + b"\0a@b\0alice@h\0", b"\1DInternal error: messid too long. (#5.3.5)\n\0"),
        (b"\1mess/1\0a@b\0alice\0", b"\1DSorry, address must include host name. (#5.1.3)\n\0"),
        (b"\1mess/2\0a@b\0alice@h\0", b"\1ZSorry, message has wrong type. (#4.3.5)\n\0"),
        (b"\1mess/3\0a@b\0alice@h\0", b"\1ZSorry, message has wrong owner. (#4.3.5)\n\0"),
    ],
)
def test_a_spawner_looks_at_its_orders(order: bytes, answer: bytes) -> None:
    lab = Lab()
    lab.disk.mkdir("mess/2")
    lab.disk.put("mess/3", b"")
    for program in ("qmail-lspawn", "qmail-rspawn"):
        process = lab.machine.spawn(program, (program,), stdin=order)
        said = lab.attach(process, 1)
        lab.run()
        assert said.data == b"\x78" + answer
        assert process.status == 0


def test_a_number_cannot_be_used_twice_at_a_time() -> None:
    lab = Lab(users={"alice": {".qmail": "./Mailbox\n"}})
    lab.disk.put("mess/1", b"x\n", "qmailq")
    order = f"\1mess/1\0a@b\0alice@{HOST}\0".encode()
    process = lab.machine.spawn("qmail-lspawn", ("qmail-lspawn", "./Mailbox"), stdin=2 * order)
    said = lab.attach(process, 1)
    lab.run()
    assert sorted(said.data[1:].split(b"\0")[:-1]) == [
        b"\1Kdid 1+0+0\n",
        b"\1ZInternal error: delnum in use. (#4.3.5)\n",
    ]


def test_a_spawner_that_nobody_hears_just_ends() -> None:
    lab = Lab()
    process = lab.machine.spawn("qmail-rspawn", ("qmail-rspawn",), stdin=b"")
    lab.attach(process, 1).readers = 0
    lab.run()
    assert process.status == 0


@pytest.mark.parametrize(
    ("envelope", "status", "left"),
    [
        (b"X", 91, True),
        (b"Fa@b\0X", 91, True),
        (b"X" * 2000, 91, True),
        (b"\0", 91, True),
        (b"Fa@b\0" + b"T" * 2000, 11, True),
        (b"Fa", 54, False),
        (b"", 54, False),
        (None, 54, False),
    ],
)
def test_an_envelope_is_looked_at_letter_by_letter(envelope: bytes | None, status: int, left: bool) -> None:
    lab = Lab()
    process = lab.machine.spawn("qmail-queue", ("qmail-queue",), user="alice", stdin=b"x\n")
    if envelope is not None:
        lab.attach(process, 1, envelope)
    lab.run()
    assert (process.status, bool(lab.disk.files("mess"))) == (status, left)


@pytest.mark.parametrize(("sender", "goes_to"), [("bob-@[]", f"bob@{HOST}"), ("-@[]", f"postmaster@{HOST}")])
def test_a_bounce_goes_to_what_is_in_front_of_the_mark(sender: str, goes_to: str) -> None:
    lab = Lab()
    lab.start()
    lab.inject(sender, [f"nobody@{HOST}"], "x\n")
    lab.run(1)
    starts = [line.partition(" to local ")[2] for line in lab.lines() if line.startswith("starting")]
    assert starts[:2] == [f"nobody@{HOST}", goes_to]


def test_after_the_percents_the_last_at_sign_counts_again() -> None:
    from sim.qmail.send.state import Controls
    from sim.qmail.send.todo import rewrite

    controls = Controls("c", 1, "c", "m", "c", "p", "c", percenthack=frozenset("d"), locals=frozenset("c"))
    assert rewrite(controls, "a%b@c@d") == ("local", "a@b@c")


def test_the_spawners_are_told_once_all_that_can_begin_has_begun() -> None:
    lab = Lab()
    lab.start()
    lab.inject("#@[]", [f"bob@{HOST}", "ok@refused.example"], "x\n")
    lab.run(1)
    rows = [(row[2][0], row[3]) for row in lab.trace.rows if row[1][1] == "qmail-send" and row[5] is None]
    begun = next(place for place, (verb, name) in enumerate(rows) if verb == "open" and name.startswith("remote/"))
    assert not any(row[2][0] == "write" and b"mess/" in row[2][2] for row in lab.trace.rows[:begun])


@pytest.mark.parametrize(
    "fault",
    [
        "{signal: a.example, name: TERM, before: qmail-clean unlink mess/*}",
        "{kill: a.example, program: qmail-clean, before: qmail-clean unlink mess/*, nth: 2}",
    ],
)
def test_on_its_way_out_qmail_send_still_tells_the_spawners_what_it_has_begun(fault: str) -> None:
    control = "control: {concurrencylocal: 2}"
    play = loads(
        f"title: t\nuntil: 3d\nhosts: {{a.example: {{{control}, users: {{u: '|sleep 2'}}}}}}\n"
        f"mail: [{{at: 1s, from: u@a.example, to: u@a.example, copies: 6}}]\nfaults: [{fault}]\n"
    )
    (end,) = [row.t for row in sim.run(play).trace.filter(program="qmail-send", verb="exit")]
    assert end < 10


def test_a_spawner_that_is_gone_is_told_nothing_more() -> None:
    lab = Lab(users={"bob": {".qmail": "|sleep 5\n"}})
    lab.start()
    lab.inject("#@[]", [f"bob@{HOST}", f"alice@{HOST}", "ok@refused.example"], "x\n")
    lab.machine.signal(lab.find("qmail-lspawn"), "KILL")
    lab.run(30)
    vain = [row for row in lab.trace.rows if row[1][1] == "qmail-send" and row[2][0] == "write" and row[5] == "EPIPE"]
    assert len(vain) <= 1
    assert sum("lost spawn connection" in line for line in lab.lines()) == 1
