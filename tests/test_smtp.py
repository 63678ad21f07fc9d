"""The SMTP tables against what qmail 1.03 was seen to say, and against bytes nobody would say."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.smtp import client as client_table
from sim.smtp import server as server_table
from sim.smtp.client import BODY, DATA, END, GREETING, HELO, MAIL, QUIT, RCPT, Client, kind_of
from sim.smtp.commands import (
    ReplyReader,
    Unstuffer,
    address_argument,
    hops,
    reply_bytes,
    split_command,
    stuff,
)
from sim.smtp.server import CLOSED, IDLE, LINE_LIMIT, TABLE, Received, Session

REFERENCE = Path(__file__).parent / "reference" / "qmail"
SMTPD = {case["case"]: case for case in json.loads((REFERENCE / "C_smtpd.json").read_text())["cases"]}
REMOTE = {case["case"]: case for case in json.loads((REFERENCE / "C_remote.json").read_text())["cases"]}

QMAIL = {
    "greeting": "220 mail.example.org ESMTP",
    "helo": "250 mail.example.org",
    "ehlo": "250-mail.example.org\n250-PIPELINING\n250 8BITMIME",
    "mail": "250 ok",
    "rcpt": "250 ok",
    "data": "354 go ahead",
    "dot": "250 ok UNIXTIME qp PID",
    "rset": "250 flushed",
    "noop": "250 ok",
    "vrfy": "252 send some mail, i'll try my best",
    "help": "214 qmail home page: http://pobox.com/~djb/qmail.html",
    "unknown": "502 unimplemented (#5.5.1)",
    "mail first": "503 MAIL first (#5.5.1)",
    "rcpt first": "503 RCPT first (#5.5.1)",
    "stray": "451 See http://pobox.com/~djb/docs/smtplf.html.",
    "quit": "221 mail.example.org",
    "syntax": "555 syntax error (#5.5.4)",
}

# Replies that the mail system decides, not the table: the observed one is taken as given, the rest is checked.
RCPTHOSTS = "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"
POLICY = {
    "relay-denied": ("control/rcpthosts", RCPTHOSTS),
    "rcpt-subdomain-exact-entry": ("control/rcpthosts", RCPTHOSTS),
    "rcpt-wildcard-entry": ("control/rcpthosts", RCPTHOSTS),
    "morercpthosts": ("control/morercpthosts", RCPTHOSTS),
    "badmailfrom-address": (
        "control/badmailfrom",
        "553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)",
    ),
    "databytes-exceeded": (
        "control/databytes",
        "552 sorry, that message size exceeds my databytes limit (#5.3.4)",
    ),
    "too-many-hops-100": (
        "the loop limit",
        "554 too many hops, this message is looping (#5.4.6)",
    ),
    "queue-write-refused": (
        "qmail-queue's exit status",
        "451 qq trouble creating files in queue (#4.3.0)",
    ),
}
NOT_THE_TABLE_S_SERVER = {
    "no-control-me": "the program gives up before it greets",
    "timeout": "time passes; the table knows no clock",
}
NOT_THE_TABLE_S_CLIENT = {
    "connection-refused": "nobody answers, so no dialogue begins",
    "invoked-improperly": "the program gives up over its arguments",
    "partial-last-line": "the program, not the table, looks at the message before the final dot",
}


def _replies(entries: Iterable[dict[str, str]]) -> list[str]:
    """The server's replies one by one, lines separated by a line feed."""
    said = "".join(entry["text"] for entry in entries if entry["dir"] == "S").encode("latin-1")
    reader, replies = ReplyReader(), []
    while (reply := reader.feed(said)) is not None:
        replies.append(reply.text())
        said = b""
    assert reader.rest == b""
    return replies


class QmailSmtpd:
    """The least server that says qmail's texts: every decision but the table's is handed in."""

    def __init__(self, observed: list[str], policy: str) -> None:
        self.session = Session()
        self.observed = observed
        self.policy = policy
        self.said = [QMAIL["greeting"]]
        self.envelope: list[str] = []
        self.text = b""
        self.queued: list[tuple[list[str], bytes]] = []

    def hear(self, data: bytes) -> None:
        self.session.feed(data)
        while received := self.session.receive():
            self.text += received.text
            if received.reply:
                self.answer(received)

    def answer(self, received: Received) -> None:
        text = QMAIL[received.reply]
        address = address_argument(received.argument) if received.reply in ("mail", "rcpt") else ""
        if address is None:
            text = QMAIL["syntax"]
        if self.policy and self.observed[len(self.said)] == self.policy:
            text = self.policy
        self.said.append(text)
        if text >= "4":
            return
        self.session.accept(received)
        if received.reply == "mail":
            self.envelope = [f"F{address}"]
        elif received.reply == "rcpt":
            self.envelope.append(f"T{address}")
        elif received.reply == "data":
            self.text = b""
        elif received.reply == "dot":
            self.queued.append((self.envelope, self.text))


@pytest.mark.parametrize("size", [1, 100_000], ids=["byte by byte", "as sent"])
@pytest.mark.parametrize("name", sorted(SMTPD.keys() - NOT_THE_TABLE_S_SERVER.keys()))
def test_the_server_table_says_and_queues_what_qmail_smtpd_did(name: str, size: int) -> None:
    case = SMTPD[name]
    observed = _replies(case["transcript"])
    server = QmailSmtpd(observed, POLICY.get(name, ("", ""))[1])
    for entry in case["transcript"]:
        data = entry["text"].encode("latin-1") if entry["dir"] == "C" else b""
        for start in range(0, len(data), size):
            server.hear(data[start : start + size])
    assert server.said == observed
    assert [["uN", "pN", *envelope] for envelope, _ in server.queued] == [
        message["envelope"] for message in case["queued_messages"]
    ]
    for (_, text), message in zip(server.queued, case["queued_messages"], strict=True):
        header = message["mess"].encode("latin-1").removesuffix(text)
        assert header.endswith(b"by mail.example.org with SMTP; DATE\n")


@pytest.mark.parametrize("name", sorted(POLICY))
def test_each_policy_case_does_contain_the_reply_that_is_excused(name: str) -> None:
    assert POLICY[name][1] in _replies(SMTPD[name]["transcript"])


def _report(client: Client) -> tuple[list[str], str]:
    """What qmail-remote reports: a letter for each recipient, then one for the message with the host's words."""
    letters = {"good": "r", "temporary": "s", "permanent": "h"}
    recipients = [letters[one.kind] for one in client.outcomes if one.stage == RCPT]
    if recipients and not client.accepted():
        return recipients, "D"
    last = [one for one in client.outcomes if one.stage not in (RCPT, QUIT)][-1]
    return recipients, {"good": "K", "temporary": "Z", "permanent": "D"}[last.kind] + last.reply.text()


@pytest.mark.parametrize("name", sorted(REMOTE.keys() - NOT_THE_TABLE_S_CLIENT.keys()))
def test_the_client_table_walks_where_qmail_remote_went(name: str) -> None:
    case = REMOTE[name]
    said = [entry["text"] for entry in case["smtp"] if entry["dir"] == "C"]
    helo = said[0].removeprefix("HELO ").strip() if said and said[0].startswith("HELO ") else "unheard"
    client = Client(helo, case["sender"], tuple(case["recipients"]))
    message = case["message"].encode("latin-1")
    for entry in case["smtp"]:
        if entry["dir"] == "S":
            assert client.feed(entry["text"].encode("latin-1"))
        elif entry["dir"] == "C":
            text = stuff(message) if client.stage == BODY else b""
            assert text + client.say() == entry["text"].encode("latin-1")
    script = case["server_script"]
    broken = [stage for stage, reply in script.items() if reply in ("DROP", "SILENT")]
    stages = {"greet": GREETING, "helo": HELO, "mail": MAIL, "dot": BODY, "quit": QUIT}
    assert client.stage == (stages[broken[0]] if broken else END)
    if not broken or broken == ["quit"]:
        recipients, message_report = _report(client)
        assert [report[0] for report in case["recipient_reports"]] == recipients
        assert case["message_report"][0].startswith(message_report[0])
        assert message_report[1:] in case["message_report"][0]


def test_every_case_left_out_exists_and_has_a_reason() -> None:
    assert NOT_THE_TABLE_S_SERVER.keys() | POLICY.keys() <= SMTPD.keys()
    assert NOT_THE_TABLE_S_CLIENT.keys() <= REMOTE.keys()


# The two tables together


def test_a_whole_dialogue_of_the_two_tables(pair: Any) -> None:
    client = Client("ai3.itb.ac.id", "riza@ai3.itb.ac.id", ("wahid@a.example", "bob@a.example"), extended=True)
    replies = QMAIL | {"rcpt TO:<bob@a.example>": "550 no such user"}
    assert pair.talk(client, replies, b"Subject: tes\n\n.\n") == [
        "S: 220 mail.example.org ESMTP",
        "C: EHLO ai3.itb.ac.id",
        "S: 250-mail.example.org",
        "S: 250-PIPELINING",
        "S: 250 8BITMIME",
        "C: MAIL FROM:<riza@ai3.itb.ac.id>",
        "S: 250 ok",
        "C: RCPT TO:<wahid@a.example>",
        "S: 250 ok",
        "C: RCPT TO:<bob@a.example>",
        "S: 550 no such user",
        "C: DATA",
        "S: 354 go ahead",
        "C: Subject: tes",
        "C: ",
        "C: ..",
        "C: .",
        "S: 250 ok UNIXTIME qp PID",
        "C: QUIT",
        "S: 221 mail.example.org",
    ]
    assert pair.text == b"Subject: tes\n\n.\n"


def test_a_server_that_does_not_know_ehlo_is_greeted_with_helo(pair: Any) -> None:
    lines = pair.talk(Client("a", "", ("b",), extended=True), QMAIL | {"ehlo": QMAIL["unknown"]}, b"x\n")
    assert lines[1:5] == ["C: EHLO a", "S: 502 unimplemented (#5.5.1)", "C: HELO a", "S: 250 mail.example.org"]
    assert pair.text == b"x\n"


def test_with_no_recipient_left_the_client_sends_no_data(pair: Any) -> None:
    lines = pair.talk(Client("a", "", ("b", "c")), QMAIL | {"rcpt": "450 busy"}, b"x\n")
    assert lines[-4:] == ["C: RCPT TO:<c>", "S: 450 busy", "C: QUIT", "S: 221 mail.example.org"]


# Rules of the words and of the tables


@pytest.mark.parametrize(
    ("argument", "address"),
    [
        ("FROM:<x@y>", "x@y"),
        ("FROM: <x@y>", "x@y"),
        ("FROM:x@y SIZE=1", "x@y"),
        ("FROM:<x@y> SIZE=1000 BODY=8BITMIME", "x@y"),
        ("FROM:<@a,@b:x@y>", "x@y"),
        ("FROM:@a:x@y", "x@y"),
        ('FROM:<"x y"@z>', "x y@z"),
        ('FROM:<"x>y"@z>', "x>y@z"),
        (r"FROM:<x\>y@z>", "x>y@z"),
        (r'FROM:<"x\"y"@z>', 'x"y@z'),
        ("FROM:<x@y", "x@y"),
        ("FROM:<>", ""),
        ("FROM:", ""),
        ("", ""),
        ("x@y", ""),
        ("<" + "a" * 899 + ">", "a" * 899),
        ("<" + "a" * 900 + ">", None),
    ],
)
def test_an_address_is_taken_out_of_its_argument_as_qmail_does(argument: str, address: str | None) -> None:
    assert address_argument(argument) == address


def test_a_command_line_is_a_verb_in_any_case_and_an_argument_without_blanks_before_it() -> None:
    assert split_command(b"rCpT   TO:<x>  ") == ("RCPT", "TO:<x>  ")
    assert split_command(b"") == ("", "")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"250\n", "good"),
        (b"199 x\n", "good"),
        (b"499\n", "temporary"),
        (b"hello\n", "permanent"),
        (b"\r\n", "permanent"),
        (b"-ERR\r\n", "permanent"),
        ("²³¹ x\n".encode("latin-1"), "permanent"),
    ],
)
def test_a_code_is_what_three_bytes_come_to_digits_or_not(line: bytes, kind: str) -> None:
    """qmail-remote looks for no digits, so garbage is nearly always far above 500."""
    reader = ReplyReader()
    reply = reader.feed(line)
    assert reply is not None
    assert (kind_of(BODY, reply.code), reader.rest) == (kind, b"")


def test_a_reply_is_whole_only_with_its_last_line() -> None:
    reader = ReplyReader()
    assert reader.feed(b"250-a\r\n250") is None
    assert reader.feed(b" b\r\n") == (250, ("250-a", "250 b"))


def test_the_code_of_a_reply_is_its_first_lines_as_qmail_remote_reads_it() -> None:
    assert ReplyReader().feed(b"250-fine\r\n550 not so\r\n") == (250, ("250-fine", "550 not so"))


def test_of_an_endless_reply_the_beginning_is_kept() -> None:
    """Neither a reply without an end nor a line without one takes memory for ever."""
    reader = ReplyReader()
    for _ in range(1000):
        assert reader.feed(b"250-" + b"x" * 1000 + b"\r\n") is None
        assert reader.feed(b"") is None
    assert reader.feed(b"250 " + b"y" * 100_000) is None
    assert len(reader.rest) <= ReplyReader.KEPT
    reply = reader.feed(b"\n")
    assert reply is not None
    assert (reply.code, len(reply.text())) == (250, ReplyReader.KEPT)


@pytest.mark.parametrize("stage", [GREETING, HELO])
def test_a_greeting_and_a_helo_must_be_answered_with_their_one_code(stage: str) -> None:
    assert [kind_of(stage, code) for code in (220, 250, 251, 550)].count("good") == 1
    assert kind_of(stage, 550) == "temporary"


def test_received_and_delivered_to_fields_are_hops() -> None:
    assert hops(b"Received: a\nDELIVERED-TO: b\nSubject: Received") == 2


def test_a_refused_command_leaves_the_session_where_it_was() -> None:
    session = Session()
    session.feed(b"MAIL FROM:<x>\r\nRCPT TO:<y>\r\nDATA\r\n")
    session.accept(session.receive())
    assert session.receive().reply == "rcpt"  # refused: not accepted
    assert session.receive().reply == "rcpt first"


def test_nothing_is_heard_after_quit() -> None:
    session = Session()
    session.feed(b"QUIT\r\nNOOP\r\n")
    session.accept(session.receive())
    assert session.state == CLOSED
    assert session.receive() is None


def test_accepting_a_piece_of_text_changes_nothing() -> None:
    session = Session()
    session.feed(b"MAIL\r\nRCPT\r\nDATA\r\none\r\ntw")
    for _ in range(4):
        session.accept(session.receive())
    session.feed(b"o\r\n.\r\n")
    assert session.receive().text == b"two\n"


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (b".x\r\n", b"x\n"),
        (b"..\r\n", b".\n"),
        (b".\rfoo\r\n", b".\rfoo\n"),
        (b"a\r\n.\r\r\n..\rb\r\n", b"a\n.\r\n.\rb\n"),
        (b".\r" + b"x" * 70_000 + b"\r\n", b".\r" + b"x" * 70_000 + b"\n"),
    ],
)
def test_a_leading_dot_stays_where_only_a_carriage_return_makes_it_look_final(sent: bytes, text: bytes) -> None:
    for size in (1, 3, 1000, 100_000):
        body, came = Unstuffer(), b""
        data = sent + b".\r\n"
        for start in range(0, len(data), size):
            came += body.feed(data[start : start + size])
        assert (came, body.ended, body.stray) == (text, True, False)


def test_a_line_feed_without_its_carriage_return_ends_a_message_and_the_session() -> None:
    session = Session()
    session.feed(b"MAIL\r\nRCPT\r\nDATA\r\none\ntwo\r\n.\r\n")
    heard = []
    while received := session.receive():
        session.accept(received)
        heard.append(received.verb)
    assert heard == ["MAIL", "RCPT", "DATA", "body", "stray"]
    assert session.state == CLOSED


def test_the_first_part_of_an_endless_command_line_is_what_counts() -> None:
    """However it arrives; a tail that looks like a command is not one."""
    for pieces in ([b"NOOP " + b"x" * LINE_LIMIT + b" QUIT\r\n"], [b"NOOP ", b"x" * LINE_LIMIT, b" QUIT\r\n"]):
        received = _heard(pieces)
        assert [one.verb for one in received] == ["NOOP"]
        assert len(received[0].argument) == LINE_LIMIT - len("NOOP ")


# Arbitrary bytes in arbitrary pieces

LINES = [
    b"HELO a\r\n",
    b"MAIL FROM:<x>\r\n",
    b"RCPT TO:<y>\n",
    b"DATA\r\n",
    b".\r\n",
    b"..\r\n",
    b"x" * 70,
    b"QUIT\r\n",
]
TALK = st.lists(
    st.one_of(
        st.just(b"MAIL\r\nRCPT\r\nDATA\r\n"),
        st.sampled_from(LINES),
        st.binary(max_size=100),
        st.text("\r\n.x", max_size=12).map(str.encode),
    ),
    max_size=15,
).map(lambda lines: b"".join(lines) + b"\r\n")  # how much of an unfinished line is out yet is not promised
SERVER = st.lists(
    st.one_of(
        st.sampled_from([b"220 a\r\n", b"250 ok\n", b"250-a\r\n250 b\r\n", b"354 go\r\n", b"550 no\r\n", b"451 x\r\n"]),
        st.binary(max_size=20),
        st.text("0123456789-\r\n²", max_size=12).map(lambda text: text.encode("latin-1")),
    ),
    max_size=15,
).map(b"".join)
CUTS = st.lists(st.integers(0, 400), max_size=20)
TEXT = st.lists(st.one_of(st.binary(max_size=90), st.text(".\rx", max_size=4).map(str.encode))).map(
    lambda lines: b"".join(line.replace(b"\n", b"") + b"\n" for line in lines)
)


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    return [data[start:stop] for start, stop in pairwise(at)]


def _heard(pieces: list[bytes]) -> list[Received]:
    """Everything received; checks state and memory on the way.

    The pieces of a message's text are joined; a text that ends in a stray line feed is lost, however much of it.
    """
    session = Session()
    heard: list[Received] = []
    for piece in pieces:
        session.feed(piece)
        while received := session.receive():
            session.accept(received)
            assert session.state in {*TABLE["QUIT"], server_table.DATA, CLOSED}
            if received.verb == "body" and heard and heard[-1].verb == "body":
                heard[-1] = heard[-1]._replace(text=heard[-1].text + received.text)
                continue
            if received.verb == "stray" and heard[-1].verb == "body":
                heard.pop()
            heard.append(received)
        assert len(session._buffer) <= server_table.LINE_LIMIT
        assert session.state == CLOSED or len(session._body.rest) <= Unstuffer.FLUSH_AT
    return [one for one in heard if one.verb != "body" or one.text]


def _same_in_pieces(data: bytes, cuts: list[int]) -> None:
    with patch.object(server_table, "LINE_LIMIT", 64), patch.object(Unstuffer, "FLUSH_AT", 64):
        assert _heard(_cut(data, cuts)) == _heard([data])


def _walked(pieces: list[bytes]) -> list[tuple[str, str, int]]:
    client = Client("a", "x", ("y", "z"), extended=True)
    for piece in pieces:
        outcome = client.feed(piece)
        while outcome:
            client.say()
            outcome = client.feed(b"")
        assert client.stage in {*client_table.TABLE, END}
    return [(one.stage, one.kind, one.reply.code) for one in client.outcomes]


def _same_client_in_pieces(data: bytes, cuts: list[int]) -> None:
    assert _walked(_cut(data, cuts)) == _walked([data])


def _there_and_back(text: bytes, cuts: list[int]) -> None:
    unstuffer = Unstuffer()
    with patch.object(Unstuffer, "FLUSH_AT", 64):
        back = b"".join(unstuffer.feed(piece) for piece in _cut(stuff(text) + b".\r\n", cuts))
    assert back == text
    assert unstuffer.ended
    assert not unstuffer.stray
    assert unstuffer.rest == b""


@settings(max_examples=200)
@given(TALK, CUTS)
def test_a_server_hears_the_same_from_any_pieces(data: bytes, cuts: list[int]) -> None:
    """Nor does anything make it raise, leave the table or hoard more than its limits."""
    _same_in_pieces(data, cuts)


@settings(max_examples=200)
@given(SERVER, CUTS)
def test_a_client_walks_the_same_way_from_any_pieces(data: bytes, cuts: list[int]) -> None:
    _same_client_in_pieces(data, cuts)


@settings(max_examples=200)
@given(TEXT, CUTS)
def test_a_text_survives_the_doubling_of_its_dots(text: bytes, cuts: list[int]) -> None:
    """For every text whose lines are all whole, bare carriage returns included."""
    _there_and_back(text, cuts)


@pytest.mark.nightly
@settings(max_examples=10_000)
@given(TALK, CUTS)
def test_a_server_hears_the_same_from_any_pieces_ten_thousand_times(data: bytes, cuts: list[int]) -> None:
    _same_in_pieces(data, cuts)


@pytest.mark.nightly
@settings(max_examples=10_000)
@given(SERVER, CUTS)
def test_a_client_walks_the_same_way_from_any_pieces_ten_thousand_times(data: bytes, cuts: list[int]) -> None:
    _same_client_in_pieces(data, cuts)


@pytest.mark.nightly
@settings(max_examples=10_000)
@given(TEXT, CUTS)
def test_a_text_survives_the_doubling_of_its_dots_ten_thousand_times(text: bytes, cuts: list[int]) -> None:
    _there_and_back(text, cuts)


def test_a_reply_goes_out_and_comes_back() -> None:
    reader = ReplyReader()
    assert reader.feed(reply_bytes("250-a\n250 b") + b"x") == (250, ("250-a", "250 b"))
    assert reader.rest == b"x"


def test_a_session_begins_idle_and_a_client_with_the_greeting() -> None:
    client = Client("a", "x", ("y",))
    assert (Session().state, client.stage, client.say()) == (IDLE, GREETING, b"")
    assert {MAIL, RCPT, DATA} < client_table.TABLE.keys()
