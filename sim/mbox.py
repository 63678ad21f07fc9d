r"""mbox: all messages in one file, kept apart by ``From `` lines (mbox(5)).

A delivery locks the file, appends, syncs; a long message goes out a buffer at a time. A line that looks like a
``From `` line gets a ``>`` in front, whatever number of them it has already. What a crash leaves unfinished stays, and
the next message is glued to it: that is the lesson of the format.
"""

from __future__ import annotations

import errno
import re
from datetime import UTC, datetime

from sim.machine.calls import Steps, alarm, close, flock, fstat, fsync, ftruncate, lseek, open_, read, sigaction, write

LOCK_TIMEOUT_S = 30
BUFFER = 1024
FROM = re.compile(rb"^(>*From )", re.MULTILINE)


def from_line(sender: str, time_s: int) -> bytes:
    r"""The line in front of a message: the envelope sender and the date as ctime(3) has it.

    >>> from_line("", 1321923600)
    b'From MAILER-DAEMON Tue Nov 22 01:00:00 2011\n'
    """
    name = sender.replace(" ", "-").replace("\t", "-").replace("\n", "-") or "MAILER-DAEMON"
    at = datetime.fromtimestamp(time_s, UTC)
    return f"From {name} {at:%a %b} {at.day:2} {at:%H:%M:%S %Y}\n".encode("latin-1")


def quoted(text: bytes) -> bytes:
    r"""Message text with its ``From `` lines quoted, and a line end at its end.

    >>> quoted(b"From here on\n>From quoted\nend")
    b'>From here on\n>>From quoted\nend\n'
    """
    text = FROM.sub(rb">\1", text)
    return text if text.endswith(b"\n") or not text else text + b"\n"


def deliver(path: str, header: bytes) -> Steps:
    """Append descriptor 0 to an mbox; gives an empty text, or what went wrong (temporary)."""
    try:
        fd = yield open_(path, "a")
    except OSError as problem:
        return f"Unable to open {path}: {reason(problem)}. (#4.2.1)\n"
    yield sigaction(catch=("ALRM",), ignore=("PIPE",))
    yield alarm(LOCK_TIMEOUT_S)
    try:
        yield flock(fd)
    except OSError:
        yield close(fd)
        return f"File has been locked for {LOCK_TIMEOUT_S} seconds straight. (#4.3.0)\n"
    yield alarm(0)
    size, doing = None, f"write {path}"
    try:
        size = (yield fstat(fd)).size
        yield lseek(fd, size)
        doing = "read message"
        message = yield from _message()
        doing = f"write {path}"
        yield from _append(fd, header + quoted(message) + b"\n")
    except OSError as problem:
        if size is not None:
            yield ftruncate(fd, size)
        yield close(fd)
        return f"Unable to {doing}: {reason(problem)}. (#4.3.0)\n"
    return ""


def _message() -> Steps:
    message = b""
    while piece := (yield read(0)):
        message += piece
    return message


def _append(fd: int, text: bytes) -> Steps:
    for start in range(0, len(text), BUFFER):
        yield write(fd, text[start : start + BUFFER])
    yield fsync(fd)
    yield close(fd)


def reason(problem: OSError) -> str:
    """An errno in qmail's words."""
    words = {
        "ENOSPC": "out of disk space",
        "ENOENT": "file does not exist",
        "EISDIR": "is a directory",
        "EIO": "input/output error",
    }
    return words.get(errno.errorcode.get(problem.errno or 0, ""), "temporary failure")
