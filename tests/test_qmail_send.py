"""qmail-send's own words: the paragraphs of a bounce, its warnings, how it starts and what it reads in control/."""

from __future__ import annotations

import pytest
from qmail_lab import HOST, Lab

from sim.machine.process import Process
from sim.qmail.lspawn import report
from sim.qmail.send.bounce import paragraph

TO_CAROL = ["carol@mail.example.org"]


def bounced(instructions: str, control: dict[str, str | None] | None = None) -> str:
    """The bounce that alice gets of a letter to carol, whose ``.qmail`` refuses it."""
    lab = Lab(control, users={"alice": {".qmail": "./Maildir/\n"}, "carol": {".qmail": instructions}})
    lab.start()
    lab.inject(f"alice@{HOST}", TO_CAROL, "Subject: x\n\nHello.\n")
    lab.run(1)
    (text,) = lab.maildir("~alice/Maildir")
    return text


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", ""),
        ("\n", "\n"),
        ("one", "one\n"),
        ("one\n", "one\n"),
        ("one\n\ntwo", "one\n/two\n"),
        ("one\n\n\ntwo\n", "one\n//two\n"),
        ("one\n\n", "one\n\n"),
    ],
)
def test_only_the_end_of_a_paragraph_is_an_empty_line(said: str, expected: str) -> None:
    assert paragraph("a\nb@c.example", said) == f"<a_b@c.example>:\n{expected}\n"


def test_a_refusal_without_a_word_has_nothing_below_the_address() -> None:
    assert "<carol@mail.example.org>:\n\n--- Below this line" in bounced("|exit 100\n")


def test_a_long_report_is_cut_so_that_the_mark_fits() -> None:
    assert report(100, b"x" * 3000) == b"D" + b"x" * 3000
    assert report(100, b"x" * 3001) == b"D" + b"x" * 2966 + b"\nError report too long, sorry.\n"


def test_the_name_that_bounces_come_from_is_quoted_where_it_must_be() -> None:
    assert f'\nFrom: "Mail Daemon"@{HOST}\n' in bounced("|exit 100\n", {"bouncefrom": "Mail Daemon\n"})
    assert f"\nFrom: MAILER-DAEMON@{HOST}\n" in bounced("|exit 100\n")


# The start


def test_the_first_status_line_knows_what_the_spawners_can_run() -> None:
    lab = Lab({"concurrencylocal": "200\n", "concurrencyremote": "120\n"})
    lab.start()
    lab.run()
    assert lab.lines() == ["status: local 0/120 remote 0/120"]


def test_without_a_spawner_nothing_starts() -> None:
    lab = Lab()
    process = lab.machine.spawn("qmail-send", ("qmail-send",), user="qmails")
    heard = lab.attach(process, 0)
    for fd in (2, 4):
        lab.attach(process, fd, b"")
    lab.run()
    assert process.status == 111
    assert heard.data == b"alert: cannot start: hath the daemon spawn no fire?\n"


# control/virtualdomains


def test_a_virtual_domain_without_a_colon_is_none() -> None:
    lab = Lab({"virtualdomains": "Virt.Example:carol\nmail2.example\nnone.virt.example:\n:bob\n.none.example:\n"})
    lab.start()
    recipients = ["a@VIRT.example", "b@mail2.example", "c@none.virt.example", "d@x.none.example"]
    lab.inject("#@[]", recipients, "x\n")
    starts = sorted(line.partition(" to ")[2] for line in lab.lines() if line.startswith("starting"))
    assert starts == [
        "local bob-b@mail2.example",
        "local carol-a@VIRT.example",
        "remote c@none.virt.example",
        "remote d@x.none.example",
    ]


# Warnings


@pytest.mark.parametrize(
    ("files", "warning"),
    [
        ({"todo/77": b"u1\0p2\0Fa@b\0"}, "warning: unable to stat mess/77"),
        ({"todo/77": b"u1\0xy\0", "mess/77": b"x"}, "warning: unknown record type in todo/77"),
        (
            {"info/77": b"Fa@b\0", "local/77": b"Ta@b\0Xc\0", "mess/77": b"x"},
            "warning: unknown record type in local/77!",
        ),
        ({"info/77": b"a@b\0", "local/77": b"Ta@b\0"}, "warning: trouble opening info/77; will try again later"),
    ],
)
def test_what_cannot_be_read_is_said_in_qmails_words(files: dict[str, bytes], warning: str) -> None:
    lab = Lab()
    for name, data in files.items():
        lab.disk.put(name, data)
    lab.start()
    lab.run(5)
    assert [line for line in lab.lines() if line.startswith("warning")] == [warning]
    lab.run(1600)
    assert lab.lines().count(warning) > 1, "it is tried again"


def test_a_mark_that_cannot_be_made_is_a_warning() -> None:
    lab = Lab()

    def lose(when: str, process: Process, target: str | None) -> None:
        pending = process.pending
        if when == "before" and process.program == "qmail-send" and pending[0] == "open" and pending[2] == "w":
            lab.disk.unlink(str(target))

    lab.start()
    lab.run()
    lab.machine.watch = lose
    lab.inject(f"alice@{HOST}", [f"alice@{HOST}"], "x\n")
    (warning,) = [line for line in lab.lines() if line.startswith("warning: trouble")]
    assert warning.endswith("; message will be delivered twice!")


@pytest.mark.parametrize(("text", "limit"), [("5 x\n", 5), ("7th\n", 7), ("many\n", 10), ("-3\n", 10), ("", 10)])
def test_a_number_in_a_control_file_ends_at_what_is_no_digit(text: str, limit: int) -> None:
    lab = Lab({"concurrencylocal": text})
    lab.start()
    lab.run()
    assert lab.lines() == [f"status: local 0/{limit} remote 0/20"]


# Jobs: as many messages open as there are slots for deliveries


@pytest.mark.parametrize(("slots", "starts"), [("1\n", []), ("2\n", ["remote x@refused.example"])])
def test_a_message_that_waits_where_nothing_may_run_holds_a_job_and_its_file(slots: str, starts: list[str]) -> None:
    lab = Lab({"concurrencylocal": "0\n", "concurrencyremote": slots})
    lab.start()
    lab.run()
    for recipient in (f"alice@{HOST}", "x@refused.example"):
        lab.inject(f"alice@{HOST}", [recipient], "x\n")
    lab.run(1)
    assert [line.partition(" to ")[2] for line in lab.lines() if line.startswith("starting")] == starts
    opened = {target for _, who, call, target, _, _ in lab.trace.rows if who[1] == "qmail-send" and call[0] == "open"}
    assert any(str(target).startswith("local/") for target in opened)
