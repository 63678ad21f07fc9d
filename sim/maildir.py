"""Maildir: one file a message, complete before anyone can see it (maildir(5)).

A message is written to ``tmp/``, synced, and only then linked into ``new/``: no lock is needed and no reader
ever meets half a message. What a crash leaves in ``tmp/`` is the readers' business, after 36 hours.
"""

from __future__ import annotations

from collections.abc import Callable

from sim.machine.calls import (
    Steps,
    alarm,
    chdir,
    close,
    create,
    fsync,
    getpid,
    link,
    read,
    sigaction,
    sleep,
    stat_if_there,
    time,
    uname,
    unlink,
    write,
)

TIMEOUT_S = 86400
NO_MAILDIR, TIMED_OUT, READ_FAILED, WRITE_FAILED = 2, 3, 4, 1
SUBDIRECTORIES = ("tmp", "new", "cur")


def deliver(directory: str, prefix: bytes) -> Steps:
    """The child that writes descriptor 0, after ``prefix``, into a Maildir; exit status 0 when it is safe.

    Exit codes: 1 trouble writing, 2 no such Maildir, 3 timed out, 4 trouble reading.
    """
    try:
        yield chdir(directory)
    except OSError:
        return NO_MAILDIR
    pid = yield getpid()
    host = yield uname()
    name = yield from _free_name(pid, host)
    if not name:
        return WRITE_FAILED
    yield sigaction(catch=("ALRM",), ignore=("PIPE",))
    yield alarm(TIMEOUT_S)
    try:
        return (yield from _write(name, prefix))
    except InterruptedError:
        yield from _try_unlink(f"tmp/{name}")
        return TIMED_OUT


def _free_name(pid: int, host: str) -> Steps:
    for attempt in range(3):
        name = f"{(yield time())}.{pid}.{host}"
        if not (yield from _is_taken(f"tmp/{name}")):
            return name
        if attempt < 2:
            yield sleep(2)
    return ""


def _is_taken(path: str) -> Steps:
    """Whether there is such a file; one that cannot be looked at counts as one."""
    try:
        return (yield stat_if_there(path)) is not None
    except OSError:
        return True


def _write(name: str, prefix: bytes) -> Steps:
    temporary = f"tmp/{name}"
    try:
        fd = yield create(temporary)
    except OSError:
        return WRITE_FAILED
    try:
        status = READ_FAILED
        if (yield from copy_message(prefix, lambda piece: write(fd, piece))):
            yield fsync(fd)
            yield close(fd)
            yield link(temporary, f"new/{name}")
            status = 0
    except InterruptedError:
        raise
    except OSError:
        status = WRITE_FAILED
    yield from _try_unlink(temporary)
    return status


def _try_unlink(path: str) -> Steps:
    try:
        yield unlink(path)
    except OSError:
        return


def copy_message(prefix: bytes, put: Callable[[bytes], tuple[object, ...]]) -> Steps:
    """Descriptor 0 to its end through ``put``, behind ``prefix``; False when it cannot be read."""
    piece = prefix
    while True:
        try:
            more = yield read(0)
        except InterruptedError:
            raise
        except OSError:
            return False
        if piece or more:
            yield put(piece + more)
        if not more:
            return True
        piece = b""
