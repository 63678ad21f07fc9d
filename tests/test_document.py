"""The course text's own examples beside what mailsim prints, and one list of every difference between them.

Where the text and real qmail differ, mailsim prints what real qmail prints, and this list says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from sim.dns import Zone, host_lines
from sim.folds.dialogues import Dialogue, dialogues, knocks
from sim.folds.log import attempts, log_lines
from sim.folds.processes import lives
from sim.folds.queue import messages
from sim.run import Run, run
from sim.scenario import load, loads
from sim.trace import Trace
from sim.world.simulate import simulate

SCENARIOS = Path(__file__).parent.parent / "scenarios"


@cache
def trace(name: str) -> Trace:
    return simulate(load(next(SCENARIOS.glob(f"{name}-*.yaml")))).trace


def log(name: str) -> str:
    """A scenario's log, numbered as the text's: message 53, then 54; times and daemons' greetings left out."""
    text = "".join(f"qmail: {line.text}\n" for line in log_lines(trace(name)) if line.t > 0)
    numbers = dict.fromkeys(re.findall(r"new msg (\d+)", text))
    for wanted, number in enumerate(numbers, 53):
        text = re.sub(rf"msg {number}\b", f"msg {wanted}", text)
    return text


def logged(name: str) -> str:
    """The log as syslogd writes it, message numbers as they are."""
    return str(run(load(next(SCENARIOS.glob(f"{name}-*.yaml")))).log())


def greeting(name: str) -> str:
    """What the log says when qmail starts."""
    return "".join(f"qmail: {line.text}\n" for line in log_lines(trace(name)) if line.t == 0)


def without_rcpt(_: str) -> str:
    """The first telnet of section 9, as the text has it: a sender, and then the message."""
    typed = "helo udin\nmail <udin@salman.itb.ac.id>\ndata\nquit\n"
    session = {"on": "a.example", "to": "a.example", "lines": typed}
    text = json.dumps({"title": "t", "hosts": {"a.example": {}}, "telnet": [session]})
    lines = [line.text for one in run(loads(text)).dialogues for line in one.lines]
    return "\n".join(lines)


def dialogue(name: str) -> str:
    return "".join(
        f"{'>>> ' if line.side == 'C' else ''}{line.text}\n" for one in dialogues(trace(name)) for line in one.lines
    )


def calls(name: str) -> str:
    return "\n".join(f"{row[1][1]} {row[2][0]} {row[3]}" for row in trace(name).rows)


def daemons(name: str) -> str:
    return "\n".join(f"{life.program} {life.user}" for life in lives(trace(name), at=0.5))


def sweep(name: str) -> str:
    ended = [one.ended - one.born for one in messages(trace(name)) if one.ended and one.promised is None]
    return "\n".join(f"{seconds:.0f} s" for seconds in ended)


SECTION_4 = """\
Students.itb.ac.id.        IN  A  167.205.22.114
                           IN MX 100 mx1.itb.ac.id.
                           IN MX 50 mx2.itb.ac.id.
                           IN MX 10 students.itb.ac.id.
"""
SECTION_4_PRINTS = """\
students.itb.ac.id has address 167.205.22.114
students.itb.ac.id mail is handled (pri=10) by students.itb.ac.id
students.itb.ac.id mail is handled (pri=50) by mx2.itb.ac.id
students.itb.ac.id mail is handled (pri=100) by mx1.itb.ac.id
"""


def test_section_4_host_prints_what_the_text_prints() -> None:
    assert "\n".join(host_lines(Zone.parse(SECTION_4), "students.itb.ac.id")) + "\n" == SECTION_4_PRINTS


def test_section_2_five_commands_in_their_order() -> None:
    said = re.findall(r"^>>> (HELO|MAIL|RCPT|DATA|QUIT)\b", dialogue("01"), re.MULTILINE)
    assert said == ["HELO", "MAIL", "RCPT", "DATA", "QUIT"]
    codes = re.findall(r"^(\d{3}) ", dialogue("01"), re.MULTILINE)
    assert codes == ["220", "250", "250", "250", "354", "250", "221"]


def test_section_3_the_envelope_is_two_smtp_commands() -> None:
    assert ">>> MAIL FROM:<riza@students.ee.itb.ac.id>\n" in dialogue("01")
    assert ">>> RCPT TO:<riza@ai3.itb.ac.id>\n" in dialogue("01")


# Sections 2, 3 and 5: a person's program, its relay agent, and the world

OFFICE = """
title: an office with a relay agent
until: 5m
dns: |
  $ORIGIN itb.ac.id.
  students.ee IN A 167.205.22.9
  students    IN A 167.205.22.114
              IN MX 100 mx1
              IN MX 50 mx2
              IN MX 10 students
  mx1         IN A 167.205.22.21
  mx2         IN A 167.205.22.22
  ai3         IN A 167.205.22.1
hosts:
  students.ee.itb.ac.id:
    mta: none
    mua: {reply_to: riza@ai3.itb.ac.id, x_phone: 022 2500935, x_mailer: Pine 4.21, relay: ai3.itb.ac.id}
    users: {riza: ""}
  ai3.itb.ac.id:
    tcprules: |
      167.205.22.:allow,RELAYCLIENT=""
      :allow
    users: {riza: ./Maildir/}
  students.itb.ac.id: {users: {wahid: ./Maildir/}}
  mx2.itb.ac.id: {control: {rcpthosts: [students.itb.ac.id]}, users: {postmaster: ""}}
  mx1.itb.ac.id: {control: {rcpthosts: [students.itb.ac.id]}, users: {postmaster: ""}}
  jauh.example: {mta: none, address: 198.51.100.66, users: {joe: ""}}
mail:
  - {name: tes, session: pagi, at: 1s, from: riza@students.ee.itb.ac.id, to: [riza@ai3.itb.ac.id], subject: a, body: x}
  - {name: dua, session: pagi, at: 1s, from: riza@students.ee.itb.ac.id, to: [wahid@students.itb.ac.id], subject: b}
  - {name: spam, at: 9s, from: joe@jauh.example, via: ai3.itb.ac.id, to: [wahid@students.itb.ac.id], subject: buy}
"""
HOST_IS_DOWN = "  - {down: %s.itb.ac.id, how: refused, from: 0s}\n"


@cache
def office(*down: str) -> Run:
    faults = "faults:\n" + "".join(HOST_IS_DOWN % host for host in down) if down else ""
    return run(loads(OFFICE + faults))


def said(one: Dialogue, side: str) -> list[str]:
    return [line.text for line in one.lines if line.side == side]


def test_section_1_mua_and_mta_have_their_own_tasks() -> None:
    """The MUA writes the letter and knows its MTA; the MTA has the queue."""
    programs = {(row.host, row.program) for row in office().trace if row.call[0] == "link" and row.target}
    assert programs >= {("ai3.itb.ac.id", "qmail-queue")}
    assert {host for host, _ in programs} & {"students.ee.itb.ac.id"} == set()


def test_section_2_the_client_says_ehlo_and_an_old_server_hears_helo() -> None:
    assert said(office().dialogues[0], "C")[0] == "EHLO students.ee.itb.ac.id"
    old = OFFICE.replace(
        "  jauh.example:", "  lama.example: {mta: scripted, replies: {EHLO: 502 unknown}}\n  jauh.example:"
    )
    found = run(loads(old.replace("via: ai3.itb.ac.id", "via: lama.example")))
    commands = said(next(one for one in found.dialogues if one.server == "lama.example"), "C")
    assert commands[:2] == ["EHLO jauh.example", "HELO jauh.example"]


def test_section_2_more_than_one_message_over_a_connection() -> None:
    commands = said(office().dialogues[0], "C")
    assert [one for one in commands if one[:4] in ("MAIL", "RCPT", "QUIT")] == [
        "MAIL FROM:<riza@students.ee.itb.ac.id>",
        "RCPT TO:<riza@ai3.itb.ac.id>",
        "MAIL FROM:<riza@students.ee.itb.ac.id>",
        "RCPT TO:<wahid@students.itb.ac.id>",
        "QUIT",
    ]


def test_section_2_a_server_that_knows_no_such_user_says_550() -> None:
    peer = "  kampus.example: {mta: scripted, replies: {RCPT: 550 No such user here}}\n  jauh.example:"
    text = OFFICE.replace("  jauh.example:", peer).replace("via: ai3.itb.ac.id", "via: kampus.example")
    heard = said(next(one for one in run(loads(text)).dialogues if one.server == "kampus.example"), "S")
    assert "550 No such user here" in heard


def test_section_3_the_nine_fields_of_a_header() -> None:
    (letter,) = office().mailbox("riza@ai3.itb.ac.id")
    named = {name.lower() for name in letter.keys()}  # noqa: SIM118 - a header is no mapping
    fields = "Received, Message-Id, From, Date, Reply-To, X-Phone, X-mailer, To, Subject"
    assert {name.lower() for name in fields.split(", ")} <= named
    assert letter.get_payload() == "x\n"


def test_section_4_the_exchangers_are_tried_by_their_preference() -> None:
    for down, expected in (((), "students"), (("students",), "mx2"), (("students", "mx2"), "mx1")):
        calls = knocks(office(*down).trace)
        tried = [one.address for one in calls if one.host == "ai3.itb.ac.id"]
        addresses = {"students": "167.205.22.114", "mx2": "167.205.22.22", "mx1": "167.205.22.21"}
        assert tried[: len(down) + 1] == [addresses[name] for name in (*down, expected)]


def test_section_5_the_relay_agent_takes_over_from_the_user_agent() -> None:
    """Once the relay has said 250 the letter is its responsibility: the MUA is gone while it still tries."""
    found = office("students", "mx2", "mx1")
    (message,) = [one for one in found.messages if one.host == "ai3.itb.ac.id" and one.ended is None]
    assert message.promised is not None
    mua = [life for life in lives(found.trace) if life.program == "mua" and life.host == "students.ee.itb.ac.id"]
    assert [life.end for life in mua] != [None]
    assert [one.result for one in attempts(found.trace) if one.recipient == "wahid@students.itb.ac.id"] == ["deferral"]


def test_section_5_only_known_hosts_may_relay() -> None:
    heard = said(next(one for one in office().dialogues if one.client == "jauh.example"), "S")
    assert "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)" in heard
    opened = OFFICE.replace(
        "    tcprules: |\n      167.205.22.:allow", "    without: [rcpthosts]\n    tcprules: |\n      167.205.22.:allow"
    )
    spam = [one for one in run(loads(opened)).mailbox("wahid@students.itb.ac.id") if one["Subject"] == "buy"]
    assert len(spam) == 1


def test_section_6_four_daemons_are_idle_and_one_logs() -> None:
    assert set(daemons("02").split("\n")) >= {
        "qmail-send qmails",
        "qmail-lspawn root",
        "qmail-rspawn qmailr",
        "qmail-clean qmailq",
        "splogger qmaill",
    }


def test_section_9_the_first_log() -> None:
    assert re.fullmatch(
        r"qmail: new msg 53\n"
        r"qmail: info msg 53: bytes \d+ from <wahid@salman\.itb\.ac\.id> qp \d+ uid \d+\n"
        r"qmail: starting delivery 1: msg 53 to local aku@salman\.itb\.ac\.id\n"
        r"qmail: status: local 1/10 remote 0/20\n"
        r"qmail: delivery 1: success: did_1\+0\+0/\n"
        r"qmail: status: local 0/10 remote 0/20\n"
        r"qmail: end msg 53\n",
        log("02"),
    )


def test_section_9_the_second_log() -> None:
    assert re.fullmatch(
        r"qmail: new msg 53\n"
        r"qmail: info msg 53: bytes \d+ from <wahid@salman\.itb\.ac\.id> qp \d+ uid \d+\n"
        r"qmail: starting delivery 1: msg 53 to local nama_user@salman\.itb\.ac\.id\n"
        r"qmail: status: local 1/10 remote 0/20\n"
        r"qmail: delivery 1: failure: Sorry,_no_mailbox_here_by_that_name\._\(#5\.1\.1\)/\n"
        r"qmail: status: local 0/10 remote 0/20\n"
        r"qmail: bounce msg 53 qp \d+\n"
        r"qmail: end msg 53\n"
        r"qmail: new msg 54\n"
        r"qmail: info msg 54: bytes \d+ from <> qp \d+ uid 7796\n"
        r"qmail: starting delivery 2: msg 54 to local wahid@salman\.itb\.ac\.id\n"
        r"qmail: status: local 1/10 remote 0/20\n"
        r"qmail: delivery 2: success: did_1\+0\+0/\n"
        r"qmail: status: local 0/10 remote 0/20\n"
        r"qmail: end msg 54\n",
        log("03"),
    )


SECTION_9_TELNET = """\
220 domain ESMTP
helo udin
250 domain
mail <udin@nama-host.domain.anda>
250 ok
rcpt <udin@nama-host.domain.anda>
250 ok
data
354 go ahead
Subject: test
Ini cuma test.
.
250 ok 812345679 qp 12345
quit
221 domain
Connection closed by foreign host.
"""


def test_section_9_telnet_to_port_25() -> None:
    """The text writes ``domain`` for the host's name, and leaves out the empty line before the body."""
    found = run(load(next(SCENARIOS.glob("11-*.yaml"))))
    shown = next(text for text in str(found.steps).split("\n[") if "helo udin" in text and "quit" in text)
    printed = shown[shown.index("220 ") :].replace("salman.itb.ac.id", "domain")
    printed = printed.replace("udin@domain", "udin@nama-host.domain.anda").replace("test\n\nIni", "test\nIni")
    assert re.sub(r"ok \d+ qp \d+", "ok 812345679 qp 12345", printed).strip() == SECTION_9_TELNET.strip()


class Difference(NamedTuple):
    """One difference: where the text says what (a pattern), what mailsim prints instead, and why."""

    section: str
    text_says: str
    mailsim_prints: str
    where: Callable[[str], str]
    scenario: str
    why: str


DIFFERENCES = (
    Difference("2", "354 start mail input", "354 go ahead", dialogue, "01", "the words behind a code are the server's"),
    Difference("2", ">>> EHLO", ">>> HELO", dialogue, "01", "qmail-remote 1.03 never says EHLO"),
    Difference(
        "2", "550 No such user here", "250 ok", dialogue, "01", "qmail-smtpd does not know users; a bounce comes later"
    ),
    Difference("6", "rename", "qmail-queue link mess/", calls, "02", "the program links, then unlinks"),
    Difference("6", r"qmail-send qmaill", "qmail-send qmails", daemons, "02", "section 9 of the text has it right"),
    Difference("6", "129600 s", r"152\d\d\d s", sweep, "06", "it takes the third sweep after the boot"),
    Difference(
        "6", "qmail-send execve qmail-inject", "qmail-send execve qmail-queue", calls, "03", "a bounce needs no inject"
    ),
    Difference("6", "qmail-send unlink todo/", "qmail-clean unlink todo/", calls, "02", "qmail-send may not, and asks"),
    Difference("9", "Qmail : status", "qmail: status: local 0/10 remote 0/20", greeting, "02", "a slip of the pen"),
    Difference(
        "9",
        r"data\n354",
        r"data\n503 RCPT first \(#5\.5\.1\)",
        without_rcpt,
        "",
        "one telnet of the text leaves RCPT out",
    ),
    Difference("9", r"from wahid@", "from <wahid@", log, "02", "the sender stands in brackets"),
    Difference("9", r"\.qp\d+", r" qp \d+", log, "02", "a slip of the pen"),
    Difference("9", "qmail: new msg", r"qmail: \d+\.\d{6} new msg", logged, "02", "splogger puts the time in front"),
    Difference("9", "status : ", "status: ", log, "02", "a slip of the pen"),
    Difference("9", r"to local  +", "to local aku", log, "02", "a slip of the pen"),
    Difference(
        "9", r"starting delivery 2: msg 53", "starting delivery 1: msg 53", log, "02", "start and end have one number"
    ),
    Difference(
        "9",
        r"failure: no_such_address\._#5\.1\.1_/",
        r"failure: Sorry,_no_mailbox_here_by_that_name\._\(#5\.1\.1\)/",
        log,
        "03",
        "another version's words",
    ),
    Difference("9", r"bounce msg 53\n", r"bounce msg 53 qp \d+\n", log, "03", "1.03 says which process queued it"),
    Difference(
        "9", r"bounce msg 53.*\nqmail: new msg 54", r"end msg 53\nqmail: new msg 54", log, "03", "the text left it out"
    ),
)


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda one: f"section {one.section}: {one.text_says}")
def test_mailsim_prints_what_real_qmail_prints(difference: Difference) -> None:
    printed = difference.where(difference.scenario)
    assert re.search(difference.mailsim_prints, printed)
    assert not re.search(difference.text_says, printed)
    assert difference.why
