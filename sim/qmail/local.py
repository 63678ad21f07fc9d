"""qmail-local: deliver one message to one recipient, by the lines of a ``.qmail`` file (dot-qmail(5)).

It runs as the recipient, in the recipient's home directory, with the message on descriptor 0; what it says on
descriptor 1 ends up in qmail-send's log. Exit status 0 is success, 100 permanent, 111 temporary failure.
Forwards are collected and sent in the end, all in one message, and only if nothing failed before.

Left out: a home directory that is writable by others or sticky, for which qmail-local puts a delivery off, because
directories have no modes here.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sim import maildir, mbox
from sim.machine.calls import (
    Call,
    Steps,
    chdir,
    close,
    fork,
    fstat,
    lseek,
    open_if_there,
    read,
    sigaction,
    stat_if_there,
    time,
    wait,
    write,
)
from sim.notation import dotqmail
from sim.qmail.addresses import quoted
from sim.qmail.common import read_all
from sim.qmail.handover import abandon_queue, close_queue, open_queue, put
from sim.qmail.program import run_program

PERMANENT_CODES = (100, 64, 65, 70, 76, 77, 78, 112)
WRITABLE, EXECUTABLE = 0o002, 0o100  # by everybody (conf-patrn); the x bit: a list that only forwards
FORBIDDEN = {"mbox": "file", "maildir": "file", "program": "prog"}
MAILDIR_TROUBLE = {
    maildir.NO_MAILDIR: "Unable to chdir to maildir. (#4.2.1)\n",
    maildir.TIMED_OUT: "Timeout on maildir delivery. (#4.3.0)\n",
    maildir.READ_FAILED: "Unable to read message. (#4.3.0)\n",
}


class Failed(Exception):  # noqa: N818 - how qmail-local ends, not an error of the simulator
    """Stop delivering with an exit code, after saying ``text``."""

    def __init__(self, code: int, text: str = "") -> None:
        self.code = code
        self.text = text


class Job(NamedTuple):
    """The delivery: whose it is, for which address, from whom, and what to do without a ``.qmail``."""

    user: str
    home: str
    local: str
    dash: str
    extension: str
    domain: str
    sender: str
    instruction: str

    @property
    def recipient(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def delivered_to(self) -> bytes:
        recipient = self.recipient.replace("\n", "_")
        return f"Delivered-To: {recipient}\n".encode("latin-1")

    @property
    def return_path(self) -> bytes:
        sender = quoted(self.sender).replace("\n", "_")
        return f"Return-Path: <{sender}>\n".encode("latin-1")


def qmail_local(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``argv``: ``--``, then what a Job holds (qmail-local(8))."""
    yield sigaction(ignore=("PIPE",))
    job = Job(*argv[2:])  # behind the "--" that ends the options
    try:
        did = yield from _deliver(job)
    except Failed as end:
        if end.text:
            yield write(1, end.text.encode("latin-1"))
        return end.code
    yield write(1, did.encode("latin-1"))
    return 0


def _deliver(job: Job) -> Steps:
    try:
        yield chdir(job.home)
    except OSError:
        raise Failed(111, f"Unable to switch to {job.home}: file does not exist. (#4.3.0)\n") from None
    started = yield time()
    yield from _refuse_loop(job)
    text, sender, forward_only = yield from _instructions(job)
    if not text.partition("\n")[0].rstrip(" \t"):
        raise Failed(111, "Uh-oh: first line of .qmail file is blank. (#4.2.1)\n")
    counts = {"file": 0, "forward": 0, "program": 0}
    forwards: list[str] = []
    for line in dotqmail.heed(text):
        if forward_only and line.kind in FORBIDDEN:
            raise Failed(111, f"Uh-oh: .qmail has {FORBIDDEN[line.kind]} delivery but has x bit set. (#4.7.0)\n")
        if line.kind == "forward":
            forwards.append(line.text)
        elif line.kind == "reserved":
            forward_only = forward_only or line.text == "list"
        elif line.kind in ("maildir", "mbox"):
            yield from (_maildir(line.text, job) if line.kind == "maildir" else _mbox(line.text, job, started))
            counts["file"] += 1
        elif line.kind == "program":
            counts["program"] += 1
            if (yield from _program(line.text, sender, job)) == 99:
                break
    qp = ""
    if forwards:
        counts["forward"] = len(forwards)
        qp = yield from _forward(forwards, sender, job)
    return f"did {counts['file']}+{counts['forward']}+{counts['program']}\n{qp}"


def _rewind() -> Steps:
    """Whoever is next reads the message from its beginning."""
    try:
        yield lseek(0, 0)
    except OSError:
        raise Failed(111, "Unable to rewind message. (#4.3.0)\n") from None


def _unable(what: str, problem: OSError) -> Failed:
    return Failed(111, f"Unable to {what}: {mbox.reason(problem)}. (#4.3.0)\n")


def _refuse_loop(job: Job) -> Steps:
    """A message that has this very Delivered-To line has been here before."""
    yield from _rewind()
    header = end = b""
    try:
        while not end and (piece := (yield read(0))):
            header, end, _ = (header + piece).partition(b"\n\n")
    except OSError as problem:
        raise _unable("read message", problem) from None
    lines = header.split(b"\n") if end else header.split(b"\n")[:-1]
    if job.delivered_to.rstrip(b"\n") in lines:
        raise Failed(100, "This message is looping: it already has my Delivered-To line. (#5.4.6)\n")


def _instructions(job: Job) -> Steps:
    """The text of the ``.qmail`` file that applies, the sender of what it forwards, and whether that is all it may."""
    extension = job.extension.lower().replace(".", ":")
    cuts = [i for i in range(len(extension), -1, -1) if i == 0 or extension[i - 1] == "-"]
    name = f".qmail{job.dash}{extension}"
    fd, mode = yield from _search([name, *(f".qmail{job.dash}{extension[:cut]}default" for cut in cuts)])
    if fd is None and job.dash:
        raise Failed(100, "Sorry, no mailbox here by that name. (#5.1.1)\n")
    sender = yield from _owner(job, name)
    text = ""
    if fd is not None:
        try:
            text = (yield from read_all(fd)).decode("latin-1")
        except OSError:
            raise Failed(111, "Out of memory. (#4.3.0)\n") from None  # qmail knows no other reason
        yield close(fd)
    return (text, sender, bool(mode & EXECUTABLE)) if text else (job.instruction, sender, False)


def _search(names: list[str]) -> Steps:
    """The first of these that is a file, opened, and its mode; a directory of that name is none."""
    for name in names:
        fd = yield from _tried(name, open_if_there(name))
        if fd is None:
            continue
        try:
            mode = (yield fstat(fd)).mode
        except OSError as problem:
            raise _unable(f"open {name}", problem) from None
        if mode & WRITABLE:
            raise Failed(111, "Uh-oh: .qmail file is writable. (#4.7.0)\n")
        return fd, mode
    return None, 0


def _tried(name: str, call: Call) -> Steps:
    """The answer of a call on a ``.qmail`` file, None where there is none; trouble that may go away is no answer."""
    try:
        return (yield call)
    except OSError as problem:
        if problem.errno == errno.EIO:
            raise _unable(f"open {name}", problem) from None
        return None


def _owner(job: Job, name: str) -> Steps:
    """With a ``.qmail…-owner``, bounces of what is forwarded go to the owner; with a default as well, one by one."""
    if not job.sender or job.sender == "#@[]":
        return job.sender
    owner, default = f"{name}-owner", f"{name}-owner-default"
    if (yield from _tried(owner, stat_if_there(owner))) is None:
        return job.sender
    if (yield from _tried(default, stat_if_there(default))) is None:
        return f"{job.local}-owner@{job.domain}"
    return f"{job.local}-owner-@{job.domain}-@[]"


def _maildir(directory: str, job: Job) -> Steps:
    yield from _rewind()
    child = yield fork(maildir.deliver, (directory, job.return_path + job.delivered_to))
    status = yield wait(child)
    if status < 0:
        raise Failed(111, "Aack, child crashed. (#4.3.0)\n")
    if status:
        raise Failed(111, MAILDIR_TROUBLE.get(status, "Temporary error on maildir delivery. (#4.3.0)\n"))


def _mbox(path: str, job: Job, started: int) -> Steps:
    """The ``From `` line says when the delivery began, however long the lines before this one took."""
    yield from _rewind()
    line = mbox.from_line(job.sender, started)
    trouble = yield from mbox.deliver(path, line + job.return_path + job.delivered_to)
    if trouble:
        raise Failed(111, trouble)


def _program(text: str, forwarder: str, job: Job) -> Steps:
    """Run a program with what qmail-command(8) tells it; bounces of what it forwards go to ``forwarder``."""
    env = {
        "SENDER": job.sender,
        "NEWSENDER": forwarder,
        "RECIPIENT": job.recipient,
        "USER": job.user,
        "HOME": job.home,
        "LOCAL": job.local,
        "HOST": job.domain,
        "EXT": job.extension,
        "RPLINE": job.return_path.decode("latin-1"),
        "DTLINE": job.delivered_to.decode("latin-1"),
    }
    yield from _rewind()
    child = yield fork(run_program, (text, env))
    status = yield wait(child)
    if status < 0:
        raise Failed(111, "Aack, child crashed. (#4.3.0)\n")
    if status in PERMANENT_CODES:
        raise Failed(100)
    if status not in (0, 99):
        raise Failed(111)
    return status


def _forward(recipients: list[str], sender: str, job: Job) -> Steps:
    """One new message for all forward lines, with a Delivered-To line on top against loops."""
    yield from _rewind()
    queue = yield from open_queue()
    yield from put(queue, job.delivered_to)
    try:
        while piece := (yield read(0)):
            yield from put(queue, piece)
    except OSError:
        trouble = yield from abandon_queue(queue)
    else:
        trouble = yield from close_queue(queue, sender, recipients)
    if trouble:
        raise Failed(100 if trouble[0] == "D" else 111, f"Unable to forward message: {trouble[1:]}.\n")
    return f"qp {queue.qp}\n"
