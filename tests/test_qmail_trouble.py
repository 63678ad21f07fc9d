"""What qmail's daemons say when a call on a file fails, and that none of them dies of it (qmail-send.c, spawn.c)."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from qmail_lab import HOST, Lab

from sim.machine import kernel
from sim.machine.disk import failure
from sim.machine.streams import OpenFile

RECIPIENTS = [f"bob@{HOST}", f"nobody@{HOST}", "ok@refused.example"]
BY_PATH = ("open", "create", "unlink", "stat", "scandir")
BY_DESCRIPTOR = ("read", "write", "fsync", "fstat", "lseek")
# What is said when one call of a program fails, in a run that delivers to both channels and sends a bounce; "" where it
# does not matter. ``{}`` is the file.
SAID = {
    "qmail-send": {
        "open lock/trigger": "",
        "scandir todo": "alert: unable to opendir todo, sleeping...",
        "open todo/M": "warning: unable to open {}",
        "stat mess/M": "warning: unable to stat {}",
        "unlink info/M": "warning: unable to unlink {}",
        "create info/M": "warning: unable to create {}",
        "create local/M": "warning: unable to create {}",
        "create remote/M": "warning: unable to create {}",
        "read todo/M": "warning: trouble reading {}",
        "write info/M": "warning: trouble writing to {}",
        "write remote/M": "warning: trouble writing to {}",
        "fsync info/M": "warning: trouble fsyncing {}",
        "fsync local/M": "warning: trouble fsyncing {}",
        "fsync remote/M": "warning: trouble fsyncing {}",
        "open info/M": "warning: trouble opening {}; will try again later",
        "fstat info/M": "warning: trouble opening {}; will try again later",
        "read info/M": "warning: trouble opening {}; will try again later",
        "open remote/M": "warning: trouble opening {}; will try again later",
        "read local/M": "warning: trouble reading {}; will try again later",
        "read remote/M": "warning: trouble reading {}; will try again later",
        "open bounce/M": "alert: unable to append to bounce message; HELP! sleeping...",
        "write bounce/M": "alert: unable to append to bounce message; HELP! sleeping...",
        "fstat local/M": "warning: trouble marking {}; message will be delivered twice!",
        "lseek local/M": "warning: trouble marking {}; message will be delivered twice!",
        "stat remote/M": "warning: unable to stat {}",
    },
    "qmail-clean": {
        "unlink intd/M": "warning: qmail-clean unable to clean up todo/M",
        "unlink todo/M": "warning: qmail-clean unable to clean up todo/M",
    },
    "qmail-lspawn": {
        "open mess/M": "deferral: qmail-spawn_unable_to_open_message._(#4.3.0)/",
        "fstat mess/M": "deferral: qmail-spawn_unable_to_fstat_message._(#4.3.0)/",
        "open users/cdb": "deferral: Trouble_reading_users/cdb_in_qmail-lspawn./",
        "stat ~bob": "deferral: NFS_failure_in_qmail-local./",
    },
    "qmail-rspawn": {
        "open mess/M": "deferral: qmail-spawn_unable_to_open_message._(#4.3.0)/",
        "fstat mess/M": "deferral: qmail-spawn_unable_to_fstat_message._(#4.3.0)/",
    },
}
# The same for the programs that serve one message or one connection: what comes of the first letter. ``{}`` as above.
SAID_OF_ONE = {
    "qmail-smtpd": {"open control/me": "421 unable to read controls (#4.3.0)"},
    "qmail-queue": {
        "create pid/M": "250 ok",
        "fstat pid/M": "451 qq trouble creating files in queue (#4.3.0)",
        "write mess/M": "451 qq write error or disk full (#4.3.0)",
        "fsync intd/M": "451 qq write error or disk full (#4.3.0)",
        "create intd/M": "451 qq trouble creating files in queue (#4.3.0)",
        "open lock/trigger": "250 ok",
    },
    "qmail-local": {
        "lseek mess/M": "deferral: Unable_to_rewind_message._(#4.3.0)/",
        "read mess/M": "deferral: Unable_to_read_message:_input/output_error._(#4.3.0)/",
        "open ~alice/.qmail": "deferral: Unable_to_open_.qmail:_input/output_error._(#4.3.0)/",
        "fstat ~alice/.qmail": "deferral: Unable_to_open_.qmail:_input/output_error._(#4.3.0)/",
        "stat ~alice/.qmail-owner": "deferral: Unable_to_open_.qmail-owner:_input/output_error._(#4.3.0)/",
        "read ~alice/.qmail": "deferral: Out_of_memory._(#4.3.0)/",
        "stat ~alice/Maildir/tmp/M": "success: did_2+1+0/",
        "fsync ~alice/Maildir/tmp/M": "deferral: Temporary_error_on_maildir_delivery._(#4.3.0)/",
        "open ~alice/Mailbox": "deferral: Unable_to_open_./Mailbox:_input/output_error._(#4.2.1)/",
        "fsync ~alice/Mailbox": "deferral: Unable_to_write_./Mailbox:_input/output_error._(#4.3.0)/",
    },
    "qmail-remote": {
        "open control/smtproutes": "deferral: Unable_to_read_control_files._(#4.3.0)/",
        "read mess/M": "deferral: Unable_to_read_message._(#4.3.0)/",
    },
}
Refused = tuple[str, str]


@contextmanager
def refusing(program: str, place: int) -> Iterator[list[Refused]]:
    """Let a program's call on a file, the first being 1, fail with EIO; gives the calls that did."""
    usual = dict(kernel.HANDLERS)
    refused: list[Refused] = []
    seen = 0

    def refuse(verb: str, handler: Callable[..., Any]) -> Callable[..., Any]:
        def call(machine: Any, process: Any, words: Any) -> Any:
            nonlocal seen
            held = process.fds.get(words[1]) if verb in BY_DESCRIPTOR else None
            if process.program == program and (verb in BY_PATH or isinstance(held, OpenFile)):
                seen += 1
                if seen == place:
                    machine.target = held.name if held else process.name_of(words[1])
                    refused.append((verb, str(machine.target)))
                    raise failure(errno.EIO, str(machine.target))
            return handler(machine, process, words)

        return call

    kernel.HANDLERS.update({verb: refuse(verb, usual[verb]) for verb in (*BY_PATH, *BY_DESCRIPTOR)})
    try:
        yield refused
    finally:
        kernel.HANDLERS.update(usual)


def run_with(program: str, place: int) -> tuple[Lab, list[Refused]]:
    """Mail for both channels and for nobody, with the call refused once qmail runs; and ten days more."""
    lab = Lab(
        {"queuelifetime": "1000000\n"}, users={"alice": {".qmail": "./Maildir/\n"}, "bob": {".qmail": "./Maildir/\n"}}
    )
    lab.start()
    lab.run()
    with refusing(program, place) as refused:
        lab.inject(f"alice@{HOST}", RECIPIENTS, "Subject: x\n\nHello.\n")
        lab.run(20_000)
    lab.run(900_000)
    return lab, refused


@pytest.mark.parametrize("program", SAID)
def test_a_call_that_is_refused_is_told_and_tried_again_and_nobody_dies_of_it(program: str) -> None:
    place, met = 0, set()
    while True:
        place += 1
        lab, refused = run_with(program, place)
        if not refused:
            break
        verb, name = refused[0]
        call = f"{verb} {re.sub('[0-9]+$', 'M', name)}"
        said = [re.sub(r"/\d+(?!\d|/| r)", "/M", line) for line in lab.lines()]
        words = SAID[program].get(call, "").format(call.partition(" ")[2])
        met.add(call)
        assert any(line.endswith(words) for line in said), (call, said[:20])
        running = {process.program for process in lab.machine.processes.values()}
        assert running >= {"qmail-send", "qmail-clean", "qmail-lspawn", "qmail-rspawn"}, (call, running)
        assert len(lab.maildir("~bob/Maildir")) >= 1, (call, said[:20])
        assert not [one for one in lab.queue() if one.startswith(("todo/", "intd/", "local/"))], (call, lab.queue())
    assert met >= SAID[program].keys()


def test_what_cannot_be_found_out_at_the_start_is_looked_up_again() -> None:
    lab = Lab(users={"alice": {".qmail": "./Maildir/\n"}})
    lab.disk.put("mess/77", b"Subject: x\n\nHello.\n", "qmailq")
    lab.disk.put("info/77", f"Fbob@{HOST}\0".encode(), "qmails")
    lab.disk.put("local/77", f"Talice@{HOST}\0".encode(), "qmails")
    looped(lab, "remote/77")
    lab.after(60, lambda: lab.disk.unlink("remote/77"))
    lab.start()
    lab.run(300)
    assert lab.lines()[0] == "warning: unable to stat remote/77; will try again later"
    assert len(lab.maildir("~alice/Maildir")) == 1
    assert [round(t) for t, line in lab.log() if line.startswith("starting")] == [124]
    assert lab.queue() == []


def letter_with(program: str, place: int) -> tuple[list[str], Lab, list[Refused]]:
    """A letter by SMTP to a Maildir, an mbox, a forward and another host, one call refused; what was said of it."""
    homes = {"alice": {".qmail": f"./Maildir/\n./Mailbox\n&bob@{HOST}\n", ".qmail-owner": ""}, "bob": {}}
    lab = Lab(users=homes)
    lab.start()
    lab.run()
    with refusing(program, place) as refused:
        _, out = lab.smtp(
            f"HELO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<alice@{HOST}>\r\nRCPT TO:<ok@sink.example>\r\n"
            "DATA\r\nSubject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n".encode(),
            {"RELAYCLIENT": ""},
        )
        lab.run(10)
    return out.data.decode().splitlines() + lab.lines(), lab, refused


@pytest.mark.parametrize("program", SAID_OF_ONE)
def test_a_program_of_one_letter_says_which_call_failed_and_never_just_ends(program: str) -> None:
    place, met = 0, set()
    while True:
        place += 1
        said, lab, refused = letter_with(program, place)
        if not refused:
            break
        verb, name = refused[0]
        call = f"{verb} {re.sub('[0-9.]+(mail.example.org)?$', 'M', name)}"
        ends = [row for row in lab.trace.rows if row[2][0] == "exit" and row[5] is not None]
        assert not ends, (call, ends)
        if call in SAID_OF_ONE[program] and call not in met:
            met.add(call)
            assert any(SAID_OF_ONE[program][call] in line for line in said), (call, said)
    assert met == SAID_OF_ONE[program].keys()


def looped(lab: Lab, path: str) -> None:
    """A name that leads to itself: ELOOP, which is not the same as nothing there."""
    lab.disk.symlink(path.rpartition("/")[2], path, 0.0)


@pytest.mark.parametrize(("name", "text"), [("locals", "x.example\n"), ("virtualdomains", "x.example:alice\n")])
def test_controls_that_cannot_be_read(name: str, text: str) -> None:
    lab = Lab()
    lab.disk.remove(f"control/{name}", 0.0)
    looped(lab, f"control/{name}")
    lab.start()
    lab.run()
    assert lab.lines() == ["alert: cannot start: unable to read controls"]
    lab = Lab({name: text})
    lab.start()
    lab.run()
    lab.disk.unlink(f"control/{name}")
    looped(lab, f"control/{name}")
    lab.signal("qmail-send", "HUP")
    lab.inject("#@[]", ["alice@x.example"], "x\n")
    lab.run(1)
    assert lab.lines()[1] == f"alert: unable to reread control/{name}"
    assert any(" to local " in line for line in lab.lines()), "the old ones count"


@pytest.mark.parametrize(
    ("program", "said", "status"),
    [
        (("qmail-smtpd",), b"421 unable to read controls (#4.3.0)\r\n", 1),
        (("qmail-remote", "b.example", "a@b", "c@b"), b"ZUnable to read control files. (#4.3.0)\n\0", 0),
        (("qmail-inject", "a@a.example"), b"qmail-inject: fatal: read error\n", 111),
    ],
)
@pytest.mark.parametrize("name", ["me", "rcpthosts", "smtproutes", "idhost"])
def test_who_cannot_read_its_controls_says_so(program: tuple[str, ...], said: bytes, status: int, name: str) -> None:
    own = {"qmail-smtpd": ("me", "rcpthosts"), "qmail-remote": ("me", "smtproutes"), "qmail-inject": ("me", "idhost")}
    lab = Lab({"rcpthosts": "x\n", "smtproutes": "x\n", "idhost": "x\n"})
    lab.disk.unlink(f"control/{name}")
    looped(lab, f"control/{name}")
    process, out = lab.program(program, b"", "alice")
    errors = lab.attach(process, 2)
    lab.run(4000)
    unable = out.data + errors.data == said and process.status == status
    assert unable == (name in own[program[0]])


def test_a_server_that_cannot_answer_does_not_listen_either() -> None:
    lab = Lab()
    process, out = lab.smtp(b"HELO x\r\n")
    out.readers = 0
    lab.run()
    assert process.status == 1
    assert [row[2][0] for row in lab.trace.rows if row[1][1] == "qmail-smtpd"][-3:] == ["select", "write", "exit"]


def test_names_that_are_no_numbers_are_nobody_s_business() -> None:
    lab = Lab()
    for name in ("todo/²", "info/²", "mess/²", "mess/foo", "todo/1x"):
        lab.disk.put(name, b"")
    looped(lab, "pid/77")
    looped(lab, "mess/77")
    lab.start()
    lab.run(250_000)
    assert lab.lines() == ["status: local 0/10 remote 0/20"]
