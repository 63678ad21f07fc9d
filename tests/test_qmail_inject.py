"""qmail-inject against what qmail 1.03 made of a person's message: envelope, header fields, exit status."""

from __future__ import annotations

import re
from typing import Any

import pytest
from qmail_lab import Lab, cases
from qmail_peers import normal

CASES: dict[str, dict[str, Any]] = cases("C_inject.json")


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_message_is_completed_and_queued_as_observed(name: str) -> None:
    case = CASES[name]
    lab = Lab(case["control_changes"])
    env = {"USER": "alice", **case["env"]}
    process, out = lab.program(("qmail-inject", *case["argv"]), case["input"].encode(), "alice", env)
    lab.attach(process, 2)
    lab.run()
    assert process.status == case["exit_code"]
    assert normal(out.data.decode()) == case["stdout"]
    assert lab.queued() == case["queued"]


# What nobody recorded: the rules of token822.c and headerbody.c


def shown(text: str, *options: str, **env: str) -> tuple[int, str, str]:
    """What ``qmail-inject -n`` makes of a text: its status, the message, and what it says in vain."""
    lab = Lab()
    process, out = lab.program(("qmail-inject", "-n", *options), text.encode(), "alice", {"USER": "alice", **env})
    said = lab.attach(process, 2)
    lab.run()
    return process.status, out.data.decode(), said.data.decode()


def field(text: str, **env: str) -> str:
    """The first field of a letter as it comes out."""
    name = text.partition(":")[0]
    _, message, _ = shown(f"{text}\n\nhi\n", **env)
    return str(re.findall(rf"^{name}:.*(?:\n[ \t].*)*", message, re.MULTILINE)[0])


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("To: bob,carol", "To: bob@mail.example.org, carol@mail.example.org"),
        ("To:   bob ,\n   carol", "To: bob@mail.example.org, carol@mail.example.org"),
        ("To: bob@b.example carol", "To: bob@b.example, carol@mail.example.org"),
        ("To: bob @ x . example", "To: bob@x.example"),
        ("To: bob (Bob (the) builder)", "To: bob@mail.example.org (Bob the builder)"),
        ("To: <@a.example,@b.example:c@d.example>", "To: <c@d.example>"),
        ("To: A.B. Smith <x@y.example>", "To: A.B.Smith <x@y.example>"),
        ('To: "Smith, A" <x@y.example>, z@y.example', 'To: "Smith, A" <x@y.example>, z@y.example'),
        ("To: friends: bob, carol@x.example;", "To: friends: bob@mail.example.org, carol@x.example;"),
        ("Subject:   as   it  was , typed", "Subject:   as   it  was , typed"),
        ("To: bob)", 'To: "bob\\)"@mail.example.org'),
        ("To: bo]b@x.example", 'To: "bo\\]b"@x.example'),
        ("To: a\\\\b@x.example", 'To: "a\\\\b"@x.example'),
        ("From: Jörg M <j@x.example>", 'From: "Jörg" M <j@x.example>'),
        ("To: bob@..", "To: bob@."),
        ("To: bob@@", "To: bob@.example.org"),
        ("To: bob.@", "To: bob.@mail.example.org"),
        ("To: bob.", "To: bob@mail.example.org"),
        ("To: []", "To: []@mail.example.org"),
        ("To: <@a:foo@[]>", "To: <@a: foo@[]>"),
    ],
)
def test_a_field_with_addresses_is_printed_anew_from_its_tokens(typed: str, printed: str) -> None:
    assert field(typed) == printed


def test_lines_end_after_a_comma_within_eighty_characters() -> None:
    people = [f"person{number}@example.org" for number in range(8)]
    lines = field(f"To: {','.join(people)}").split("\n")
    assert [len(line) <= 80 for line in lines] == [True] * len(lines)
    assert all(line.startswith("  person") for line in lines[1:])
    assert " ".join(line.strip() for line in lines) == f"To: {', '.join(people)}"


@pytest.mark.parametrize(
    ("to", "recipients"),
    [
        ('"joe smith"@b.example', ["joe smith@b.example"]),
        ("bob@b.example carol", ["carol@mail.example.org", "bob@b.example"]),
        ("bob carol", ["carol@mail.example.org", "bob@mail.example.org"]),
        ("<@a.example,@b.example:c@d.example>", ["c@d.example"]),
        ("<>", [""]),  # to nobody, but a recipient
    ],
)
def test_recipients_are_what_the_tokens_say_from_right_to_left(to: str, recipients: list[str]) -> None:
    lab = Lab()
    lab.program(("qmail-inject",), f"To: {to}\n\nhi\n".encode(), "alice", {"USER": "alice"})
    lab.run()
    envelope = next(row[2][2] for row in lab.trace.rows if row[2][0] == "write" and row[3].startswith("intd/"))
    assert [one[1:].decode() for one in envelope.split(b"\0") if one[:1] == b"T"] == recipients


@pytest.mark.parametrize("line", ["To: bob (Bob", 'To: "bob', "To: bob@x>", "To: a; b;", "Cc: a: b, c", "From: a )"])
def test_a_line_that_is_no_row_of_tokens_is_refused(line: str) -> None:
    status, message, said = shown(f"{line}\n\nhi\n")
    refused = line != "Cc: a: b, c"
    if refused:
        assert (status, message, said) == (100, "", f"qmail-inject: fatal: unable to parse this line:\n{line}\n")
    else:
        assert (status, message) == (100, "")


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("To: bob\n", "To: bob@mail.example.org\n"),
        ("To: bob", "To: bob@mail.example.org\n"),
        ("To: bob\n\nno end", "To: bob@mail.example.org\n\nno end\n"),
        ("To: bob\nfoo bar: x\n", "To: bob@mail.example.org\n\nfoo bar: x\n"),
        ("To: bob\nnaïve: x\n", "To: bob@mail.example.org\n\nnaïve: x\n"),
        ("From alice Tue Nov 22\nTo: bob\n\n", "MBOX-Line: From alice Tue Nov 22\nTo: bob@mail.example.org\n\n"),
    ],
)
def test_the_header_ends_where_headerbody_ends_it(text: str, end: str) -> None:
    assert shown(text)[1].endswith(end)


def test_letters_of_options_may_stand_together_and_an_unknown_one_is_refused() -> None:
    lab = Lab()
    _, out = lab.program(("qmail-inject", "-an", "bob"), b"To: carol\n\nhi\n", "alice", {"USER": "alice"})
    lab.run()
    assert out.data.startswith(b"Return-Path: <alice@mail.example.org>\n")
    assert shown("To: bob\n", "-z") == (100, "", "qmail-inject: illegal option -- z\n")


def test_the_environment_names_the_person_and_the_hosts() -> None:
    full = 'Al "X" Ice'
    assert 'From: "Al \\"X\\" Ice" <alice@mail.example.org>\n' in shown("To: bob\n", QMAILNAME=full)[1]
    commented = shown("To: bob\n", QMAILNAME="Al Ice", QMAILINJECT="c")[1]
    assert "From: alice@mail.example.org (Al Ice)\n" in commented
    assert field("To: bob", QMAILDEFAULTHOST="h.example") == "To: bob@h.example"
    assert field("To: bob@x", QMAILDEFAULTDOMAIN="d.example") == "To: bob@x.d.example"
    assert field("To: bob@x+", QMAILPLUSDOMAIN="p.example") == "To: bob@x.p.example"
    assert field("To: bob", QMAILDEFAULTHOST="", QMAILDEFAULTDOMAIN="d.example") == "To: bob@.d.example"


def test_only_the_known_resent_fields_make_a_letter_a_resent_one() -> None:
    assert "\nResent-" not in shown("Resent-Foo: x\nTo: bob\n")[1].replace("\nResent-Foo: x", "")


@pytest.mark.parametrize(
    ("options", "text", "env", "sender"),
    [
        (("-f", "<>"), "To: bob\n", {}, '"<>"@mail.example.org'),
        (("-f", ""), "To: bob\n", {}, ""),
        (("-f", "list@x"), "Return-Path: <carol@y.example>\nTo: bob\n", {}, "list@x.example.org"),
        ((), "Return-Path: <z@x.example>, <a@x.example>\nReturn-Path: <b@x.example>\nTo: bob\n", {}, "a@x.example"),
        ((), "Return-Path: <list@x.example>\nTo: bob\n", {"QMAILINJECT": "r"}, '"list@x.example-"@[]'),
        ((), "Return-Path: <list@x.example>\nTo: bob\n", {"QMAILINJECT": "s"}, "alice@mail.example.org"),
        ((), "Return-Path: a(b\nTo: bob\n", {"QMAILINJECT": "s"}, "alice@mail.example.org"),
        ((), "Return-Path: <>\nTo: bob\n", {}, ""),
        ((), "Return-Path: <a@x.example>, <>\nTo: bob\n", {}, ""),
        ((), "Return-Path: <>, <a@x.example>\nTo: bob\n", {}, "a@x.example"),
        ((), "Return-Path:\nTo: bob\n", {}, "alice@mail.example.org"),
        ((), "Return-Path: (nobody)\nReturn-Path: <b@x.example>\nTo: bob\n", {}, "b@x.example"),
        ((), "Return-Path: <b@x.example>\nTo: bob\n", {"MAILHOST": "a(b"}, "b@x.example"),
        ((), "To: bob\n", {"QMAILSUSER": "list", "QMAILSHOST": "x.example"}, "list@x.example"),
    ],
)
def test_the_envelope_sender_is_who_the_command_line_the_header_or_the_environment_says(
    options: tuple[str, ...], text: str, env: dict[str, str], sender: str
) -> None:
    assert shown(text, *options, **env)[1].startswith(f"Return-Path: <{sender}>\n")


def test_a_variable_that_is_set_to_nothing_is_set() -> None:
    assert 'From: "" <alice@mail.example.org>\n' in shown("To: bob\n", QMAILNAME="", NAME="Al Ice")[1]


def test_what_nobody_asks_for_is_not_looked_at() -> None:
    written = "From: a(b\nMessage-ID: <1@x>\nTo: bob\n"
    assert "\nFrom: alice@mail.example.org\n" in shown(written, QMAILINJECT="fi")[1]
    named = "From: a@x.example\nReturn-Path: a@x.example\nTo: bob\n"
    assert shown(named, MAILHOST="a>b")[0] == 0
    said = "qmail-inject: fatal: unable to parse this line:\n"
    assert shown("To: bob\nReturn-Path: <>\n", MAILHOST="a>b")[2] == f"{said}From: alice@a>b\n"
    assert shown("To: bob\n", MAILHOST="b>a")[2] == f'{said}Return-Path: "alice"@b>a\n'
    assert shown("To: bob\n", "-f", "list@a(b")[2] == f"{said}list@a(b"


def test_an_argument_that_is_no_address_is_said_and_nothing_is_queued() -> None:
    status, out, error = shown("To: carol\n", "-a", "bob", "dave@a(b")
    assert (status, out, error) == (100, "", "qmail-inject: fatal: unable to parse address: dave@a(b\n")


def test_names_that_complete_an_address_are_read_as_its_parts() -> None:
    assert field("To: bob", QMAILDEFAULTHOST="a)b") == 'To: bob@"a\\)b".example.org'
    said = "qmail-inject: fatal: unable to parse this line:\n"
    assert shown("To: bob\n", QMAILDEFAULTHOST=")b") == (100, "", f"{said}@)b")
    assert shown("To: bob\n", QMAILDEFAULTDOMAIN='"b') == (100, "", f'{said}."b')
    assert shown("To: bob\n", QMAILIDHOST=")b")[0] == 0


def test_two_dashes_end_the_options_whatever_is_behind_them() -> None:
    lab = Lab()
    lab.program(("qmail-inject", "--foo", "carol"), b"Subject: x\n\nhi\n", "alice", {"USER": "alice"})
    lab.run()
    assert [one["envelope"][2:] for one in lab.queued()] == [["Falice@mail.example.org", "Tcarol@mail.example.org"]]
