"""multilog: log lines with time stamps, in a directory of files that cannot grow too large (multilog(8)).

The actions ``t``, ``sSIZE``, ``nNUM`` and directories are played; patterns, processors and status files are not. A
program here can ask for whole seconds only, so the nanoseconds of a stamp are 0. qmail-start names its logger as its
arguments do: ``qmail-start ./Mailbox multilog t ./log``. SIGALRM begins new files, SIGTERM ends it with the line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from sim.machine.calls import (
    Steps,
    close,
    flock,
    fstat,
    fsync,
    mkdir,
    open_,
    read,
    rename,
    scandir,
    sigaction,
    time,
    unlink,
)
from sim.qmail.common import write_all

STDERR = 2
SIZE, LEAST_SIZE, MOST_SIZE = 99_999, 4096, 16_777_215
FILES, LEAST_FILES = 10, 2
NEAR_THE_END = 2000
TAI_EPOCH = 2**62 + 10
FAILED, WRONG_CALL = 111, 100


@dataclass(slots=True)
class Log:
    """One directory: ``limit`` is when ``current`` is big enough (bytes), ``files`` how many there may be with it."""

    directory: str
    limit: int
    files: int
    fd: int = -1
    size: int = 0
    unwritten: bytes = b""


def multilog(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """Descriptor 0 to all the logs that ``argv`` names; exit status 111 when one cannot be used, 100 for bad words."""
    stamped = "t" in argv[1:]
    logs = _logs(argv[1:])
    if logs is None:
        yield from write_all(STDERR, b"multilog: fatal: there is an action that is not played\n")
        return WRONG_CALL
    yield sigaction(catch=("ALRM", "TERM"))
    for log in logs:
        try:
            yield from _open(log)
        except OSError:
            yield from write_all(STDERR, f"multilog: fatal: unable to use {log.directory}\n".encode())
            return FAILED
    rest = stamp = b""
    ending, more = False, read(0)
    while not ending or rest:  # SIGTERM: the line that is under way is the last
        try:
            piece = yield more
        except InterruptedError as sent:
            ending = ending or sent.filename == "TERM"
            if sent.filename == "ALRM":
                yield from _rotate(logs)
            continue
        if not piece:
            break
        now = tai64n((yield time())).encode() + b" " if stamped else b""
        stamp = stamp if rest else now
        *lines, rest = (rest + piece).split(b"\n")
        if ending and lines:
            lines, rest = lines[:1], b""
        for line in lines:
            yield from _log(logs, stamp + line + b"\n")
            stamp = now
        for log in logs:
            yield from _flush(log)
    if rest:
        yield from _log(logs, stamp + rest + b"\n")
    for log in logs:
        yield from _finish(log)
    return 0


def _rotate(logs: Sequence[Log]) -> Steps:
    """SIGALRM: what ``current`` holds becomes a file of its own now."""
    for log in logs:
        if log.size:
            yield from _switch(log)


def _logs(script: Sequence[str]) -> list[Log] | None:
    """What the arguments ask for; a size or number counts for the directories after it. None: something unknown."""
    found: list[Log] = []
    size, files = SIZE, FILES
    for action in script:
        number = action[1:]
        if action[:1] in (".", "/"):
            found.append(Log(action.rstrip("/"), size, files))
        elif action[:1] == "s" and number.isdecimal():
            size = min(max(int(number), LEAST_SIZE), MOST_SIZE)
        elif action[:1] == "n" and number.isdecimal():
            files = max(int(number), LEAST_FILES)
        elif action != "t":
            return None
    return found


def _open(log: Log) -> Steps:
    """Nobody else may write here; what an earlier multilog wrote is continued."""
    try:
        yield mkdir(log.directory)
    except FileExistsError:
        pass
    lock = yield open_(f"{log.directory}/lock", "a")
    yield flock(lock, False)
    yield from _current(log)


def _current(log: Log) -> Steps:
    log.fd = yield open_(f"{log.directory}/current", "a")
    log.size = (yield fstat(log.fd)).size


def _log(logs: Sequence[Log], line: bytes) -> Steps:
    """Into each log, whole lines only; a file ends shortly before it would be too large."""
    for log in logs:
        log.unwritten += line
        if log.size + len(log.unwritten) > log.limit - NEAR_THE_END:
            yield from _switch(log)


def _flush(log: Log) -> Steps:
    yield from write_all(log.fd, log.unwritten)
    log.size += len(log.unwritten)
    log.unwritten = b""


def _finish(log: Log) -> Steps:
    yield from _flush(log)
    yield fsync(log.fd)
    yield close(log.fd)


def _switch(log: Log) -> Steps:
    """``current`` is safe on the disk before it gets its last name; the oldest file goes when there are too many."""
    yield from _finish(log)
    old = sorted(name for name in (yield scandir(log.directory)) if name.startswith("@"))
    now = yield time()
    name = next(one for tick in count() if (one := f"{tai64n(now, tick)}.s") > max(old, default=""))
    yield rename(f"{log.directory}/current", f"{log.directory}/{name}")
    if len(old) + 1 >= log.files:
        yield unlink(f"{log.directory}/{(*old, name)[0]}")
    yield from _current(log)


def tai64n(unix_s: int, nanoseconds: int = 0) -> str:
    """The external TAI64N label of a UNIX time (libtai), counted as daemontools does: without leap seconds since 1970.

    >>> tai64n(1795365929, 77424500)
    '@400000006b031c33049d6774'
    """
    return f"@{TAI_EPOCH + unix_s:016x}{nanoseconds:08x}"


def unix_time(label: str) -> tuple[int, int]:
    """The UNIX time of a TAI64N label, and its nanoseconds; ValueError if it is not one.

    >>> unix_time("@400000006b031c33049d6774")
    (1795365929, 77424500)
    """
    if label[:1] != "@" or len(label) != 25:
        raise ValueError(f"{label!r} is not a TAI64N label")
    return int(label[1:17], 16) - TAI_EPOCH, int(label[17:], 16)
