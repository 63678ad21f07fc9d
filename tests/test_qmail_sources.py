"""What nobody recorded, by qmail's sources and man pages: what is missing, what is odd, and what a signal does."""

from __future__ import annotations

import pytest
from qmail_lab import HOST, Lab, two_hosts

from sim.machine.process import Process
from sim.qmail import tcpto
from sim.qmail.addresses import quoted, sender_for
from sim.qmail.lspawn import report
from sim.qmail.setup import config_fast

ALICE = f"alice@{HOST}"


def strike(lab: Lab, program: str, verb: str, signal: str) -> None:
    """Before the next call of this kind, once, a signal."""

    def watch(when: str, process: Process, _target: str | None) -> None:
        if when == "before" and process.program == program and process.pending[0] == verb:
            lab.machine.watch = None
            lab.machine.signal(process, signal)

    lab.machine.watch = watch


def delivered(qmail: str, mode: int = 0o600, **files: str) -> list[str]:
    """What the log says of a letter to carol, whose ``.qmail`` this is."""
    lab = Lab(users={"alice": {".qmail": "./Maildir/\n"}, "carol": {}})
    lab.disk.put("~carol/.qmail", qmail.encode(), "carol", mode)
    for name, text in files.items():
        lab.disk.put(f"~carol/{name}", text.encode(), "carol", 0o600)
    lab.start()
    lab.run()
    lab.inject(ALICE, [f"carol@{HOST}"], "Subject: x\n\nHello.\n")
    lab.run(40)
    return [line.partition(": ")[2] for line in lab.lines() if line.startswith("delivery 1")]


# Addresses


@pytest.mark.parametrize("name", ["--", "-", "---", "a--b"])
def test_a_name_of_dashes_is_a_name(name: str) -> None:
    assert "Sorry,_no_mailbox_here_by_that_name." in str(two_hosts(f'to: "{name}@b.example"').log("b.example"))


@pytest.mark.parametrize(
    ("to", "what"),
    [
        ("x@[999.1.1.1]", "deferral: Sorry,_I_wasn't_able_to_establish_an_SMTP_connection._(#4.4.1)/"),
        ("x@[1..2.3]", "failure: Sorry,_I_couldn't_find_any_host_named_[1..2.3]._(#5.1.2)/"),
        ("bob@[266.0.0.2]", "success: 10.0.0.2_accepted_message."),
    ],
)
def test_an_address_literal_is_four_numbers_of_which_a_byte_counts(to: str, what: str) -> None:
    mine = ', control: {locals: "b.example\\n[266.0.0.2]", rcpthosts: "b.example"}'
    found = str(two_hosts(f'to: "{to}"', b=mine).log("a.example"))
    assert f"delivery 1: {what}" in found


def test_mail_to_nobody_is_delivered_to_nobody() -> None:
    lab = Lab()
    lab.start()
    lab.run()
    _, out = lab.smtp(f"HELO x\r\nMAIL FROM:<{ALICE}>\r\nRCPT TO:<>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n".encode())
    lab.run(1)
    assert b"250 ok 1795365667 qp " in out.data
    assert "delivery 1: success: " in lab.lines()
    assert not any("bounce" in line for line in lab.lines())


def test_a_word_without_an_at_sign_is_quoted_and_verp_splits_at_the_last() -> None:
    assert (quoted("we ird"), quoted("we ird@x"), quoted("")) == ('"we ird"', '"we ird"@x', "")
    assert sender_for("a@b-@c.example-@[]", "x@y") == "a@b-x=y@c.example"


# Control files


def test_without_me_names_are_the_names_of_their_files() -> None:
    lab = Lab({"me": None})
    lab.start()
    lab.run()
    assert lab.lines() == ["status: local 0/10 remote 0/20"], "locals is there"
    inject, out = lab.program(("qmail-inject", "-n"), b"To: bob\n", "alice", {"USER": "alice"})
    lab.disk.remove("control/defaultdomain", 0.0)
    lab.run()
    assert inject.status == 0
    assert b"To: bob@defaulthost.defaultdomain\n" in out.data
    assert b".qmail@idhost>" in out.data


def test_without_me_and_locals_there_is_no_start() -> None:
    lab = Lab({"me": None, "locals": None})
    lab.start()
    lab.run()
    assert lab.lines() == ["alert: cannot start: unable to read controls"]


def test_locals_that_are_gone_at_a_sighup_are_said() -> None:
    lab = Lab({"me": None})
    lab.start()
    lab.run()
    lab.disk.remove("control/locals", 0.0)
    lab.signal("qmail-send", "HUP")
    assert lab.lines()[-1] == "alert: unable to reread control/locals"


def test_an_empty_greeting_is_one() -> None:
    lab = Lab({"smtpgreeting": "\n"})
    _, out = lab.smtp(b"QUIT\r\n")
    lab.run()
    assert out.data.startswith(b"220  ESMTP\r\n")


def test_morercpthosts_counts_when_it_has_been_compiled() -> None:
    talk = b"MAIL FROM:<x@y>\r\nRCPT TO:<a@more.example>\r\nQUIT\r\n"
    lab = Lab({"morercpthosts": None})
    lab.disk.put("control/morercpthosts", b"more.example\n")
    answers = []
    for program in ("qmail-showctl", "qmail-newmrh"):
        _, out = lab.smtp(talk)
        lab.run()
        answers.append(b"553 sorry, that domain" in out.data)
        lab.machine.spawn(program, (program,))
        lab.run()
    _, out = lab.smtp(talk)
    lab.run()
    assert [*answers, b"553 sorry, that domain" in out.data] == [True, True, False]


@pytest.mark.parametrize(
    ("name", "domain", "plus"),
    [
        ("example.org", "example.org", "example.org"),
        ("mail.example.org", "example.org", "example.org"),
        ("a.b.c.d.e", "b.c.d.e", "d.e"),
        ("salman", "salman", "salman"),
    ],
)
def test_config_fast_s_two_domains(name: str, domain: str, plus: str) -> None:
    made = config_fast(name)
    assert (made["defaultdomain"], made["plusdomain"]) == (f"{domain}\n", f"{plus}\n")


def test_config_fast_adds_to_the_lists_and_says_all_it_does() -> None:
    lab = Lab({"rcpthosts": "old.example\n", "defaultdomain": "old.example\n"})
    _, out = lab.program(("config-fast", "mail.example.org"), b"", "root")
    lab.run()
    assert lab.disk.find("control/rcpthosts").data == b"old.example\nmail.example.org\n"
    assert lab.disk.find("control/defaultdomain").data == b"example.org\n"
    lines = out.data.decode().splitlines()
    assert lines[0] == "Your fully qualified host name is mail.example.org."
    assert lines[-2] == "Now qmail will refuse to accept SMTP messages except to mail.example.org."


# .qmail


@pytest.mark.parametrize(
    ("text", "mode", "what"),
    [
        ("", 0o700, "success: did_1+0+0/"),
        (" \t\n./Mailbox\n", 0o600, "deferral: Uh-oh:_first_line_of_.qmail_file_is_blank._(#4.2.1)/"),
        ("./Mailbox \n\n", 0o600, "success: did_1+0+0/"),
    ],
)
def test_an_empty_file_and_an_empty_line_are_not_the_same(text: str, mode: int, what: str) -> None:
    assert delivered(text, mode) == [what]


def test_the_from_line_says_when_the_delivery_began() -> None:
    lab = Lab(users={"alice": {".qmail": "|sleep 30\n./Mailbox\n"}})
    lab.start()
    lab.inject(ALICE, [ALICE], "x\n")
    lab.run(60)
    assert lab.mbox("~alice/Mailbox").startswith(f"From {ALICE} Sun Nov 22 16:41:07 2026\n")


def test_a_directory_is_no_qmail_file_and_the_search_goes_on() -> None:
    lab = Lab(users={"alice": {".qmaildefault": "&bob\n"}, "bob": {}})
    lab.disk.make_directories("~alice/.qmail")
    lab.start()
    lab.inject(ALICE, [ALICE], "x\n")
    lab.run(1)
    assert any("success: did_0+1+0/" in line for line in lab.lines())


def test_an_owner_counts_without_a_qmail_file_as_well() -> None:
    lab = Lab(users={"alice": {".qmail-owner": "./Maildir/\n"}, "bob": {".qmail": "./Maildir/\n"}})
    lab.machine.spawn("qmail-start", ("qmail-start", f"|forward bob@{HOST}", "splogger", "qmail"))
    lab.inject(f"bob@{HOST}", [ALICE], "x\n")
    lab.run(1)
    assert any("from <alice-owner@mail.example.org>" in line for line in lab.lines())


# Reports


def test_who_breaks_down_before_qmail_local_is_told_apart() -> None:
    assert report(118, b"") == b"ZTemporary failure in qmail-lspawn.\n"
    assert [report(status, b"x")[:1] for status in (0, 100, 111, 71, 74, 75, 1)] == [
        b"K",
        b"D",
        b"Z",
        b"Z",
        b"Z",
        b"Z",
        b"D",
    ]
    assert report(0, b"one\0two") == b"Kone"


def test_a_lookup_that_is_killed_puts_the_delivery_off() -> None:
    lab = Lab(users={"alice": {".qmail": "./Maildir/\n"}})
    lab.start()
    lab.run()
    strike(lab, "qmail-lspawn", "stat", "KILL")
    lab.inject(ALICE, [ALICE], "x\n")
    assert any(line.endswith("deferral: Temporary_failure_in_qmail-lspawn./") for line in lab.lines())


def test_a_message_of_another_s_is_put_off() -> None:
    lab = Lab()
    lab.start()
    lab.run()

    def steal(_when: str, process: Process, target: str | None) -> None:
        if process.program == "qmail-lspawn" and process.pending[0] == "fstat":
            lab.disk.find(str(target)).owner = "root"

    lab.machine.watch = steal
    lab.inject(ALICE, [ALICE], "x\n")
    assert any("deferral: Sorry,_message_has_wrong_owner._(#4.3.5)/" in line for line in lab.lines())


# What is missing, and what is refused


def test_without_a_trigger_the_queue_is_looked_at_every_25_minutes() -> None:
    lab = Lab()
    lab.disk.remove("lock/trigger", 0.0)
    lab.start()
    lab.run()
    lab.inject(ALICE, [ALICE], "x\n")
    lab.run(1000)
    assert "new msg M1" not in lab.lines()
    lab.run(1600)
    assert "end msg M1" in lab.lines()


def test_without_a_mutex_there_is_no_start() -> None:
    lab = Lab()
    lab.disk.remove("lock/sendmutex", 0.0)
    lab.start()
    lab.run()
    assert lab.lines() == ["alert: cannot start: unable to open mutex"]


@pytest.mark.parametrize("spoil", ["rm /etc/tcp.smtp", "echo garbage >> /etc/tcp.smtp"])
def test_rules_that_cannot_be_read_let_nobody_in_and_tcpserver_goes_on(spoil: str) -> None:
    steps = f"steps:\n  - {{at: 1s, on: b.example, run: '{spoil}'}}\n  - {{at: 60s, on: b.example, run: ps ax}}\n"
    played = two_hosts("to: bob@b.example", more=steps)
    assert "deferral: Connected_to_10.0.0.2_but_connection_died." in str(played.log("a.example"))
    printed = [row[2] for row in played.trace.rows if row[1][:2] == ("b.example", "ps") and row[2][0] == "write"]
    assert any(b"tcpserver" in call[2] for call in printed)


def test_the_child_asks_for_the_client_s_name_so_that_nobody_else_waits() -> None:
    played = two_hosts("to: bob@b.example")
    children = {row[1][2] for row in played.trace.rows if row[1][1] == "tcpserver" and row[2][0] == "query"}
    server = next(row[1][2] for row in played.trace.rows if row[1][1] == "tcpserver" and row[2][0] == "listen")
    assert children
    assert server not in children


# The table of time-outs


def test_a_refusal_forgets_the_time_outs_but_not_when_they_were() -> None:
    known = bytes([10, 0, 0, 2])
    assert tcpto._changed([(known, 3, 100)], known, False, 500) == (0, (known, 0, 100))
    assert tcpto._changed([(known, 0, 100)], known, True, 110) == (0, (known, 1, 110))
    assert tcpto._changed([(known, 1, 100)], known, True, 110) is None


# Signals


@pytest.mark.parametrize("program", ["qmail-lspawn", "qmail-rspawn", "qmail-clean", "qmail-send"])
def test_the_daemons_ignore_sigpipe(program: str) -> None:
    lab = Lab()
    lab.start()
    lab.run()
    lab.signal(program, "PIPE")
    lab.inject(ALICE, [ALICE], "x\n")
    assert "end msg M1" in lab.lines()


def test_qmail_queue_does_not_quit() -> None:
    lab = Lab()
    process = lab.machine.spawn("hand-in", ("hand-in", ALICE, ALICE), user="alice", stdin=b"x\n")
    strike(lab, "qmail-queue", "fsync", "QUIT")
    lab.run()
    assert process.status == 0


def test_multilog_begins_new_files_at_sigalrm_and_ends_with_the_line_at_sigterm() -> None:
    lab = Lab()
    process = lab.machine.spawn("multilog", ("multilog", "./log"), user="qmaill")
    mouth = lab.mouth(process)
    mouth.put(b"one\nun")
    lab.run()
    lab.machine.signal(process, "ALRM")
    lab.run()
    assert len(lab.disk.directories["log"]) == 4, "current, lock, state and what current held"
    lab.machine.signal(process, "TERM")
    lab.run()
    assert process.state != "dead", "a line is under way"
    mouth.put(b"finished\nlost\n")
    lab.run()
    assert (process.state, process.status) == ("dead", 0)
    assert lab.disk.find("log/current").data == b"unfinished\n"


def test_a_preline_says_that_its_program_crashed() -> None:
    lab = Lab(users={"alice": {".qmail": "|preline -f /usr/libexec/mail.local -r ${SENDER:-MAILER-DAEMON} -d $USER\n"}})
    lab.start()
    lab.run()
    strike(lab, "mail.local", "fsync", "KILL")
    lab.inject(ALICE, [ALICE], "x\n")
    assert any(line.endswith("deferral: preline:_fatal:_child_crashed/") for line in lab.lines())


# The end


def test_the_log_says_that_a_message_has_ended_before_its_info_goes() -> None:
    lab = Lab()
    lab.start()
    lab.inject(ALICE, [ALICE], "x\n")
    calls = [(row[2], row[3]) for row in lab.trace.rows if row[1][1] == "qmail-send"]
    end = next(place for place, (call, _) in enumerate(calls) if call[0] == "write" and call[2][:3] == b"end")
    assert calls[end + 1][0][0] == "unlink"
    assert str(calls[end + 1][1]).startswith("info/")


def test_sendmail_passes_over_what_it_does_not_know_and_asks_for_a_mode() -> None:
    lab = Lab()
    started = []
    for words in (("-Efoo", "-t"), ("-J", "bob"), ("-b",)):
        process = lab.machine.spawn("sendmail", ("sendmail", *words), user="alice", stdin=b"To: bob\n\nx\n")
        usage = lab.attach(process, 2)
        lab.run()
        started.append((process.program, b"usage" in usage.data))
    assert started == [("qmail-inject", False), ("qmail-inject", False), ("sendmail", True)]


def test_without_its_spawner_qmail_send_leaves_though_a_delivery_was_under_way() -> None:
    lab = Lab(users={"alice": {".qmail": "|sleep 100\n"}})
    lab.start()
    lab.inject(ALICE, [ALICE], "x\n")
    lab.run(1)
    lab.signal("qmail-lspawn", "KILL")
    lab.run(5)
    assert lab.lines()[-2:] == ["alert: oh no! lost spawn connection! dying...", "status: exiting"]


def test_a_host_that_refuses_is_one_that_answers() -> None:
    lab = Lab()
    lab.start()
    lab.run()
    table = lab.disk.find("lock/tcpto")
    table.data = tcpto.ENTRY.pack(bytes([127, 0, 0, 1]), 1, 7) + table.data[tcpto.ENTRY.size :]
    lab.inject(ALICE, ["x@refused.example"], "x\n")
    lab.run(1)
    assert tcpto.ENTRY.unpack(lab.disk.find("lock/tcpto").data[: tcpto.ENTRY.size]) == (bytes([127, 0, 0, 1]), 0, 7)
