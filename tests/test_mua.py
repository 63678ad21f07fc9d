"""People's mail programs and qmail's small wrappers: header fields, sessions, forward, sendmail, VERP."""

from __future__ import annotations

import pytest
from qmail_lab import HOST, USERS, Lab

import sim
from sim import scenario
from sim.run import Run
from sim.scenario import ScenarioError
from sim.smtp.client import Client
from sim.smtp.commands import reply_bytes

OFFICE = """\
title: Two machines and a relay agent
until: 5m
hosts:
  pc.itb.ac.id:
    mta: none
    mua: {reply_to: riza@ai3.itb.ac.id, x_phone: +62 22 250, x_mailer: Pine 4.21, relay: ai3.itb.ac.id}
    users: {riza: ""}
  ai3.itb.ac.id:
    tcprules: ':allow,RELAYCLIENT=""'
    mua: {x_mailer: mutt}
    users: {riza: ./Maildir/, wahid: ./Maildir/}
"""


def run(text: str) -> Run:
    return sim.run(scenario.loads(text))


def problem(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        scenario.loads(text, "s.yaml")
    return str(caught.value)


# Header fields and the relay agent


def test_the_nine_fields_of_section_3() -> None:
    found = run(
        OFFICE + "mail: [{name: tes, from: riza@pc.itb.ac.id, to: wahid@ai3.itb.ac.id, subject: tes, at: 1s, body: x}]"
    )
    (letter,) = found.mailbox("wahid@ai3.itb.ac.id")
    wanted = {"Received", "Message-ID", "From", "Date", "Reply-To", "X-Phone", "X-Mailer", "To", "Subject"}
    assert wanted <= set(letter.keys())
    assert [letter[name] for name in ("Reply-To", "X-Phone", "X-Mailer")] == [
        "riza@ai3.itb.ac.id",
        "+62 22 250",
        "Pine 4.21",
    ]
    assert letter["Date"] == "Tue, 22 Nov 2011 01:00:01 +0000"
    assert found.dialogues[0].client_program == "mua"
    assert 'riza writes "tes" to wahid@ai3.itb.ac.id and submits it to ai3.itb.ac.id' in " ".join(
        str(found.summary).split()
    )


def test_the_mua_of_a_mail_host_hands_its_letters_to_qmail_inject() -> None:
    found = run(OFFICE + "mail: [{from: wahid@ai3.itb.ac.id, to: riza, header: {X-Phone: '1'}}]")
    (letter,) = found.mailbox("riza@ai3.itb.ac.id")
    assert letter["X-Mailer"] == "mutt"
    assert letter["Message-ID"].endswith(".qmail@ai3.itb.ac.id>")
    assert found.dialogues == []


def test_a_field_that_was_typed_stays() -> None:
    header = "{x-mailer: my own, Date: 'Tue, 1 Nov 2011 00:00:00 +0700'}"
    found = run(OFFICE + f"mail: [{{from: riza@pc.itb.ac.id, to: wahid@ai3.itb.ac.id, header: {header}}}]")
    (letter,) = found.mailbox("wahid@ai3.itb.ac.id")
    assert letter.get_all("x-mailer") == ["my own"]
    assert letter.get_all("date") == ["Tue, 01 Nov 2011 00:00:00 +0700"]


def test_what_is_wrong_with_a_mua_is_said_at_its_place() -> None:
    assert "s.yaml:6:83: hosts.pc.itb.ac.id.mua: unknown key 'phone' (did you mean 'x_phone'" in problem(
        OFFICE.replace("relay:", "phone:")
    )
    assert "s.yaml:6:90: hosts.pc.itb.ac.id.mua.relay: unknown host 'nowhere'" in problem(
        OFFICE.replace("relay: ai3.itb.ac.id", "relay: nowhere")
    )


# Several messages over one connection

SESSION = (
    OFFICE
    + """\
mail:
  - {name: a, session: pagi, at: 1s, from: riza@pc.itb.ac.id, to: wahid@ai3.itb.ac.id, subject: a}
  - {name: b, session: pagi, at: 2s, from: riza@pc.itb.ac.id, to: wahid@elsewhere.example, subject: b}
  - {name: c, session: pagi, at: 3s, from: riza@pc.itb.ac.id, to: [riza@ai3.itb.ac.id], subject: c}
expect:
  - {delivered: wahid@ai3.itb.ac.id, mail: a, copies: 1}
  - {delivered: riza@ai3.itb.ac.id, mail: c, copies: 1}
"""
)


def test_a_session_is_one_connection() -> None:
    found = run(SESSION)
    assert found.verdict.ok
    (dialogue,) = found.dialogues
    said = [line.text for line in dialogue.lines if line.side == "C"]
    assert [text.split(":")[0] for text in said if text[:4] in ("EHLO", "MAIL", "RSET", "QUIT")] == [
        "EHLO pc.itb.ac.id",
        "MAIL FROM",
        "MAIL FROM",
        "MAIL FROM",
        "QUIT",
    ]
    assert dialogue.opened == pytest.approx(3.08)


def test_a_letter_that_was_refused_is_taken_back_and_the_next_one_goes() -> None:
    refused = "  - {refused: wahid@elsewhere.example, mail: b, count: 1}\n"
    found = run(SESSION.replace(""",RELAYCLIENT=""'""", "'") + refused)
    assert [one.text for one in found.verdict.expectations if not one.holds] == []
    said = [line.text for line in found.dialogues[0].lines if line.side == "C"]
    assert said.count("RSET") == 1
    assert "the relay would not take it" in str(found.summary)


def test_a_session_needs_a_connection() -> None:
    letter = OFFICE + "mail:\n- {from: riza@ai3.itb.ac.id, to: wahid, session: x%s}"
    assert "s.yaml:13:50: mail#1.session: a session is an SMTP connection" in problem(letter % "")
    assert "a letter of a session is written once" in problem(letter % ", via: ai3.itb.ac.id, copies: 2")


def test_the_client_table_begins_another_transaction_only_after_a_welcome() -> None:
    client = Client("a", "x", ("y",))
    client.feed(reply_bytes("554 go away"))
    assert not client.another("x", ("z",))
    client = Client("a", "x", ("y",))
    for reply in ("220 hi", "250 hello", "250 ok", "550 nobody"):
        client.feed(reply_bytes(reply))
        client.say()
    assert client.another("x", ("z",))
    assert client.say() == b"RSET\r\n"
    client.feed(reply_bytes("250 flushed"))
    assert client.say() == b"MAIL FROM:<x>\r\n"
    assert not client.accepted()
    assert not client.sent()


# forward, as a program line


def test_forward_sends_the_message_on_with_a_line_against_loops() -> None:
    lab = Lab(users=USERS | {"carol": {".qmail": "|forward alice bob@mail.example.org\n"}})
    lab.start()
    lab.inject(f"dave@{HOST}", [f"carol@{HOST}"], "Subject: x\n\nhi\n")
    lab.run(60)
    (text,) = lab.maildir("~alice/Maildir")
    assert text.splitlines()[:2] == ["Return-Path: <dave@mail.example.org>", "Delivered-To: alice@mail.example.org"]
    assert "Delivered-To: carol@mail.example.org" in text
    assert lab.mbox("~bob/Mailbox").count("\nSubject: x\n") == 1
    assert any(line.startswith("delivery 1: success: forward:_qp_PID/did_0+0+1/") for _, line in lab.log())
    assert [name for name in lab.queue() if name.startswith("mess/")] == []


def test_a_forward_into_a_loop_ends() -> None:
    lab = Lab(users=USERS | {"carol": {".qmail": "|forward carol\n"}})
    lab.start()
    lab.inject("", [f"carol@{HOST}"], "Subject: x\n\nhi\n")
    lab.run(60)
    assert any("This_message_is_looping" in line for _, line in lab.log())


def test_forward_needs_what_qmail_local_tells_it() -> None:
    lab = Lab()
    process, out = lab.program(("forward", "bob"), b"x\n", "alice", {})
    lab.run()
    assert (process.status, out.data) == (100, b"forward: fatal: NEWSENDER not set\n")


def test_a_scenario_follows_a_letter_through_forward() -> None:
    found = run(
        "title: x\nhosts: {a.example: {users: {ani: '|forward budi@a.example', budi: ./Maildir/}}}\n"
        "mail: [{name: m, from: budi@a.example, to: ani}]\n"
        "expect: [{delivered: ani@a.example, mail: m}, {delivered: budi@a.example, mail: m}]"
    )
    assert found.verdict.ok


# The sendmail wrapper


def sent(*argv: str, text: str = "To: bob\n\nhi\n") -> list[dict[str, object]]:
    lab = Lab()
    process, _ = lab.program(("sendmail", *argv), text.encode(), "alice", {"USER": "alice"})
    lab.attach(process, 2)
    lab.run()
    assert process.status == 0
    return lab.queued()


@pytest.mark.parametrize(
    ("argv", "envelope"),
    [
        (("bob",), ["Falice@mail.example.org", "Tbob@mail.example.org"]),
        (("-t",), ["Falice@mail.example.org", "Tbob@mail.example.org"]),
        (("-t", "carol"), ["Falice@mail.example.org", "Tcarol@mail.example.org", "Tbob@mail.example.org"]),
        (("-fx@y.example", "bob"), ["Fx@y.example", "Tbob@mail.example.org"]),
        (("-oi", "-f", "x@y.example", "-em", "-bm", "bob"), ["Fx@y.example", "Tbob@mail.example.org"]),
        (("-i", "--", "bob"), ["Falice@mail.example.org", "Tbob@mail.example.org"]),
    ],
)
def test_sendmail_is_qmail_inject(argv: tuple[str, ...], envelope: list[str]) -> None:
    assert sent(*argv)[0]["envelope"] == ["uN", "pN", *envelope]


def test_sendmail_knows_the_full_name() -> None:
    assert 'From: "Alice A" <alice@mail.example.org>' in str(sent("-F", "Alice A", "bob")[0]["mess"])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("-bd",), ""),
        (("-bi",), ""),
        (("-q", "-bp"), "sendmail: illegal option -- q\n"),
        (("-iq",), "sendmail: illegal option -- q\n"),
        (("-f",), "sendmail: option requires an argument -- f\n"),
        (("-t", "-ob", "-F"), "sendmail: option requires an argument -- F\n"),
    ],
)
def test_sendmail_refuses_what_it_does_not_understand(options: tuple[str, ...], complaint: str) -> None:
    lab = Lab()
    process, _ = lab.program(("sendmail", *options), b"", "root")
    said = lab.attach(process, 2)
    lab.run()
    assert process.status == 100
    assert said.data.decode().startswith(f"{complaint}sendmail: usage: ")


def test_the_first_mode_that_is_no_sending_counts() -> None:
    lab = Lab()
    process, _ = lab.program(("sendmail", "-bm", "-bp", "-q"), b"", "root")
    lab.run()
    assert process.program == "qmail-qread"
    assert sent("-bm", "--whatever", "bob")[0]["envelope"][3:] == ["Tbob@mail.example.org"]


def test_sendmail_shows_the_queue_and_speaks_smtp() -> None:
    lab = Lab()
    process, out = lab.program(
        ("sendmail", "-bs"), b"MAIL FROM:<a>\r\nRCPT TO:<b@far.example>\r\nQUIT\r\n", "alice", {}
    )
    lab.run()
    assert process.program == "qmail-smtpd"
    assert out.data.count(b"250 ") == 2
    process, _ = lab.program(("sendmail", "-bp"), b"", "root")
    lab.run()
    assert process.program == "qmail-qread"


# Senders that name the recipient


def test_a_sender_for_each_recipient() -> None:
    lab = Lab()
    lab.start()
    env = {"USER": "alice", "QMAILINJECT": "r"}
    lab.program(("qmail-inject", "bob"), b"Subject: x\n\nhi\n", "alice", env)
    lab.run(10)
    assert "Return-Path: <alice-bob=mail.example.org@mail.example.org>" in lab.mbox("~bob/Mailbox")


def test_a_sender_for_each_message() -> None:
    lab = Lab()
    lab.program(("qmail-inject", "bob"), b"\nhi\n", "alice", {"USER": "alice", "QMAILINJECT": "m"})
    lab.run()
    sender = lab.queued()[0]["envelope"][2]
    assert sender.startswith("Falice-1795365667.")
    assert sender.endswith("@mail.example.org")
