"""How a host is set up: boot scripts and their default delivery, binmail, the spool's symbolic link."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from typing import Any

import pytest
from qmail_lab import HOST, Lab

import sim
from sim import scenario
from sim.machine.calls import Call, chmod, open_, read, stat, symlink, write
from sim.machine.disk import Disk
from sim.machine.process import Process
from sim.qmail.inetd import LINE
from sim.qmail.setup import BOOT_SCRIPTS
from sim.qmail.system import Qmail, Setup
from sim.run import Run
from sim.scenario import ScenarioError


def run(host: str, more: str = "") -> Run:
    text = f"title: x\nuntil: 1m\nhosts:\n  salman.itb.ac.id: {{{host}}}\n"
    letter = "mail: [{name: tes, at: 1s, from: wahid@salman.itb.ac.id, to: aku, subject: tes, body: From me}]\n"
    expected = "expect: [{delivered: aku@salman.itb.ac.id, mail: tes, copies: 1}]\n"
    return sim.run(scenario.loads(text + letter + expected + more))


# Boot scripts: section 10


@pytest.mark.parametrize(
    ("boot", "path"),
    [("home", "~aku/Mailbox"), ("binm1", "var/mail/aku"), ("maildir", "~aku/Maildir/new")],
)
def test_the_boot_script_says_where_mail_goes(boot: str, path: str) -> None:
    found = run(f"boot: {boot}, users: {{aku: }}")
    assert found.verdict.ok
    assert found.verdict.broken == []
    assert found.disks is not None
    assert [name for name in found.disks["salman.itb.ac.id"].files() if name.startswith(path)]
    (letter,) = found.mailbox("aku@salman.itb.ac.id")
    assert letter["subject"] == "tes"
    assert letter["delivered-to"] == "aku@salman.itb.ac.id"
    assert "is in the mailbox" in str(found.summary)
    assert BOOT_SCRIPTS[boot][:25] in str(found.ps("salman.itb.ac.id"))


def test_a_dot_qmail_file_comes_before_the_boot_script() -> None:
    found = run("boot: binm1, users: {aku: ./Maildir/}")
    assert found.verdict.ok
    assert "var/mail/aku" not in found.disks["salman.itb.ac.id"].files()  # type: ignore[index]


def test_binmail_writes_mbox_format_through_preline() -> None:
    lab = Lab(users={"alice": {}, "bob": {}})
    lab.machine.spawn("qmail-start", ("qmail-start", BOOT_SCRIPTS["binm1"], "splogger", "qmail"))
    for number in range(2):
        lab.inject(f"dave@{HOST}", [f"bob@{HOST}"], f"Subject: {number}\n\nFrom here on\n")
    lab.run(60)
    lines = lab.mbox("var/mail/bob").splitlines()
    assert lines[0].startswith("From dave@mail.example.org ")
    assert lines[1:3] == ["Return-Path: <dave@mail.example.org>", "Delivered-To: bob@mail.example.org"]
    assert lines.count(">From here on") == 2
    assert {row[1][1] for row in lab.trace.rows} >= {"qmail-local", "preline", "mail.local"}
    assert [line for _, line in lab.log() if "success" in line] == [
        "delivery 1: success: did_0+0+1/",
        "delivery 2: success: did_0+0+1/",
    ]


def test_a_preline_that_is_killed_over_the_message_makes_no_delivery_of_it() -> None:
    """mail.local takes what it got for the whole message; that this is no success only preline's end can say."""
    lab = Lab(users={"bob": {}})
    lab.machine.spawn("qmail-start", ("qmail-start", BOOT_SCRIPTS["binm1"], "splogger", "qmail"))

    def watch(when: str, process: Process, target: str | None) -> None:
        if when == "before" and process.program == "preline" and (target or "").startswith("mess/"):
            lab.machine.watch = None
            lab.machine.signal(process, "KILL")

    lab.machine.watch = watch
    lab.inject(f"dave@{HOST}", [f"bob@{HOST}"], "Subject: s\n\nwhole\n")
    lab.run(1000)
    results = [line.split(": ")[1] for _, line in lab.log() if line.startswith("delivery ")]
    assert results == ["deferral", "success"]
    assert "whole\n" in lab.mbox("var/mail/bob")


def test_binmail_that_cannot_write_is_tried_again() -> None:
    lab = Lab(users={"bob": {}})
    del lab.disk.directories["var/mail"]
    lab.machine.spawn("qmail-start", ("qmail-start", BOOT_SCRIPTS["binm1"], "splogger", "qmail"))
    lab.inject(f"dave@{HOST}", [f"bob@{HOST}"], "x\n")
    lab.run(60)
    assert any("deferral: mail.local:_var/mail/bob:_file_does_not_exist/" in line for _, line in lab.log())


def test_an_unknown_boot_script_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"s.yaml:2:27: .*boot: 'binm' is not one of home, binm1, maildir"):
        scenario.loads("title: x\nhosts: {a.example: {boot: binm}}", "s.yaml")
    with pytest.raises(ScenarioError, match=r"boot scripts are qmail's"):
        scenario.loads("title: x\nhosts: {a.example: {mta: none, boot: binm1}}")


def test_a_set_up_system_leaves_the_first_one_alone() -> None:
    system = Qmail()
    assert system.set_up(Setup("binm1")).setup.boot == "binm1"
    assert system.setup.boot == "home"


# Symbolic links: section 8


def play(calls: Iterable[Call]) -> tuple[list[Any], Disk]:
    """What calls give, one after the other; an OSError counts as its name."""
    lab = Lab(users={"aku": {}})
    results: list[Any] = []

    def program(argv: object, env: object) -> Any:  # noqa: ARG001
        for call in calls:
            try:
                results.append((yield call))
            except OSError as problem:
                results.append(errno.errorcode[problem.errno or 0])

    lab.machine.programs = {**lab.machine.programs, "play": program}
    lab.machine.spawn("play", ("play",))
    lab.run()
    return results, lab.disk


def test_a_symbolic_link_leads_to_a_file() -> None:
    results, disk = play(
        [
            symlink("~aku/Mailbox", "var/mail/aku"),
            stat("var/mail/aku"),
            open_("var/mail/aku", "a"),
            write(0, b"tes\n"),
            open_("var/mail/aku"),
            read(1),
            chmod("var/mail/aku", 0o640),
        ]
    )
    assert results == [None, "ENOENT", 0, 4, 1, b"tes\n", None]
    assert disk.files()["~aku/Mailbox"].mode == 0o640
    assert disk.files()["var/mail/aku"].kind == "symlink"


@pytest.mark.parametrize(
    ("target", "name", "found"),
    [("Mailbox", "var/mail/aku", "ENOENT"), ("../../~aku/box", "var/mail/aku", 4), ("box", "~aku/link", 4)],
)
def test_a_relative_target_goes_on_from_the_link_s_directory(target: str, name: str, found: object) -> None:
    results, _ = play([open_("~aku/box", "a"), write(0, b"tes\n"), symlink(target, name), open_(name), stat(name)])
    assert getattr(results[-1], "size", results[-1]) == found


def test_links_in_a_circle() -> None:
    results, _ = play([symlink("~aku/b", "~aku/a"), symlink("a", "~aku/b"), open_("~aku/a"), symlink("x", "~aku/a")])
    assert results == [None, None, "ELOOP", "EEXIST"]


def test_unlink_rename_and_link_are_about_the_link_itself(disk: Disk) -> None:
    disk.put("~wahid/Mailbox", b"x")
    disk.symlink("~wahid/Mailbox", "~wahid/link", 0.0)
    disk.rename("~wahid/link", "~wahid/other")
    disk.link("~wahid/other", "~wahid/third")
    disk.unlink("~wahid/other")
    assert disk.find("~wahid/third").data == b"x"
    assert disk.entry("~wahid/third").data == b"~wahid/Mailbox"
    disk.power_cut(1.0)
    assert disk.find("~wahid/third").data == b"x"


def test_binmail_follows_the_spool_s_link_home() -> None:
    lab = Lab(users={"bob": {}})
    lab.disk.symlink("~bob/Mailbox", "var/mail/bob", 0.0)
    lab.machine.spawn("qmail-start", ("qmail-start", BOOT_SCRIPTS["binm1"], "splogger", "qmail"))
    lab.inject(f"dave@{HOST}", [f"bob@{HOST}"], "x\n")
    lab.run(60)
    assert lab.mbox("~bob/Mailbox").count("Delivered-To") == 1


# What listens: tcpserver or inetd

CALLERS = """\
title: x
until: 30m
hosts:
  a.example: {%s, users: {ani: ./Mailbox}}
  pc.example: {mta: none}
mail:
  - {name: tes, from: budi@pc.example, via: a.example, to: ani@a.example, copies: 3, at: 1s}
  - {name: jauh, from: budi@pc.example, via: a.example, to: x@far.example, at: 2s}
expect:
  - {delivered: ani@a.example, copies: 3}
  - {refused: x@far.example, mail: jauh, reply: 553}
"""


@pytest.mark.parametrize(
    "how",
    ["listener: inetd", "listener: tcpserver", "control: {concurrencyincoming: 1}", "listener: inetd, boot: home"],
)
def test_mail_comes_in_through_either(how: str) -> None:
    found = sim.run(scenario.loads(CALLERS % how))
    assert [one.text for one in found.verdict.expectations if not one.holds] == []
    assert all(record.who[1] != "tcpserver" for record in found.trace) == ("inetd" in how)
    assert ("tcpserver -c 1 25 qmail-smtpd" in str(found.ps("a.example"))) == ("concurrency" in how)


def most_at_once(run: Run) -> int:
    """How many qmail-smtpd ran at the same time."""
    running, most = set(), 0
    for record in run.trace:
        if record.verb == "execve" and record.target == "qmail-smtpd":
            running.add(record.pid)
        elif record.verb == "exit":
            running.discard(record.pid)
        most = max(most, len(running))
    return most


def test_concurrencyincoming_is_a_limit() -> None:
    assert most_at_once(sim.run(scenario.loads(CALLERS % "control: {concurrencyincoming: 2}"))) == 2
    assert most_at_once(sim.run(scenario.loads(CALLERS % "boot: home"))) == 3
    assert most_at_once(sim.run(scenario.loads(CALLERS % "listener: inetd"))) == 3


def test_inetd_tries_again_when_the_port_is_taken() -> None:
    lab = Lab()
    lab.disk.put("etc/inetd.conf", b"# nothing\n" + LINE.encode())
    first = lab.machine.spawn("sendmail.8", ("sendmail", "-bd"))
    lab.machine.spawn("inetd", ("inetd",))
    lab.run(1)
    lab.machine.signal(first, "KILL")
    lab.run(599)
    assert lab.machine.listeners == {}
    lab.run(601)
    assert list(lab.machine.listeners) == [25]
    lab.disk.files("etc")["etc/inetd.conf"].data = b""
    lab.signal("inetd", "HUP")
    assert lab.machine.listeners == {}


def test_a_machine_without_qmail_runs_nothing_of_it() -> None:
    found = sim.run(scenario.loads("title: x\nuntil: 1m\nhosts: {a.example: {installed: no}}"))
    shown = str(found.ps("a.example"))
    assert "inetd" in shown
    assert "sendmail -bd" in shown
    assert "qmail" not in shown
    assert found.disks is not None
    assert "control/me" not in found.disks["a.example"].files()


def test_what_does_not_go_together_is_refused() -> None:
    for host, said in (
        ("mta: none, installed: no", "only qmail is installed by hand"),
        ("listener: inetd, tcprules: ':deny'", "inetd asks no tcprules"),
        ("listener: xinetd", "'xinetd' is not one of tcpserver, inetd"),
    ):
        with pytest.raises(ScenarioError, match=said):
            scenario.loads(f"title: x\nhosts: {{a.example: {{{host}}}}}")
