"""binmail: the old way to deliver, into one mailbox a user in ``var/mail`` (the course text's sections 8 and 10).

qmail-local does not deliver there itself. It runs preline, which puts the envelope's lines in front of the message and
gives it to mail.local, BSD's program for ``/var/mail``. Sources: preline(1), mail.local(8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim import mbox
from sim.machine.calls import (
    Steps,
    chdir,
    close,
    flock,
    fork,
    fstat,
    fsync,
    ftruncate,
    lseek,
    open_,
    pipe,
    sigaction,
    time,
    wait,
    write,
)
from sim.qmail.common import become, read_all, write_all

SPOOL = "var/mail"
TRY_AGAIN = 75
TRY_LATER = 111


def preline(argv: Sequence[str], env: Mapping[str, str]) -> Steps:
    """``preline -f PROGRAM ARGUMENTS...``: give a program the message with Return-Path and Delivered-To in front.

    ``-f`` leaves out the ``From `` line, which the program writes itself. The program is the child, and its exit status
    ours: were it the other way round, nobody would hear that whoever copies the message has died over it.
    """
    yield sigaction(ignore=("PIPE",))
    message_out, message_in = yield pipe()
    child = yield fork(become, (argv[2], tuple(argv[2:])), {0: message_out, 1: 1})
    yield close(message_out)
    message = yield from read_all(0)
    try:
        yield from write_all(message_in, (env["RPLINE"] + env["DTLINE"]).encode("latin-1") + message)
    except BrokenPipeError:
        yield write(1, b"preline: fatal: unable to copy input: broken pipe\n")
        return TRY_LATER
    yield close(message_in)
    status = yield wait(child)
    if status < 0:
        yield write(1, b"preline: fatal: child crashed\n")
        return TRY_LATER
    return status


def mail_local(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``mail.local -r SENDER -d USER`` appends descriptor 0 to ``var/mail/USER``, locked and synced.

    Exit status 75: try again. ``From `` lines are quoted as in ``sim.mbox``; BSD quotes those after an empty line only.
    """
    sender, user = argv[2], argv[4]
    line = mbox.from_line(sender, (yield time()))
    message = yield from read_all(0)
    path = f"{SPOOL}/{user}"
    yield chdir("/")
    try:
        fd = yield open_(path, "a")
    except OSError as problem:
        yield write(1, f"mail.local: {path}: {mbox.reason(problem)}\n".encode("latin-1"))
        return TRY_AGAIN
    yield flock(fd)
    size = (yield fstat(fd)).size
    yield lseek(fd, size)
    try:
        yield write(fd, line + mbox.quoted(message) + b"\n")
        yield fsync(fd)
    except OSError as problem:
        yield ftruncate(fd, size)
        yield write(1, f"mail.local: {path}: {mbox.reason(problem)}\n".encode("latin-1"))
        return TRY_AGAIN
    yield close(fd)
    return 0
